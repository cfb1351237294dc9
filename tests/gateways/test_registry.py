"""Contract of activities.protocols.Registry, on the fake and on docker-registry."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from activities.protocols import Registry
from gateways.registry.distribution import DistributionRegistry
from gateways.registry.errors import RegistryRefused, RegistryUnavailable
from gateways.registry.fake import InMemoryRegistry
from gateways.registry.reference import parse_reference
from tests.gateways.services import Pusher, RegistryProcess, find_registry
from tests.missing import missing


@dataclass
class World:
    registry: Registry
    host: str
    push: Callable[[str, str], str]
    prefix: str
    """Of this test's repositories only."""


@pytest_asyncio.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    prefix = f"contract-{uuid.uuid4().hex[:10]}"
    if request.param == "fake":
        fake = InMemoryRegistry()
        yield World(fake, fake.host, fake.push, prefix)
        return
    url: str = request.getfixturevalue("registry_url")
    registry = DistributionRegistry(url)
    pusher: Pusher = request.getfixturevalue("pusher")
    yield World(registry, registry.host, pusher.image, prefix)
    for repository in await registry.repositories(prefix):
        await registry.delete_repository(repository)
    await registry.aclose()


async def test_resolve_by_tag_and_digest(world: World) -> None:
    digest = world.push(f"{world.prefix}/app", "one")
    wanted = f"{world.host}/{world.prefix}/app@{digest}"
    assert await world.registry.resolve(f"{world.host}/{world.prefix}/app:one") == wanted
    assert await world.registry.resolve(f"{world.host}/{world.prefix}/app@{digest}") == wanted
    assert await world.registry.resolve(f"{world.host}/{world.prefix}/app:none") is None


async def test_resolve_names_of_docker_hub(world: World) -> None:
    name = world.prefix.replace("contract-", "lib")
    digest = world.push(f"library/{name}", "latest")
    wanted = f"{world.host}/library/{name}@{digest}"
    for image in (name, f"{name}:latest", f"library/{name}", f"docker.io/library/{name}", f"docker.io/{name}"):
        assert await world.registry.resolve(image) == wanted
    await world.registry.delete_repository(f"library/{name}")


async def test_images_elsewhere_and_no_images_are_none(world: World) -> None:
    for image in ("ghcr.io/a/b:1", "nosuchimage:1", "UPPER", "a b", "", "x:", "x@sha256:1", "../../v2/x"):
        assert await world.registry.resolve(image) is None


async def test_repositories_by_prefix_without_empty_ones(world: World) -> None:
    for name in ("a", "b"):
        world.push(f"{world.prefix}/{name}", "one")
    assert sorted(await world.registry.repositories(world.prefix)) == [f"{world.prefix}/a", f"{world.prefix}/b"]
    await world.registry.delete_repository(f"{world.prefix}/a")
    assert list(await world.registry.repositories(world.prefix)) == [f"{world.prefix}/b"]


async def test_delete_counts_manifests_and_is_idempotent(world: World) -> None:
    repository = f"{world.prefix}/app"
    digests = {world.push(repository, tag) for tag in ("one", "two")}
    assert await world.registry.delete_repository(repository) == len(digests) == 2
    assert await world.registry.delete_repository(repository) == 0
    assert await world.registry.resolve(f"{world.host}/{repository}:one") is None
    assert await world.registry.delete_repository(f"{world.prefix}/never") == 0


async def test_deleting_an_index_takes_its_manifests(registry_url: str, pusher: Pusher) -> None:
    registry = DistributionRegistry(registry_url)
    repository = f"contract-{uuid.uuid4().hex[:10]}/app"
    index = pusher.index(repository, "multi")
    assert await registry.delete_repository(repository) == 2 and not pusher.has(repository, index)
    await registry.aclose()


async def test_a_tag_whose_manifest_is_lost_is_nothing(tmp_path: Path) -> None:
    binary = find_registry() or missing("No program docker-registry")
    process = RegistryProcess(binary, tmp_path)
    registry, pusher = DistributionRegistry(process.url), Pusher(process.url)
    process.lose("app", pusher.image("app", "one"))
    assert (await registry.repositories(""), await registry.delete_repository("app")) == ([], 0)
    pusher.image("app", "one")
    assert await registry.repositories("") == ["app"]
    pusher.close()
    await registry.aclose()
    process.stop()


class BreaksAt(httpx.AsyncHTTPTransport):
    """The connection breaks at that DELETE, counted from one, and at none after it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= request.method == "DELETE"
        if request.method == "DELETE" and self._left == 0:
            raise httpx.ReadError("broken", request=request)
        return await super().handle_async_request(request)


@pytest.mark.parametrize("number", [1, 2])
async def test_an_index_is_deleted_whole_though_the_first_try_was_cut_off(
    registry_url: str, pusher: Pusher, number: int
) -> None:
    client = httpx.AsyncClient(base_url=registry_url, transport=BreaksAt(number))
    registry, repository = DistributionRegistry(registry_url, client), f"contract-{uuid.uuid4().hex[:10]}/app"
    part = pusher.image(repository, "one", "part")
    digests = [part, pusher.index_of(repository, "one", part)]
    with pytest.raises(RegistryUnavailable):
        await registry.delete_repository(repository)
    await registry.delete_repository(repository)
    assert not any(pusher.has(repository, each) for each in digests)
    await registry.aclose()


async def test_catalogue_is_read_to_its_end(registry_url: str, pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.registry.distribution.PAGE", 2)
    registry = DistributionRegistry(registry_url)
    prefix = f"contract-{uuid.uuid4().hex[:10]}"
    for name in "abcde":
        pusher.image(f"{prefix}/{name}", "one")
    assert len(await registry.repositories(prefix)) == 5
    for repository in await registry.repositories(prefix):
        await registry.delete_repository(repository)
    await registry.aclose()


@pytest.mark.parametrize(
    ("status", "error"), [(405, RegistryRefused), (403, RegistryRefused), (503, RegistryUnavailable)]
)
async def test_refusals(status: int, error: type[Exception]) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status))
    client = httpx.AsyncClient(base_url="http://registry", transport=transport)
    with pytest.raises(error):
        await DistributionRegistry("http://registry", client).resolve("nginx")
    await client.aclose()


async def test_nobody_there_is_worth_another_try() -> None:
    registry = DistributionRegistry("http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable):
        await registry.repositories("")
    await registry.aclose()


@pytest.mark.parametrize(
    ("image", "parsed"),
    [
        ("nginx", ("docker.io", "library/nginx", "latest")),
        ("a/b:1", ("docker.io", "a/b", "1")),
        ("localhost/a:1", ("localhost", "a", "1")),
        ("r.io:5/a/b", ("r.io:5", "a/b", "latest")),
        (f"r.io/a:1@sha256:{'a' * 64}", ("r.io", "a", f"sha256:{'a' * 64}")),
    ],
)
def test_names(image: str, parsed: tuple[str, str, str]) -> None:
    assert parse_reference(image) == parsed
