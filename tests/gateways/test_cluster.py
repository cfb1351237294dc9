"""Contract of activities.protocols.Cluster: what callers rely on, on the fake and on a real API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

import pytest

from activities.protocols import Cluster, ClusterConflict, ClusterGone, ClusterRefused, Kind, ObjectRef, WatchEvent
from environments.model import KubernetesObject
from tests.patience import PATIENCE_SECONDS

CONFIG_MAP = Kind("v1", "ConfigMap")
DEPLOYMENT = Kind("apps/v1", "Deployment")
NAMESPACE = Kind("v1", "Namespace")


def config_map(namespace: str, name: str = "one", **fields: Any) -> KubernetesObject:
    metadata = {"namespace": namespace, "name": name} | fields.pop("metadata", {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata} | fields


def deployment(namespace: str, image: str = "a:1", replicas: int | None = 1) -> KubernetesObject:
    labels = {"app": "web"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
    }
    scale = {} if replicas is None else {"replicas": replicas}
    metadata = {"namespace": namespace, "name": "web", "labels": {"tier": "front"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec | scale}


def ref(namespace: str, name: str = "one", kind: Kind = CONFIG_MAP) -> ObjectRef:
    return ObjectRef(kind, namespace, name)


async def eventually(check: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await check()):
            await asyncio.sleep(0.05)
    return found


class TestReading:
    async def test_what_is_not_there_is_none(self, cluster: Cluster, namespace: str) -> None:
        assert await cluster.get(ref(namespace)) is None
        assert await cluster.get(ref("no-such-namespace")) is None

    async def test_list_by_labels_and_namespace(self, cluster: Cluster, namespace: str) -> None:
        mark = uuid.uuid4().hex
        await cluster.create(config_map(namespace, "one", metadata={"labels": {"mark": mark}}))
        await cluster.create(config_map(namespace, "two", metadata={"labels": {"mark": "else"}}))
        found = await cluster.list(CONFIG_MAP, None, {"mark": mark})
        assert [obj["metadata"]["name"] for obj in found] == ["one"]
        assert found[0]["kind"] == "ConfigMap" and found[0]["apiVersion"] == "v1"
        assert not await cluster.list(CONFIG_MAP, "default", {"mark": mark})

    async def test_list_all_finds_every_kind(self, cluster: Cluster, namespace: str) -> None:
        labels = {"tier": "front"}
        await cluster.create(config_map(namespace, metadata={"labels": labels}))
        await cluster.create(config_map(namespace, "other"))
        await cluster.apply(deployment(namespace, replicas=0), manager="catalyst")
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {}}
        await cluster.create(lease | {"metadata": {"namespace": namespace, "name": "l", "labels": labels}})
        found = await cluster.list_all(namespace, labels)
        assert sorted(obj["kind"] for obj in found) == ["ConfigMap", "Deployment"]


class TestWriting:
    async def test_create_answers_the_stored_object(self, cluster: Cluster, namespace: str) -> None:
        created = await cluster.create(config_map(namespace, data={"a": "1"}))
        assert created["metadata"]["uid"] and created["metadata"]["resourceVersion"]
        assert await cluster.get(ref(namespace)) == created

    async def test_create_again_is_a_conflict(self, cluster: Cluster, namespace: str) -> None:
        await cluster.create(config_map(namespace))
        with pytest.raises(ClusterConflict):
            await cluster.create(config_map(namespace))

    async def test_write_without_namespace_is_gone(self, cluster: Cluster, namespace: str) -> None:
        with pytest.raises(ClusterGone):
            await cluster.create(config_map("no-such-namespace"))
        with pytest.raises(ClusterGone):
            await cluster.apply(config_map("no-such-namespace"), manager="catalyst")
        with pytest.raises(ClusterGone):
            await cluster.patch(ref(namespace), {"data": {"a": "1"}})

    async def test_merge_patch_with_null_removes(self, cluster: Cluster, namespace: str) -> None:
        await cluster.create(config_map(namespace, data={"a": "1", "b": "2"}))
        patched = await cluster.patch(ref(namespace), {"data": {"a": None, "c": "3"}})
        assert patched["data"] == {"b": "2", "c": "3"}

    async def test_patch_with_an_old_version_is_a_conflict(self, cluster: Cluster, namespace: str) -> None:
        created = await cluster.create(config_map(namespace))
        await cluster.patch(ref(namespace), {"data": {"a": "1"}})
        old = {"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}}
        with pytest.raises(ClusterConflict):
            await cluster.patch(ref(namespace), old | {"data": {"a": "2"}})


class TestApply:
    async def test_same_apply_changes_nothing(self, cluster: Cluster, namespace: str) -> None:
        first = await cluster.apply(config_map(namespace, data={"a": "1"}), manager="catalyst")
        again = await cluster.apply(config_map(namespace, data={"a": "1"}), manager="catalyst")
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    async def test_field_left_out_is_removed_unless_another_owns_it(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(config_map(namespace, data={"a": "1", "b": "2"}), manager="catalyst")
        await cluster.apply(config_map(namespace, data={"c": "3"}), manager="other")
        applied = await cluster.apply(config_map(namespace, data={"a": "1"}), manager="catalyst")
        assert applied["data"] == {"a": "1", "c": "3"}

    async def test_an_empty_map_takes_nothing_away(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(config_map(namespace, data={"a": "1"}), manager="one")
        applied = await cluster.apply(config_map(namespace, data={}), manager="two")
        assert applied["data"] == {"a": "1"}

    async def test_an_item_of_a_named_list_is_given_up_whole(self, cluster: Cluster, namespace: str) -> None:
        bare = deployment(namespace)
        await cluster.apply(bare, manager="one")
        more = deployment(namespace)
        more["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "b:1"})
        await cluster.apply(more, manager="one")
        applied = await cluster.apply(bare, manager="one")
        assert [each["name"] for each in applied["spec"]["template"]["spec"]["containers"]] == ["web"]

    async def test_conflict_names_manager_and_field(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(deployment(namespace, replicas=0), manager="somebody")
        with pytest.raises(ClusterConflict, match=r'"somebody".*\.spec\.replicas'):
            await cluster.apply(deployment(namespace, replicas=2), manager="catalyst")
        same = await cluster.apply(deployment(namespace, replicas=0), manager="catalyst")
        assert same["spec"]["replicas"] == 0

    async def test_what_a_patch_wrote_belongs_to_the_patcher(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(deployment(namespace, replicas=0), manager="other")
        await cluster.patch(ref(namespace, "web", DEPLOYMENT), {"spec": {"replicas": 2}})
        with pytest.raises(ClusterConflict, match="replicas"):
            await cluster.apply(deployment(namespace, replicas=0), manager="other")

    async def test_force_takes_the_field(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(deployment(namespace, replicas=0), manager="somebody")
        forced = await cluster.apply(deployment(namespace, replicas=2), manager="catalyst", force=True)
        assert forced["spec"]["replicas"] == 2
        left = await cluster.apply(deployment(namespace, replicas=None), manager="somebody")
        assert left["spec"]["replicas"] == 2

    async def test_containers_merge_by_name(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(deployment(namespace, "a:1", replicas=0), manager="catalyst")
        applied = await cluster.apply(deployment(namespace, "a:2", replicas=0), manager="catalyst")
        containers = applied["spec"]["template"]["spec"]["containers"]
        assert [container["image"] for container in containers] == ["a:2"]

    async def test_generation_counts_the_spec_only(self, cluster: Cluster, namespace: str) -> None:
        first = await cluster.apply(deployment(namespace, replicas=0), manager="catalyst")
        await cluster.patch(ref(namespace, "web", DEPLOYMENT), {"metadata": {"labels": {"a": "b"}}})
        second = await cluster.apply(deployment(namespace, "a:2", replicas=0), manager="catalyst")
        assert (first["metadata"]["generation"], second["metadata"]["generation"]) == (1, 2)

    async def test_status_only_through_its_subresource(self, cluster: Cluster, namespace: str) -> None:
        await cluster.apply(deployment(namespace, replicas=0) | {"status": {"replicas": 7}}, manager="catalyst")
        stored = await cluster.get(ref(namespace, "web", DEPLOYMENT))
        assert (stored or {}).get("status", {}).get("replicas", 0) != 7
        bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        condition = {"type": "Tried", "status": "True", "reason": "Test", "message": "", "lastTransitionTime": None}
        written = await cluster.apply(
            bare | {"status": {"conditions": [condition]}}, manager="catalyst", subresource="status"
        )
        assert [c["type"] for c in written["status"]["conditions"]] == ["Tried"]

    async def test_other_uid_is_a_conflict(self, cluster: Cluster, namespace: str) -> None:
        with pytest.raises(ClusterConflict):
            await cluster.apply(config_map(namespace, metadata={"uid": str(uuid.uuid4())}), manager="catalyst")
        await cluster.apply(config_map(namespace), manager="catalyst")
        with pytest.raises(ClusterConflict):
            await cluster.apply(config_map(namespace, metadata={"uid": str(uuid.uuid4())}), manager="catalyst")

    async def test_namespaced_object_without_namespace_is_refused(self, cluster: Cluster) -> None:
        bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
        with pytest.raises(ClusterRefused):
            await cluster.apply(bare, manager="catalyst")


class TestDeleting:
    async def test_delete_and_again(self, cluster: Cluster, namespace: str) -> None:
        await cluster.create(config_map(namespace))
        assert await cluster.delete(ref(namespace)) is True
        assert await cluster.get(ref(namespace)) is None
        assert await cluster.delete(ref(namespace)) is False

    async def test_preconditions(self, cluster: Cluster, namespace: str) -> None:
        created = await cluster.create(config_map(namespace))
        with pytest.raises(ClusterConflict):
            await cluster.delete(ref(namespace), uid=str(uuid.uuid4()))
        with pytest.raises(ClusterConflict):
            await cluster.delete(ref(namespace), resource_version="1")
        assert await cluster.delete(ref(namespace), uid=created["metadata"]["uid"], grace_seconds=0)

    async def test_finalizer_holds_until_removed(self, cluster: Cluster, namespace: str) -> None:
        held = {"finalizers": ["catalyst.dev/finalizer"]}
        await cluster.apply(config_map(namespace, metadata=held), manager="catalyst")
        await cluster.delete(ref(namespace))
        stored = await cluster.get(ref(namespace))
        assert stored and stored["metadata"]["deletionTimestamp"]
        await cluster.patch(ref(namespace), {"metadata": {"finalizers": []}})
        assert await cluster.get(ref(namespace)) is None

    async def test_namespace_takes_its_content_along(self, cluster: Cluster, namespace: str) -> None:
        held = {"finalizers": ["catalyst.dev/finalizer"]}
        await cluster.create(config_map(namespace, metadata=held))
        await cluster.create(config_map(namespace, "two"))
        where = ObjectRef(NAMESPACE, None, namespace)
        await cluster.delete(where)
        stored = await cluster.get(where)
        assert stored and stored["status"]["phase"] == "Terminating"
        with pytest.raises(ClusterRefused):
            await cluster.create(config_map(namespace, "late"))

        async def only_held() -> bool:
            names = {o["metadata"]["name"] for o in await cluster.list(CONFIG_MAP, namespace)}
            return "two" not in names

        async def is_gone() -> bool:
            return await cluster.get(where) is None

        await eventually(only_held)
        assert await cluster.get(where)
        await cluster.patch(ref(namespace), {"metadata": {"finalizers": None}})
        await eventually(is_gone)


class TestWatching:
    async def test_existing_then_changes(self, cluster: Cluster, namespace: str) -> None:
        labels = {"mark": "x"}
        await cluster.create(config_map(namespace, metadata={"labels": labels}))
        async with aclosing(cast(Any, cluster.watch(CONFIG_MAP, namespace, labels))) as events:
            first = await _next(events)
            assert (first.type, first.object["metadata"]["name"], first.object["kind"]) == ("ADDED", "one", "ConfigMap")
            await cluster.create(config_map(namespace, "unlabelled"))
            await cluster.patch(ref(namespace), {"data": {"a": "1"}})
            changed = await _next(events)
            assert (changed.type, changed.object["data"]) == ("MODIFIED", {"a": "1"})
            await cluster.create(config_map(namespace, "two", metadata={"labels": labels}))
            assert (await _next(events)).type == "ADDED"
            await cluster.delete(ref(namespace))
            assert (await _next(events)).type == "DELETED"

    async def test_cancelling_ends_it(self, cluster: Cluster, namespace: str) -> None:
        async def consume() -> None:
            async for _ in cluster.watch(CONFIG_MAP, namespace):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE_SECONDS)


async def _next(events: AsyncIterator[WatchEvent]) -> WatchEvent:
    return await asyncio.wait_for(anext(events), PATIENCE_SECONDS)


class TestPodLog:
    async def test_no_pod_is_gone(self, cluster: Cluster, namespace: str) -> None:
        with pytest.raises(ClusterGone):
            async for _ in cluster.pod_log(namespace, "nobody", "main"):
                pass

    async def test_container_that_never_started_ends_at_once(self, cluster: Cluster, namespace: str) -> None:
        pod = {"containers": [{"name": "main", "image": "example.invalid/none:1"}], "nodeSelector": {"no": "node"}}
        metadata = {"namespace": namespace, "name": "waiting"}
        await cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [chunk async for chunk in cluster.pod_log(namespace, "waiting", "main")] == []
