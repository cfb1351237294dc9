"""Waiting until this rollout, and no older one, answers (design: rule 9): by watch, never by sleep for luck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio import activity

from activities.answering import Answering
from activities.capture import Capture
from activities.errors import gateway_errors
from activities.heartbeats import heartbeats
from activities.protocols import Cluster, Logs
from activities.workload import follow
from environments import labels
from environments.model import Phase
from environments.readiness import Readiness, ReadinessState, given_up, judge
from environments.work import DeployWork, RolloutRequest, Verdict


@dataclass(frozen=True)
class WaitingActivities:
    cluster: Cluster
    answering: Answering
    logs: Logs
    start_timeout: timedelta = timedelta(minutes=5)

    @activity.defn
    @gateway_errors
    async def wait_ready(self, work: DeployWork) -> Verdict:
        """Ready once pods of this rollout run, older ones are out and the URL answers; else why not, and whose log says so."""
        last = Readiness(state=ReadinessState.WAITING, reason="Starting", message="Nothing has started yet.")
        capture = Capture(self.cluster, self.logs, work.request)
        async with heartbeats():
            try:
                async with asyncio.timeout(self.start_timeout.total_seconds()) as limit:
                    async for last in self._states(work.request, capture):
                        if last.state is ReadinessState.READY:
                            return await self.answering.verdict(work, limit)
                        if last.state is ReadinessState.FAILED:
                            await capture.finish()
                            return self._failed(work, last)
            except TimeoutError:
                return self._failed(work, given_up(last, self.start_timeout))
            finally:
                await capture.aclose()
        raise AssertionError("the watch ended by itself")

    async def _states(self, request: RolloutRequest, capture: Capture) -> AsyncIterator[Readiness]:
        async with aclosing(follow(self.cluster, request.namespace, {labels.UID: request.uid})) as workloads:
            async for workload in workloads:
                pods = list(workload.pods.values())
                capture.look(each for each in pods if _is_of(each, request))
                yield judge(request.rollout, list(workload.deployments.values()), pods)

    def _failed(self, work: DeployWork, last: Readiness) -> Verdict:
        return Verdict(
            phase=Phase.FAILED,
            reason=last.reason,
            message=" ".join(part for part in (last.message, last.hint) if part),
            failed_log=work.request.log_id("container") if last.container else None,
        )


def _is_of(pod: dict[str, object], request: RolloutRequest) -> bool:
    metadata = cast("dict[str, dict[str, str]]", pod["metadata"])
    return metadata.get("labels", {}).get(labels.ROLLOUT) == str(request.rollout)
