"""The in-memory cluster's controls: what workflow tests steer."""

import asyncio
from contextlib import aclosing
from typing import Any, cast

import pytest

from activities.protocols import ClusterRefused, Kind, ObjectRef
from environments.model import KubernetesObject
from gateways.cluster.errors import ClusterUnavailable
from gateways.cluster.fake import InMemoryCluster
from tests.patience import PATIENCE_SECONDS

DEPLOYMENT = ObjectRef(Kind("apps/v1", "Deployment"), "default", "web")
NAMESPACE = ObjectRef(Kind("v1", "Namespace"), None, "gone")
POD = Kind("v1", "Pod")


def deployment(image: str) -> KubernetesObject:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}
    metadata = {"namespace": "default", "name": "web"}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


async def test_a_deployment_becomes_ready_and_rolls_over() -> None:
    cluster = InMemoryCluster()
    await cluster.apply(deployment("a:1"), manager="catalyst")
    first = await cluster.list(POD, "default", {"app": "web"})
    await cluster.apply(deployment("a:2"), manager="catalyst")
    second = await cluster.list(POD, "default", {"app": "web"})
    assert [len(first), len(second)] == [1, 1] and first[0]["metadata"]["uid"] != second[0]["metadata"]["uid"]
    stored = await cluster.get(DEPLOYMENT)
    assert stored and stored["status"]["readyReplicas"] == 1 and stored["status"]["observedGeneration"] == 2


async def test_old_pods_stay_while_new_ones_wait() -> None:
    cluster = InMemoryCluster()
    await cluster.apply(deployment("a:1"), manager="catalyst")
    await cluster.list(POD)
    cluster.pods_become_ready = False
    await cluster.apply(deployment("a:2"), manager="catalyst")
    assert len(await cluster.list(POD)) == 2
    cluster.pods_become_ready = True
    cluster.touch()
    await asyncio.sleep(0.01)
    assert len(await cluster.list(POD)) == 1


async def test_deleting_a_deployment_takes_its_pods() -> None:
    cluster = InMemoryCluster()
    await cluster.apply(deployment("a:1"), manager="catalyst")
    await cluster.delete(DEPLOYMENT)
    assert not await cluster.list(POD)


async def test_readiness_is_seen_by_a_watch() -> None:
    cluster = InMemoryCluster()
    await cluster.apply(deployment("a:1"), manager="catalyst")
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(cast(Any, cluster.watch(DEPLOYMENT.kind))) as events:
        async for event in events:
            if event.object.get("status", {}).get("readyReplicas") == 1:
                break
    assert cluster.watchers == 0


async def test_a_namespace_hangs_until_released() -> None:
    cluster = InMemoryCluster()
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}})
    cluster.hang_namespaces = True
    await cluster.delete(NAMESPACE)
    assert await cluster.get(NAMESPACE)
    cluster.hang_namespaces = False
    assert await cluster.get(NAMESPACE) is None


async def test_a_namespace_goes_without_another_call() -> None:
    cluster = InMemoryCluster()
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gone"}})
    await cluster.delete(NAMESPACE)
    await asyncio.sleep(0.01)
    assert not [obj for obj in cluster.objects("Namespace") if obj["metadata"]["name"] == "gone"]


async def test_failures_come_as_often_as_asked_and_change_nothing() -> None:
    cluster = InMemoryCluster()
    cluster.fail_next("apply", ClusterUnavailable("away"), times=2)
    for _ in range(2):
        with pytest.raises(ClusterUnavailable):
            await cluster.apply(deployment("a:1"), manager="catalyst")
    assert not cluster.objects("Deployment")
    await cluster.apply(deployment("a:1"), manager="catalyst")


async def test_admission_sees_old_new_and_namespace() -> None:
    cluster = InMemoryCluster()
    cluster.admission = lambda old, new, home: "only once" if old and home else None
    await cluster.apply(deployment("a:1"), manager="catalyst")
    with pytest.raises(ClusterRefused, match="only once"):
        await cluster.apply(deployment("a:2"), manager="catalyst")
