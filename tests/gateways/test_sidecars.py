"""Contract of activities.protocols.Sidecars: the twin in memory, and the real program in a real pod of the running platform."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from kubernetes.aio.client import ApiClient, Configuration

from activities.protocols import (
    DeliveryRefused,
    IncompleteDelivery,
    Kind,
    ObjectRef,
    PodRef,
    SidecarGone,
    Sidecars,
    StaleDelivery,
    Taking,
)
from deploy.local.images import SIDECAR as IMAGE
from environments.deployment import render
from environments.deployment.source import BINARY
from environments.model import CommitSha, DeploymentMethod, NamespaceName, PlatformImages
from environments.sidecar import CommandPhase, Delivery, SidecarState
from gateways.cluster.execution import execute
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.cluster.transport import Transport
from gateways.sidecar.fake import InMemorySidecars, runs
from gateways.sidecar.kubernetes import KubernetesSidecars
from tests.gateways.conftest import local_platform
from tests.gateways.exec_server import ExecServer
from tests.gateways.git_server import AUTHOR
from tests.missing import missing
from tests.sidecar.conftest import built_sidecar
from tests.sidecar.network import serving
from tests.sidecar.origin import Origin
from tests.sidecar.pod import Pod as Inside
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

    async def changes(self) -> str | None:
        """Somebody changes a file in the pod; the commit that it would be, where that is known."""
        ...

    async def pushes(self) -> str:
        """Somebody commits in the pod and pushes from its terminal; what they read in the end."""
        ...


class FakeWorld:
    def __init__(self, folder: Path) -> None:
        self.pod = PodRef(NamespaceName("a-b-pr-1"), "web")
        self.cluster = InMemoryCluster()
        self._fake = _twin(self.cluster)
        self.sidecars: Sidecars = self._fake
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

    async def changes(self) -> str | None:
        self._fake.changed[self.pod.namespace] = CommitSha("c" * 40)
        return "c" * 40

    async def pushes(self) -> str:
        wish = self._fake.git_push(self.pod.namespace, "c" * 40)
        await until(lambda: _so(wish in self._fake.answers), "the terminal is answered")
        return self._fake.answers[wish][1]


class LocalWorld:
    """The program on this machine, in a network of its own, spoken to as through the API server."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.pod = PodRef(NamespaceName("a-b-pr-1"), "web")
        self._inside = Inside(binary, folder / "pod")
        self._server = ExecServer(self.pod.namespace, self.pod.name, str(binary), self._inside.environment())
        self._origin, self._folder = Origin(folder / "origin"), folder

    async def begin(self) -> None:
        network = await asyncio.to_thread(serving, self._inside)
        inside = ("nsenter", f"--net=/proc/{network.pid}/ns/net")
        self._inside.start("supervise", before=inside)
        self._server.before = inside
        configuration = Configuration(host=await self._server.start())
        self._transport = Transport(ApiClient(configuration), timedelta(seconds=30))
        self.sidecars: Sidecars = KubernetesSidecars(self._transport)

    async def end(self) -> None:
        await self._transport.aclose()
        await self._server.stop()
        await asyncio.to_thread(self._inside.end)

    def commit(self, text: str) -> tuple[CommitSha, Path]:
        return _commit(self._origin, self._folder, text)

    async def changes(self) -> str | None:
        (self._inside.code / "text").write_text("changed\n")
        return None

    async def pushes(self) -> str:
        environment = self._inside.environment(HOME=str(self._folder), **AUTHOR)
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", "git commit --quiet --allow-empty -m mine && git push 2>&1"),
            cwd=self._inside.code,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        return said.decode()


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
        return _commit(self._origin, self._folder, text)

    async def changes(self) -> str | None:
        await self._typed("echo changed > /code/text")
        return None

    async def pushes(self) -> str:
        return await self._typed("cd /code && git commit --quiet --allow-empty -m mine && git push 2>&1")

    async def _typed(self, line: str) -> str:
        """In the application's container."""
        await until(lambda: self._is_running("app"), "the application's container runs")
        words = ("sh", "-c", line)
        async with execute(self._cluster.transport, self.pod.namespace, self.pod.name, "app", words) as program:
            return b"".join([chunk async for chunk in program.output()]).decode()

    async def _is_running(self, container: str) -> bool:
        """It is started after the sidecar."""
        found = await self._cluster.get(ObjectRef(POD, self.pod.namespace, self.pod.name))
        statuses = ((found or {}).get("status") or {}).get("containerStatuses") or ()
        return any(each["name"] == container and "running" in each["state"] for each in statuses)

    async def _is_started(self) -> bool:
        found = await self._cluster.get(ObjectRef(POD, self.pod.namespace, self.pod.name))
        statuses = ((found or {}).get("status") or {}).get("initContainerStatuses") or ()
        return any(each.get("started") for each in statuses)


