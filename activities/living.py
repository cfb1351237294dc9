"""Development pods, which outlive commits: a commit is delivered into the running pod, then its command is waited for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity

from activities.answering import Answering
from activities.capture import Capture, write_last_words
from activities.checkouts import Checkouts, repository_for
from activities.declarations import Superseded, declaration_for, refuse_if_other_commit
from activities.errors import gateway_errors
from activities.following import NOTHING_YET, Seen, follow_pod
from activities.heartbeats import heartbeats
from activities.protocols import Cluster, IncompleteDelivery, Logs, PodRef, Sidecars, Source, StaleDelivery
from activities.workload import follow
from environments import labels
from environments.model import CommitSha, Phase
from environments.readiness import NOT_ANSWERING, Readiness, ReadinessState, given_up, living_pod
from environments.sidecar import (
    CommandPhase,
    Delivered,
    Delivery,
    delivery_of,
    kept_note,
    not_listening,
    verdict_of,
    waiting_for,
)
from environments.work import DeliveryResult, DeployWork, RolloutRequest, Verdict

CLOCKS_APART = timedelta(seconds=2)
"""Between this machine and the node, and for the moment between delivery and wait: some lines of the command before may show."""


@dataclass(frozen=True)
class LivingActivities:
    cluster: Cluster
    sidecars: Sidecars
    source: Source
    checkouts: Checkouts
    answering: Answering
    logs: Logs
    start_timeout: timedelta = timedelta(minutes=5)

    @activity.defn
    @gateway_errors
    async def deliver(self, work: DeployWork) -> DeliveryResult:
        """Bring the commit into the pod, whose sidecar refuses it once it has a newer rollout's (design: rule 2).
        Raises Superseded; a pod that can't start is a verdict."""
        request = work.request
        async with heartbeats():
            found = await self._pod(request)
            if isinstance(found, Verdict):
                return DeliveryResult(verdict=found)
            declaration = await declaration_for(self.cluster, request)
            refuse_if_other_commit(declaration.environment, request)
            folder = await self.checkouts.checkout(request, repository_for(request, declaration))
            try:
                delivered = await self._send(found, folder, delivery_of(request, work.template))
            except StaleDelivery as error:
                raise Superseded(str(error)) from error
        return DeliveryResult(note=kept_note(delivered.kept) if delivered.kept else None)

    @activity.defn
    @gateway_errors
    async def wait_living(self, work: DeployWork) -> Verdict:
        """Ready once this commit's command takes connections and the URL answers; Degraded with its last words when it fails."""
        since = activity.info().scheduled_time - CLOCKS_APART
        capture = Capture(self.cluster, self.logs, work.request, since)
        async with heartbeats():
            try:
                return await self._wait(work, capture)
            finally:
                await capture.aclose()

    # --- delivery ------------------------------------------------------------------------------------------------

    async def _pod(self, request: RolloutRequest) -> PodRef | Verdict:
        """The one pod of the newest Deployment, as soon as its sidecar runs; or why there is none."""
        last = NOTHING_YET
        try:
            async with (
                asyncio.timeout(self.start_timeout.total_seconds()),
                aclosing(follow(self.cluster, request.namespace, {labels.UID: request.uid})) as workloads,
            ):
                async for workload in workloads:
                    found = living_pod(
                        request.rollout, list(workload.deployments.values()), list(workload.pods.values())
                    )
                    if not isinstance(found, Readiness):
                        return PodRef(request.namespace, found)
                    last = found
                    if last.state is ReadinessState.FAILED:
                        return _no_pod(last)
        except TimeoutError:
            return _no_pod(given_up(last, self.start_timeout))
        raise AssertionError("the watch ended by itself")

    async def _send(self, pod: PodRef, folder: Path, delivery: Delivery) -> Delivered:
        """What differs from the commit that is there; all of it when that isn't enough. Raises StaleDelivery."""
        there = (await self.sidecars.state(pod)).delivered_sha
        if there == delivery.sha:
            with suppress(IncompleteDelivery):
                return await self.sidecars.deliver(pod, delivery, None)
        elif there:
            with suppress(IncompleteDelivery):
                return await self._send_pack(pod, folder, delivery, CommitSha(there))
        return await self._send_pack(pod, folder, delivery, None)

    async def _send_pack(self, pod: PodRef, folder: Path, delivery: Delivery, have: CommitSha | None) -> Delivered:
        return await self.sidecars.deliver(pod, delivery, await self.source.pack(folder, delivery.sha, have))

    # --- waiting -------------------------------------------------------------------------------------------------

    async def _wait(self, work: DeployWork, capture: Capture) -> Verdict:
        last: Seen | None = None
        try:
            async with (
                asyncio.timeout(self.start_timeout.total_seconds()) as limit,
                aclosing(self._changes(work, capture)) as changes,
            ):
                async for last in changes:
                    found = _judged(last, work)
                    if found is not None and found.phase is Phase.READY:
                        return await self.answering.verdict(work, limit)
                    if found is not None:
                        write_last_words(self.logs, work.request, last.state)
                        return found
        except TimeoutError:
            return _too_late(last, work, self.start_timeout)
        raise AssertionError("the watch ended by itself")

    async def _changes(self, work: DeployWork, capture: Capture) -> AsyncGenerator[Seen]:
        """With all that is said meanwhile copied into the log store."""
        is_installed = work.template.install_command is not None
        log = self.logs.open(work.request.log_id("install")) if is_installed else None
        with log or nullcontext() as installed:
            async with aclosing(follow_pod(self.cluster, self.sidecars, work.request)) as changes:
                async for seen in changes:
                    capture.look(seen.workload.pods.values())
                    if installed is not None:
                        installed.write(seen.installed.encode())
                    yield seen


def _judged(seen: Seen, work: DeployWork) -> Verdict | None:
    """A pod that can't start says more than the sidecar of the one before."""
    if seen.readiness is not None:
        return _no_pod(seen.readiness) if seen.readiness.state is ReadinessState.FAILED else None
    return verdict_of(seen.state, work.request, work.template) if seen.state else None


def _no_pod(last: Readiness) -> Verdict:
    text = " ".join(part for part in (last.message, last.hint) if part)
    return Verdict(phase=Phase.FAILED, reason=last.reason, message=text)


def _too_late(seen: Seen | None, work: DeployWork, after: timedelta) -> Verdict:
    """The command that runs and listens nowhere is Degraded: its shell is there, and it may come yet (FR-ENV-010)."""
    if seen is None or seen.readiness is not None:
        return _no_pod(given_up((seen and seen.readiness) or NOTHING_YET, after))
    if seen.state is not None and seen.state.phase is CommandPhase.RUNNING:
        text = not_listening(work.template, after)
        return Verdict(phase=Phase.DEGRADED, reason=NOT_ANSWERING, message=text)
    return Verdict(phase=Phase.FAILED, reason="TimedOut", message=waiting_for(seen.state, work.template))
