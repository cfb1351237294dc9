"""Contract of activities.protocols.Sidecars: the twin in memory, and the real program in a real pod of the running platform."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from activities.protocols import IncompleteDelivery, Kind, ObjectRef, PodRef, SidecarGone, Sidecars, StaleDelivery
from deploy.local.images import SIDECAR as IMAGE
from environments.deployment import render
from environments.deployment.source import BINARY
from environments.model import CommitSha, DeploymentMethod, NamespaceName, PlatformImages
from environments.sidecar import CommandPhase, Delivery, SidecarState
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.sidecar.fake import InMemorySidecars, runs
from gateways.sidecar.kubernetes import KubernetesSidecars
from tests.gateways.conftest import local_platform
from tests.missing import missing
from tests.sidecar.origin import Origin
from tests.unit.test_deployment import request_for

PATIENCE_SECONDS = 90
LISTENS = (
    "perl -MIO::Socket::INET -e 'my $open = IO::Socket::INET->new(LocalPort => 3000, Listen => 5) or die; sleep 3600'"
)
FAILS = "echo its last words; exit 3"
POD, NAMESPACE = Kind("v1", "Pod"), Kind("v1", "Namespace")


class World(Protocol):
    sidecars: Sidecars
    pod: PodRef

    def commit(self, text: str) -> tuple[CommitSha, Path]:
        """A commit and its pack."""
        ...


class FakeWorld:
    def __init__(self, folder: Path) -> None:
        self.pod = PodRef(NamespaceName("a-b-pr-1"), "web")
        self.cluster = InMemoryCluster()
        self.sidecars: Sidecars = _twin(self.cluster)
        self._folder = folder

    async def begin(self) -> None:
        await self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.pod.namespace}})
        metadata = {"namespace": self.pod.namespace, "name": self.pod.name}
        await self.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}})

    async def end(self) -> None: ...

    def commit(self, text: str) -> tuple[CommitSha, Path]:
        pack = self._folder / "pack"
        pack.write_text(text)
        return CommitSha(uuid.uuid4().hex + "0" * 8), pack


class RealWorld:
    """A bare development pod in a namespace that the product doesn't know."""

    def __init__(self, cluster: KubernetesCluster, folder: Path) -> None:
        self.pod = PodRef(NamespaceName(f"sidecars-{uuid.uuid4().hex[:8]}"), "web")
        self.sidecars: Sidecars = KubernetesSidecars(cluster.transport)
        self._cluster, self._folder, self._origin = cluster, folder, Origin(folder / "origin")

    async def begin(self) -> None:
        await self._cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.pod.namespace}})
        for obj in _objects(self.pod):
            await self._cluster.create(obj)
        await until(self._is_started, "the sidecar runs")

    async def end(self) -> None:
        await self._cluster.delete(ObjectRef(POD, self.pod.namespace, self.pod.name), grace_seconds=1)
        await self._cluster.delete(ObjectRef(NAMESPACE, None, self.pod.namespace))

    def commit(self, text: str) -> tuple[CommitSha, Path]:
        sha = self._origin.commit({"text": text})
        pack = self._folder / sha
        pack.write_bytes(self._origin.pack(sha))
        return CommitSha(sha), pack

    async def _is_started(self) -> bool:
        found = await self._cluster.get(ObjectRef(POD, self.pod.namespace, self.pod.name))
        statuses = ((found or {}).get("status") or {}).get("initContainerStatuses") or ()
        return any(each.get("started") for each in statuses)


@pytest_asyncio.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    made: FakeWorld | RealWorld = FakeWorld(tmp_path)
    if request.param == "real":
        if not local_platform():
            missing("No pods: start the platform with `make up`")
        cluster = await KubernetesCluster.connect(local_platform()["admin_kubeconfig"])
        made = RealWorld(cluster, tmp_path)
    await made.begin()
    try:
        yield made
    finally:
        await made.end()
        if request.param == "real":
            await cluster.aclose()


