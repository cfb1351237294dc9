"""Whoever begins anew after failures ends all the same when it is cancelled, though a failure comes of the cancelling itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from activities.protocols import Kind, WatchEvent
from egress.follower import Follower
from environments.egress import Proxy
from gateways.cluster.errors import ClusterUnavailable
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.lease import LeaseLost, hold_lease
from gateways.proxy.fake import InMemoryProxy
from gateways.sidecar.fake import InMemorySidecars
from gateways.temporal.fake import InMemoryOwners
from tests.patience import PATIENCE_SECONDS
from worker.watch import watch_for_ever


class BreakingCluster(InMemoryCluster):
    """A watch that is cancelled fails, as one does whose connection breaks in that moment."""

    is_watched = False

    async def watch(self, kind: Kind, namespace: str | None = None, labels: Any = None) -> AsyncIterator[WatchEvent]:
        self.is_watched = True
        try:
            async for event in super().watch(kind, namespace, labels):
                yield event
        except asyncio.CancelledError:
            raise ClusterUnavailable("the connection broke") from None


def watcher(cluster: InMemoryCluster) -> Awaitable[None]:
    return watch_for_ever(cluster, InMemorySidecars(cluster), InMemoryOwners(), "me")


def follower(cluster: InMemoryCluster) -> Awaitable[None]:
    return Follower(cluster, Proxy(address="10.0.0.9", first_port=20000, ports=3, secret="s"), InMemoryProxy()).follow()


@pytest.mark.parametrize("loop", [watcher, follower])
async def test_a_failure_while_it_is_cancelled_is_no_beginning_anew(
    loop: Callable[[InMemoryCluster], Awaitable[None]],
) -> None:
    cluster = BreakingCluster()
    task = asyncio.ensure_future(loop(cluster))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not cluster.is_watched:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE_SECONDS)
    assert task.cancelled()


async def test_what_fails_under_a_lost_lease_leaves_no_cancellation_behind() -> None:
    cluster = InMemoryCluster()
    with pytest.raises(ExceptionGroup):
        async with hold_lease(cluster, "default", "leader", "me", seconds=1), asyncio.TaskGroup() as group:
            group.create_task(_fails_when_cancelled())
            cluster.fail_next("get", ClusterUnavailable("away"), times=1000)
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def _fails_when_cancelled() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise LeaseLost("the connection broke") from None
