"""Output of a rollout's containers, copied into the log store while the rollout waits for them."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from activities.protocols import Cluster, GatewayError, Logs
from environments.model import KubernetesObject
from environments.sidecar import SidecarState
from environments.work import RolloutRequest

NAMES = {"app": "container"}
"""Container -> name of its log."""
LAST_WORDS_SECONDS = 2.0
"""For the rest of the output of a container that ended."""

Run = tuple[str, str, int]
"""Pod, container, restart: each run has an output of its own."""


@dataclass
class Capture:
    cluster: Cluster
    logs: Logs
    request: RolloutRequest
    since: datetime | None = None
    """What was said before is of another rollout: a development pod outlives them."""
    _copying: dict[Run, asyncio.Task[None]] = field(default_factory=dict)

    def look(self, pods: Iterable[KubernetesObject]) -> None:
        """Begin to copy what began to run since the last look."""
        for pod in pods:
            for run in _runs(pod):
                if run not in self._copying:
                    self._copying[run] = asyncio.create_task(self._copy(run))

    async def finish(self) -> None:
        """What ended gets a moment to be copied to its last line; what still runs is left alone."""
        tasks = list(self._copying.values())
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
        await self.aclose()

    async def aclose(self) -> None:
        for task in self._copying.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _copy(self, run: Run) -> None:
        pod, container, _ = run
        # A log that can't be copied must not fail the rollout that it is about.
        with suppress(GatewayError), self.logs.open(self.request.log_id(NAMES[container])) as log:
            namespace, since = self.request.namespace, self.since
            async for chunk in self.cluster.pod_log(namespace, pod, container, follow=True, since=since):
                log.write(chunk)


def write_last_words(logs: Logs, request: RolloutRequest, state: SidecarState | None) -> None:
    """What the report quotes (environments.sidecar: `failed_log`)."""
    if state is not None and state.tail:
        with logs.open(request.log_id("command")) as log:
            log.write("\n".join(state.tail).encode())


def _runs(pod: KubernetesObject) -> Iterable[Run]:
    status = pod.get("status") or {}
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = each.get("state") or {}
        if each["name"] in NAMES and ("running" in state or "terminated" in state):
            yield pod["metadata"]["name"], each["name"], each.get("restartCount", 0)
