"""A development pod and what its sidecar says, followed together: every change of either yields how both are now."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import NamedTuple

from activities.protocols import Cluster, PodRef, SidecarGone, Sidecars
from activities.workload import Workload, follow
from environments import labels
from environments.readiness import Readiness, ReadinessState, living_pod
from environments.sidecar import SidecarState
from environments.work import RolloutRequest

NOTHING_YET = Readiness(state=ReadinessState.WAITING, reason="Starting", message="Nothing has started yet.")
AGAIN_SECONDS = 0.5
"""After the connection to a sidecar broke; a pod that is gone is noticed by its own watch."""


class Seen(NamedTuple):
    readiness: Readiness | None
    """What is in the pod's way; None: source can be delivered into it."""
    state: SidecarState | None
    """None: the sidecar said nothing yet."""
    installed: str
    """Output of the installation since the last one."""
    workload: Workload


async def follow_pod(cluster: Cluster, sidecars: Sidecars, request: RolloutRequest) -> AsyncGenerator[Seen]:
    """For as long as the caller iterates. Raises GatewayError when the cluster can't be watched, or the sidecar not be asked."""
    following = _Following(cluster, sidecars, request)
    try:
        async for seen in following.changes():
            yield seen
    finally:
        await following.aclose()


class _Following:
    def __init__(self, cluster: Cluster, sidecars: Sidecars, request: RolloutRequest) -> None:
        self._cluster, self._sidecars, self._request = cluster, sidecars, request
        self._changed = asyncio.Event()
        self._workload = Workload()
        self._readiness: Readiness | None = NOTHING_YET
        self._pod: PodRef | None = None
        self._state: SidecarState | None = None
        self._installed = ""
        self._listening: asyncio.Task[None] | None = None
        self._watching = asyncio.create_task(self._watch())

    async def changes(self) -> AsyncGenerator[Seen]:
        while True:
            await self._change()
            self._changed.clear()
            installed, self._installed = self._installed, ""
            yield Seen(self._readiness, self._state, installed, self._workload)

    async def aclose(self) -> None:
        for task in self._tasks():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # what it died of came out of `changes` already
                await task

    async def _change(self) -> None:
        """Wait for one; raise what watching or listening died of."""
        waiting = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({waiting, *self._tasks()}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in self._tasks():
            if task.done():
                task.result()

    def _tasks(self) -> tuple[asyncio.Task[None], ...]:
        return (self._watching,) if self._listening is None else (self._watching, self._listening)

    async def _watch(self) -> None:
        request = self._request
        async with aclosing(follow(self._cluster, request.namespace, {labels.UID: request.uid})) as workloads:
            async for self._workload in workloads:
                deployments, pods = self._workload.deployments.values(), self._workload.pods.values()
                found = living_pod(request.rollout, list(deployments), list(pods))
                if isinstance(found, Readiness):
                    self._readiness = found
                else:
                    self._readiness = None
                    self._take_on(PodRef(request.namespace, found))
                self._changed.set()

    def _take_on(self, pod: PodRef) -> None:
        if pod == self._pod:
            return
        if self._listening is not None:
            self._listening.cancel()
        self._pod, self._state = pod, None
        self._listening = asyncio.create_task(self._listen(pod))

    async def _listen(self, pod: PodRef) -> None:
        while True:
            with suppress(SidecarGone):
                async for news in self._sidecars.watch(pod):
                    self._state = news.state or self._state
                    self._installed += news.installed
                    self._changed.set()
            await asyncio.sleep(AGAIN_SECONDS)
