"""A watch on the real API server survives what happens to long-lived connections, and leaves none behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest
import pytest_asyncio

from activities.protocols import Kind, ObjectRef, WatchEvent
from gateways.cluster import watch
from gateways.cluster.errors import ClusterUnavailable, WatchExpired
from gateways.cluster.kubernetes import KubernetesCluster
from tests.patience import PATIENCE_SECONDS

CONFIG_MAP = Kind("v1", "ConfigMap")


@pytest_asyncio.fixture
async def cluster(kubeconfig: str) -> AsyncIterator[KubernetesCluster]:
    """One of its own per test, so that its connections can be counted."""
    cluster = await KubernetesCluster.connect(kubeconfig)
    yield cluster
    await cluster.aclose()


async def put(cluster: KubernetesCluster, namespace: str, name: str, value: str) -> None:
    metadata = {"namespace": namespace, "name": name, "labels": {"watched": "yes"}}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
    await cluster.apply(obj, manager="catalyst")


def events_of(cluster: KubernetesCluster, namespace: str) -> Any:
    return aclosing(cast(Any, cluster.watch(CONFIG_MAP, namespace, {"watched": "yes"})))


async def following(events: AsyncIterator[WatchEvent], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(count):
            event = await anext(events)
            found.append((event.type, event.object["metadata"]["name"]))
    return found


async def test_goes_on_after_the_server_ended_the_stream(
    cluster: KubernetesCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STREAM_SECONDS", 1)
    await put(cluster, namespace, "one", "1")
    async with events_of(cluster, namespace) as events:
        assert await following(events, 1) == [("ADDED", "one")]
        later = asyncio.create_task(following(events, 1))
        await asyncio.sleep(2.5)
        assert not later.done()  # nothing told twice over three streams
        await put(cluster, namespace, "one", "2")
        assert await later == [("MODIFIED", "one")]


@pytest.mark.parametrize("error", [WatchExpired("too old"), ClusterUnavailable("cut off")])
async def test_lists_again_and_tells_only_what_differs(
    cluster: KubernetesCluster, namespace: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real, cut = watch._follow, asyncio.Event()

    async def cut_off(*arguments: Any) -> AsyncIterator[WatchEvent]:
        await cut.wait()
        monkeypatch.setattr(watch, "_follow", real)
        raise error
        yield

    monkeypatch.setattr(watch, "_follow", cut_off)
    for name in ("kept", "changed", "gone", "replaced"):
        await put(cluster, namespace, name, "1")
    async with events_of(cluster, namespace) as events:
        await following(events, 4)
        for name in ("gone", "replaced"):
            await cluster.delete(ObjectRef(CONFIG_MAP, namespace, name))
        for name in ("changed", "replaced", "new"):
            await put(cluster, namespace, name, "2")
        cut.set()
        told = await following(events, 5)
        assert told[:2] == [("DELETED", "gone"), ("DELETED", "replaced")]
        assert sorted(told[2:]) == [("ADDED", "new"), ("ADDED", "replaced"), ("MODIFIED", "changed")]


async def test_closing_leaves_no_connection(cluster: KubernetesCluster, namespace: str) -> None:
    await put(cluster, namespace, "one", "1")
    async with events_of(cluster, namespace) as events:
        await following(events, 1)
        waiting = asyncio.create_task(following(events, 1))
        await asyncio.sleep(0.3)
        assert open_connections(cluster) == 1
        waiting.cancel()
        await asyncio.wait({waiting})
    assert open_connections(cluster) == 0


def open_connections(cluster: KubernetesCluster) -> int:
    session = cast(Any, cluster.transport.client.rest_client).pool_manager
    return len(session.connector._acquired)


async def test_a_kind_that_is_not_there_ends_it(cluster: KubernetesCluster) -> None:
    async with aclosing(cast(Any, cluster.watch(Kind("example.dev/v1", "Nothing")))) as events:
        with pytest.raises(Exception, match="no kind Nothing"):
            await anext(events)


async def test_nobody_there_is_worth_another_try(tmp_path: Any) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
    )
    cluster = await KubernetesCluster.connect(str(config))
    with pytest.raises(ClusterUnavailable):
        await cluster.get(ObjectRef(CONFIG_MAP, "default", "x"))
    await cluster.aclose()
    with pytest.raises(ClusterUnavailable, match="can't be read"):
        await KubernetesCluster.connect(str(tmp_path / "none"))
