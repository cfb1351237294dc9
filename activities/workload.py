"""One environment's Deployments and pods, followed by watch: every change yields the newest state of all of them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from activities.kinds import DEPLOYMENT, POD
from activities.protocols import Cluster, Kind
from environments.model import KubernetesObject, NamespaceName


@dataclass
class Workload:
    deployments: dict[str, KubernetesObject] = field(default_factory=dict)
    """By uid."""
    pods: dict[str, KubernetesObject] = field(default_factory=dict)


async def follow(cluster: Cluster, namespace: NamespaceName, labels: Mapping[str, str]) -> AsyncGenerator[Workload]:
    """The same Workload again after each change, for as long as the caller iterates. Raises GatewayError."""
    state = Workload()
    changed = asyncio.Event()

    async def watch(kind: Kind, seen: dict[str, KubernetesObject]) -> None:
        async for event in cluster.watch(kind, namespace, labels):
            uid = event.object["metadata"]["uid"]
            if event.type == "DELETED":
                seen.pop(uid, None)
            else:
                seen[uid] = event.object
            changed.set()

    watches = [
        asyncio.create_task(watch(DEPLOYMENT, state.deployments)),
        asyncio.create_task(watch(POD, state.pods)),
    ]
    try:
        while True:
            await _first(changed, watches)
            changed.clear()
            yield state
    finally:
        for task in watches:
            task.cancel()
        for task in watches:
            with suppress(asyncio.CancelledError, Exception):  # what a watch died of came out of _first already
                await task


async def _first(changed: asyncio.Event, watches: list[asyncio.Task[None]]) -> None:
    """Wait for a change; raise what a watch died of."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait({waiting, *watches}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    for task in watches:
        if task.done():
            task.result()
