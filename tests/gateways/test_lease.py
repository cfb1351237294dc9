"""Leader election on the fake and on a real API server."""

import asyncio
from contextlib import suppress

import pytest

from activities.protocols import Cluster, ObjectRef
from gateways.cluster.errors import ClusterUnavailable
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.lease import LEASE, LeaseLost, hold_lease
from tests.patience import PATIENCE_SECONDS


async def test_one_at_a_time_and_handed_over(cluster: Cluster, namespace: str) -> None:
    order: list[str] = []
    inside = 0

    async def work(identity: str) -> None:
        nonlocal inside
        async with hold_lease(cluster, namespace, "leader", identity, seconds=10):
            inside += 1
            assert inside == 1
            order.append(identity)
            await asyncio.sleep(0.2)
            inside -= 1

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(work("a"))
        group.create_task(work("b"))
    assert sorted(order) == ["a", "b"]


async def test_taken_over_when_the_holder_died(cluster: Cluster, namespace: str) -> None:
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 1}
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "spec": spec}
    await cluster.create(lease | {"metadata": {"namespace": namespace, "name": "leader"}})
    async with asyncio.timeout(PATIENCE_SECONDS), hold_lease(cluster, namespace, "leader", "me", seconds=10):
        held = await cluster.get(ObjectRef(LEASE, namespace, "leader"))
        assert held and held["spec"]["holderIdentity"] == "me"


async def test_block_is_cancelled_when_renewal_fails() -> None:
    cluster = InMemoryCluster()
    with pytest.raises(LeaseLost):
        async with asyncio.timeout(PATIENCE_SECONDS), hold_lease(cluster, "default", "leader", "me", seconds=1):
            cluster.fail_next("get", ClusterUnavailable("away"), times=1000)
            await asyncio.Event().wait()


async def test_own_cancellation_stays_a_cancellation() -> None:
    cluster = InMemoryCluster()

    async def hold() -> None:
        async with hold_lease(cluster, "default", "leader", "me", seconds=1):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    lease = await cluster.get(ObjectRef(LEASE, "default", "leader"))
    assert lease and lease["spec"]["holderIdentity"] == ""
