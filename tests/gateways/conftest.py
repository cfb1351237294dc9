"""What the contract suites run on: the fakes always, the real things where they are.

Real cluster: CATALYST_TEST_KUBECONFIG, the running platform (.catalyst/local.json), or a control plane of our own.
Nothing of these: skipped with a line that says what is missing; with CATALYST_REQUIRE_PLATFORM=1 that is a failure.
"""

import asyncio
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from activities.kinds import ENVIRONMENT
from activities.protocols import Cluster, GatewayError, Kind, ObjectRef
from emulators.github import GitHubServer
from environments.crds import definitions
from gateways.builder.buildkit import BuildKitBuilder
from gateways.cluster.fake import InMemoryCluster
from gateways.cluster.kubernetes import KubernetesCluster
from gateways.registry.distribution import DistributionRegistry
from tests.gateways.control_plane import ControlPlane, find_binaries, search_path
from tests.gateways.forge_worlds import PERMISSIONS, GiteaWorld, GitHubWorld
from tests.gateways.gitea_server import GiteaProcess, is_built
from tests.gateways.services import BuildKitProcess, Pusher, RegistryProcess, find_registry, make_base_image
from tests.missing import missing
from tests.patience import PATIENCE_SECONDS

LOCAL = Path(__file__).parents[2] / ".catalyst" / "local.json"


def local_platform() -> dict[str, Any]:
    """What `make up` wrote about the running platform; empty without one."""
    return json.loads(LOCAL.read_text()) if LOCAL.exists() else {}


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> str:
    given = os.environ.get("CATALYST_TEST_KUBECONFIG") or local_platform().get("admin_kubeconfig")
    return str(given or request.getfixturevalue("lone_kubeconfig"))


@pytest.fixture(scope="session")
def lone_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Always of a control plane of our own, where no controller and no product acts on what a test leaves lying."""
    binaries = find_binaries()
    if binaries is None:
        missing("No Kubernetes: neither CATALYST_TEST_KUBECONFIG nor built etcd and kube-apiserver")
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"), binaries)
    plane.start()
    yield str(plane.kubeconfig)
    plane.stop()


@pytest.fixture(scope="session")
def registry_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = local_platform().get("registry")
    if given:
        yield given if "://" in given else f"http://{given}"
        return
    binary = find_registry()
    if binary is None:
        missing("No registry: neither the platform's nor the program docker-registry")
    process = RegistryProcess(binary, tmp_path_factory.mktemp("registry"))
    yield process.url
    process.stop()


class BuildKitAddress(NamedTuple):
    buildctl: str
    address: str
    registry: str
    base: str
    """An image with a shell, in that registry."""

    def builder(self) -> BuildKitBuilder:
        return BuildKitBuilder(self.buildctl, self.address, self.registry)

    async def resolve(self, image: str) -> str | None:
        registry = DistributionRegistry(f"http://{self.registry}")
        try:
            return await registry.resolve(image)
        finally:
            await registry.aclose()


@pytest.fixture(scope="session")
def buildkit(registry_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildKitAddress]:
    """The platform's builder (CATALYST_TEST_BUILDKIT: its address), or a daemon of our own."""
    registry, given = registry_url.partition("://")[2], os.environ.get("CATALYST_TEST_BUILDKIT")
    names = ("buildctl", "busybox") if given else ("buildctl", "busybox", "buildkitd", "runc")
    programs = {name: shutil.which(name, path=search_path()) for name in names}
    if not all(programs.values()):
        missing("No BuildKit: without " + ", ".join(name for name, path in programs.items() if not path))
    buildctl, daemon, folder = str(programs["buildctl"]), programs.get("buildkitd"), tmp_path_factory.mktemp("buildkit")
    process = BuildKitProcess(daemon, buildctl, folder, registry) if daemon else None
    address = process.address if process else str(given)
    try:
        base = make_base_image(
            buildctl, address, registry, Path(str(programs["busybox"])), tmp_path_factory.mktemp("base")
        )
        yield BuildKitAddress(buildctl, address, registry, base)
    finally:
        if process:
            process.stop()


@pytest.fixture(scope="session")
def gitea() -> Iterator[GiteaProcess]:
    """Always one of our own: the suites make accounts and repositories."""
    if os.geteuid() != 0 or not is_built():
        missing("No Gitea: not built (`python -m deploy.local build`), or not root, which its account needs")
    process = GiteaProcess()
    yield process
    process.stop()


@pytest_asyncio.fixture
async def gitea_world(gitea: GiteaProcess) -> AsyncIterator[GiteaWorld]:
    """A repository with one open pull request for one test only."""
    world = GiteaWorld(gitea)
    yield world
    world.delete_repository()
    world.people.close_connections()
    await world.forge.aclose()


@pytest.fixture(scope="session")
def github() -> Iterator[GitHubServer]:
    """Emulated; worlds in it don't meet."""
    with GitHubServer() as server:
        yield server


@pytest_asyncio.fixture
async def github_world(github: GitHubServer) -> AsyncIterator[GitHubWorld]:
    """An organisation with an App of its own, and in its repository one open pull request, for one test only."""
    name = f"Catalyst {uuid.uuid4().hex[:8]}"
    world = GitHubWorld(github, github.people.create_app("catalyst", name, PERMISSIONS))
    yield world
    await world.forge.aclose()


@pytest.fixture
def pusher(registry_url: str) -> Iterator[Pusher]:
    pusher = Pusher(registry_url)
    yield pusher
    pusher.close()


@pytest_asyncio.fixture(scope="session")
async def real_cluster(kubeconfig: str) -> AsyncIterator[KubernetesCluster]:
    cluster = await KubernetesCluster.connect(kubeconfig)
    yield cluster
    await cluster.aclose()


@pytest_asyncio.fixture(scope="session")
async def resources(real_cluster: KubernetesCluster) -> KubernetesCluster:
    """The real cluster with the custom resources as generated."""
    return await _with_resources(real_cluster)


@pytest_asyncio.fixture(scope="session")
async def lone_resources(lone_kubeconfig: str) -> AsyncIterator[KubernetesCluster]:
    """The same on a control plane of our own."""
    cluster = await KubernetesCluster.connect(lone_kubeconfig)
    yield await _with_resources(cluster)
    await cluster.aclose()


async def _with_resources(real_cluster: KubernetesCluster) -> KubernetesCluster:
    for definition in definitions().values():
        await real_cluster.apply(definition, manager="catalyst-install", force=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _is_served(real_cluster):
            await asyncio.sleep(0.05)
    return real_cluster


async def _is_served(cluster: KubernetesCluster) -> bool:
    with suppress(GatewayError):
        await cluster.list(ENVIRONMENT)
        return True
    return False


@pytest.fixture(params=["fake", "real"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    if request.param == "fake":
        return InMemoryCluster()
    found: KubernetesCluster = request.getfixturevalue("real_cluster")
    return found


@pytest_asyncio.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    """A namespace for one test only."""
    name = f"contract-{uuid.uuid4().hex[:10]}"
    await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    with suppress(GatewayError):
        await cluster.delete(ObjectRef(Kind("v1", "Namespace"), None, name))
