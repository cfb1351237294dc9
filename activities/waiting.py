"""Waiting until this rollout, and no older one, answers (design: rule 9): by watch, never by sleep for luck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio import activity

from activities.capture import Capture
from activities.errors import gateway_errors
from activities.heartbeats import heartbeats
from activities.protocols import Cluster, Logs, Probe
from activities.workload import follow
from environments import labels, names
from environments.deployment.objects import DEFAULT_PORT
from environments.model import DeploymentMethod, Phase, PlatformAddress
from environments.readiness import AWAY, NOT_ANSWERING, Readiness, ReadinessState, given_up, judge, not_answering
from environments.work import DeployWork, RolloutRequest, Verdict

PROBE_SECONDS = 0.1
"""Between two questions to the ingress, which needs some 0.3 s to learn of a new host."""


@dataclass(frozen=True)
class WaitingActivities:
    cluster: Cluster
    probe: Probe
    logs: Logs
    address: PlatformAddress
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
                            return await self._answering(work, limit)
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

    async def _answering(self, work: DeployWork, limit: asyncio.Timeout) -> Verdict:
        """The generic shell is Ready without a URL until something listens (FR-ENV-008)."""
        until, answer = limit.when() or 0, None
        limit.reschedule(None)  # past it there is something better to say than that time is over
        host, url = names.host(work.request.namespace, self.address.domain), self.address.url(work.request.namespace)
        while asyncio.get_running_loop().time() < until:
            answer = await self.probe.get(host)
            if answer is not None and answer.status not in AWAY:
                return Verdict(phase=Phase.READY, url=url)
            if work.template.method is DeploymentMethod.SHELL:
                return Verdict(phase=Phase.READY)
            await asyncio.sleep(PROBE_SECONDS)
        port = work.template.port or DEFAULT_PORT
        message = not_answering(url, answer.status if answer else None, port)
        return Verdict(phase=Phase.DEGRADED, reason=NOT_ANSWERING, message=message)

    def _failed(self, work: DeployWork, last: Readiness) -> Verdict:
        """In development mode a failing command leaves the environment Degraded, not Failed (FR-ENV-010)."""
        is_source = work.template.method is DeploymentMethod.SOURCE
        is_command = last.container == "app"
        log = work.request.log_id("install" if last.container == "install" else "container")
        return Verdict(
            phase=Phase.DEGRADED if is_source and is_command else Phase.FAILED,
            reason=last.reason,
            message=" ".join(part for part in (last.message, last.hint) if part),
            failed_log=log if last.container else None,
        )


def _is_of(pod: dict[str, object], request: RolloutRequest) -> bool:
    metadata = cast("dict[str, dict[str, str]]", pod["metadata"])
    return metadata.get("labels", {}).get(labels.ROLLOUT) == str(request.rollout)