@pytest_asyncio.fixture(params=["fake", "local", "real"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    made: FakeWorld | LocalWorld | RealWorld = FakeWorld(tmp_path)
    if request.param == "local":
        made = LocalWorld(built_sidecar(), tmp_path)
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


async def test_what_was_committed_inside_is_taken_out(world: World, tmp_path: Path) -> None:
    sidecars, pod, target = world.sidecars, world.pod, tmp_path / "taken"
    sha, pack = world.commit("one")
    await sidecars.deliver(pod, delivery(1, sha), pack)
    outgoing = await sidecars.take(pod, Taking(), target)
    assert (outgoing.sha, outgoing.base, outgoing.commits, outgoing.is_dirty) == (sha, sha, 0, False)

    made = await world.changes()
    assert (await sidecars.take(pod, Taking(), target)).is_dirty
    outgoing = await sidecars.take(pod, Taking(message="From the pod", author="Ada <ada@example.org>"), target)
    assert (outgoing.base, outgoing.commits, outgoing.is_dirty) == (sha, 1, False)
    assert made in (None, outgoing.sha)
    assert target.stat().st_size >= outgoing.pack_bytes > 0
    for what in (Taking(), Taking(tip=outgoing.sha), Taking(message="again", author="Ada <ada@example.org>")):
        assert await sidecars.take(pod, what, target) == outgoing, "an activity may run twice"
    with pytest.raises(DeliveryRefused):
        await sidecars.take(pod, Taking(tip=CommitSha("f" * 40)), target)


async def test_a_push_in_the_terminal_is_heard_and_answered(world: World) -> None:
    sha, pack = world.commit("one")
    await world.sidecars.deliver(world.pod, delivery(1, sha), pack)
    told = asyncio.create_task(world.pushes())
    async with asyncio.timeout(PATIENCE_SECONDS):
        asked = await anext(aiter(world.sidecars.pushes(world.pod)))
    await world.sidecars.answer(world.pod, asked.id, True, "It was pushed.")
    assert "It was pushed." in await told


async def test_a_pod_that_is_not_there_has_no_sidecar(world: World, tmp_path: Path) -> None:
    nobody = PodRef(world.pod.namespace, "nobody")
    with pytest.raises(SidecarGone):
        await world.sidecars.state(nobody)
    with pytest.raises(SidecarGone):
        await world.sidecars.deliver(nobody, delivery(1, CommitSha("a" * 40)), None)
    with pytest.raises(SidecarGone):
        await anext(aiter(world.sidecars.watch(nobody)))
    with pytest.raises(SidecarGone):
        await anext(aiter(world.sidecars.pushes(nobody)))
    with pytest.raises(SidecarGone):
        await world.sidecars.take(nobody, Taking(), tmp_path / "taken")
    with pytest.raises(SidecarGone):
        await world.sidecars.answer(nobody, "0" * 32, True, "")


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


async def _so(condition: bool) -> bool:
    return condition


def _commit(origin: Origin, folder: Path, text: str) -> tuple[CommitSha, Path]:
    sha = origin.commit({"text": text})
    pack = folder / sha
    pack.write_bytes(origin.pack(sha))
    return CommitSha(sha), pack


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