async def test_deliveries_in_order(world: World) -> None:
    sidecars, pod = world.sidecars, world.pod
    state = await sidecars.state(pod)
    assert (state.phase, state.delivered_sha, state.delivered_rollout) == (CommandPhase.WAITING, "", 0)

    first, pack = world.commit("one")
    with pytest.raises(IncompleteDelivery):
        await sidecars.deliver(pod, delivery(1, first), None)
    for _ in range(2):  # an activity may run twice
        delivered = await sidecars.deliver(pod, delivery(1, first), pack)
        assert (delivered.sha, delivered.kept) == (first, None)
    assert (await sidecars.deliver(pod, delivery(2, first), None)).sha == first

    second, pack = world.commit("two")
    await sidecars.deliver(pod, delivery(5, second), pack)
    with pytest.raises(StaleDelivery):
        await sidecars.deliver(pod, delivery(4, second), pack)
    state = await sidecars.state(pod)
    assert (state.delivered_sha, state.delivered_rollout) == (second, 5)


async def test_what_becomes_of_the_command_is_watched(world: World) -> None:
    sha, pack = world.commit("one")
    await world.sidecars.deliver(world.pod, delivery(1, sha, LISTENS), pack)
    state = await watched(world, lambda state: state.port is not None)
    assert (state.phase, state.rollout, state.sha, state.port) == (CommandPhase.RUNNING, 1, sha, 3000)

    await world.sidecars.deliver(world.pod, delivery(2, sha, FAILS), None)
    state = await watched(world, lambda state: state.phase is CommandPhase.FAILED)
    assert (state.rollout, state.exit_code, state.tail) == (2, 3, ("its last words",))
    assert await world.sidecars.state(world.pod) == state, "asked, it says the same"

    await world.sidecars.deliver(world.pod, delivery(3, sha, None), None)
    state = await watched(world, lambda state: state.phase is CommandPhase.IDLE)
    assert (state.rollout, state.port) == (3, None)


async def test_a_pod_that_is_not_there_has_no_sidecar(world: World) -> None:
    nobody = PodRef(world.pod.namespace, "nobody")
    with pytest.raises(SidecarGone):
        await world.sidecars.state(nobody)
    with pytest.raises(SidecarGone):
        await world.sidecars.deliver(nobody, delivery(1, CommitSha("a" * 40)), None)
    with pytest.raises(SidecarGone):
        await anext(aiter(world.sidecars.watch(nobody)))


def delivery(rollout: int, sha: CommitSha, command: str | None = None) -> Delivery:
    return Delivery(
        rollout=rollout,
        sha=sha,
        branch="feature",
        command=command,
        install=None,
        install_inputs=(),
        workdir=".",
        port=None,
        is_port_fixed=False,
        is_watching=False,
    )


async def watched(world: World, is_it: Callable[[SidecarState], bool]) -> SidecarState:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for news in world.sidecars.watch(world.pod):
            if news.state is not None and is_it(news.state):
                return news.state
    raise AssertionError("the watch ended by itself")


async def until(look: Callable[[], Any], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await look():
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"never so: {what}")


def _twin(cluster: InMemoryCluster) -> InMemorySidecars:
    def fate(given: Delivery) -> SidecarState:
        failed = {"phase": CommandPhase.FAILED, "exit_code": 3, "tail": ("its last words",), "port": None}
        return runs(given).model_copy(update=failed if given.command == FAILS else {})

    sidecars = InMemorySidecars(cluster)
    sidecars.fate = fate
    return sidecars


def _objects(pod: PodRef) -> list[dict[str, Any]]:
    """The volume and the pod of development mode, without labels that the product would look at."""
    images = PlatformImages(sidecar=IMAGE)
    request = request_for(DeploymentMethod.SHELL).model_copy(
        update={"shell_image": images.shell, "sidecar_image": images.sidecar, "ingress_address": None}
    )
    objects = {obj["kind"]: obj for obj in render(request)}
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"][0] == BINARY
    volume = objects["PersistentVolumeClaim"]
    volume["metadata"] = {"namespace": pod.namespace, "name": volume["metadata"]["name"]}
    metadata = {"namespace": pod.namespace, "name": pod.name}
    return [volume, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}]
