"""Contract of activities.protocols.Builder on the fake and on BuildKit, and what the gateway does with a client that misbehaves."""

import asyncio
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from activities.protocols import Builder, BuildFailed, BuildRequest
from gateways.builder.buildkit import BuildKitBuilder
from gateways.builder.errors import BuilderUnavailable, error_from
from gateways.builder.fake import InMemoryBuilder
from gateways.registry.fake import InMemoryRegistry
from tests.gateways.conftest import BuildKitAddress
from tests.gateways.control_plane import search_path
from tests.gateways.services import BuildKitProcess
from tests.missing import missing
from tests.patience import PATIENCE_SECONDS

SMALL_DISK = 96 << 20
"""Bytes."""


class Output:
    """A LogWriter that keeps what it got."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class World(NamedTuple):
    builder: Builder
    base: str
    """Image to build on: one with a shell for BuildKit."""
    repository: str


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest) -> World:
    repository = f"contract-{uuid.uuid4().hex[:10]}/app"
    if request.param == "fake":
        return World(InMemoryBuilder(InMemoryRegistry()), "busybox", repository)
    place: BuildKitAddress = request.getfixturevalue("buildkit")
    return World(BuildKitBuilder(place.buildctl, place.address, place.registry), place.base, repository)


def a_request(world: World, context: Path, **fields: object) -> BuildRequest:
    given = {"context": context, "dockerfile": "Dockerfile", "repository": world.repository, "tag": "one"} | fields
    return BuildRequest.model_validate(given)


class TestContract:
    async def test_answers_the_digest_and_streams_its_output(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text(f"FROM {world.base}\nRUN echo a-line-of-the-build-$((40+2))\n")
        output = Output()
        reference = await world.builder.build(a_request(world, tmp_path), output)
        assert re.fullmatch(rf".+/{world.repository}@sha256:[0-9a-f]{{64}}", reference)
        assert output.data

    async def test_our_own_dockerfile_needs_none_in_the_context(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        text = f"FROM {world.base}\nCOPY file /file\n"
        assert "@sha256:" in await world.builder.build(a_request(world, tmp_path, dockerfile_text=text), Output())

    async def test_failing_step_is_the_authors_matter(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text(f"FROM {world.base}\nRUN false\n")
        with pytest.raises(BuildFailed, match=r"/bin/sh -c false.* exit code: 1"):
            await world.builder.build(a_request(world, tmp_path), Output())

    async def test_no_dockerfile(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(BuildFailed, match="Dockerfile"):
            await world.builder.build(a_request(world, tmp_path), Output())


class TestBuildKit:
    async def test_a_proxy_is_known_to_steps_and_to_nobody_after_them(
        self, buildkit: BuildKitAddress, tmp_path: Path
    ) -> None:
        world = World(buildkit.builder(), buildkit.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        text = f"FROM {world.base}\nRUN echo told $https_proxy $HTTP_PROXY not $NO_PROXY\n"
        secret = uuid.uuid4().hex
        told = {"HTTP_PROXY": f"http://{secret}:1", "HTTPS_PROXY": f"http://{secret}:2", "NO_PROXY": "a.b"}
        output = Output()
        request = a_request(world, tmp_path, dockerfile_text=text, arguments=told)
        first = await world.builder.build(request, output)
        assert f"told http://{secret}:2 http://{secret}:1 not a.b".encode() in output.data
        again = Output()
        others = {name: value.replace(secret, "another") for name, value in told.items()}
        second = await world.builder.build(request.model_copy(update={"arguments": others}), again)
        assert b"CACHED" in again.data, "another token would build everything anew"
        assert first == second, "the image knows of the proxy"

    async def test_no_image_that_a_dockerfile_names_becomes_the_frontend(
        self, buildkit: BuildKitAddress, tmp_path: Path
    ) -> None:
        """It could ask for any cache mount, and the first line of a Dockerfile looks like a comment."""
        world = World(buildkit.builder(), buildkit.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        text = f"# syntax={world.base}\nFROM {world.base}\nRUN echo built in\n"
        output = Output()
        await world.builder.build(a_request(world, tmp_path, dockerfile_text=text), output)
        assert b"built in" in output.data and b"frontend" not in output.data

    async def test_caches_of_steps_are_shared_by_one_project_alone(
        self, buildkit: BuildKitAddress, tmp_path: Path
    ) -> None:
        world, mark = (
            World(buildkit.builder(), buildkit.base, f"contract-{uuid.uuid4().hex[:10]}/app"),
            uuid.uuid4().hex,
        )
        for cache, found in (("acme-shop", b"0 before"), ("acme-shop", b"1 before"), ("acme-shop-pr-7", b"0 before")):
            step = f'echo {uuid.uuid4().hex} && echo "$(ls /c | wc -l) before" && touch /c/one'
            text = f"FROM {world.base}\nRUN --mount=type=cache,id={mark},target=/c {step}\n"
            output = Output()
            await world.builder.build(a_request(world, tmp_path, dockerfile_text=text, cache=cache), output)
            assert found in output.data, cache

    @pytest.mark.parametrize(
        "source", ["http://127.0.0.1:9/x", "https://other.example.net/x", "https://other.example.net/x.git#main"]
    )
    async def test_the_builder_fetches_from_approved_hosts_only(
        self, buildkit: BuildKitAddress, tmp_path: Path, source: str
    ) -> None:
        world = World(buildkit.builder(), buildkit.base, "contract/app")
        text = f"FROM {world.base}\nADD {source} /x\n"
        request = a_request(world, tmp_path, dockerfile_text=text, hosts=("approved.example.com",))
        with pytest.raises(BuildFailed, match=r"isn't approved.*spec\.egress\.allowedHosts"):
            await world.builder.build(request, Output())

    async def test_the_builder_fetches_from_an_approved_host(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        """As far as it comes: there is no such host."""
        world = World(buildkit.builder(), buildkit.base, "contract/app")
        text = f"FROM {world.base}\nADD http://approved.invalid/x /x\n"
        request = a_request(world, tmp_path, dockerfile_text=text, hosts=("approved.invalid",))
        with pytest.raises((BuildFailed, BuilderUnavailable)) as caught:
            await world.builder.build(request, Output())
        assert "policy" not in str(caught.value) and "approved.invalid" in str(caught.value)

    async def test_what_is_in_the_repository_needs_no_approval(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        world = World(buildkit.builder(), buildkit.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        request = a_request(world, tmp_path, dockerfile_text=f"FROM {world.base}\nADD file /file\n", hosts=())
        assert "@sha256:" in await world.builder.build(request, Output())

    async def test_image_is_in_the_registry(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        world = World(buildkit.builder(), buildkit.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        reference = await world.builder.build(
            a_request(world, tmp_path, dockerfile_text=f"FROM {world.base}\n"), Output()
        )
        assert await buildkit.resolve(reference) == reference

    async def test_cancelling_ends_the_build_in_the_daemon(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        mark = uuid.uuid4().hex
        world = World(buildkit.builder(), buildkit.base, "contract/app")
        text = f"FROM {world.base}\nRUN echo {mark}-$((40+2)); sleep 1234\n"
        output = Output()
        task = asyncio.create_task(world.builder.build(a_request(world, tmp_path, dockerfile_text=text), output))
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Not sooner: a step that is cancelled in the very moment its container starts goes on in BuildKit until its end.
            while f"{mark}-42".encode() not in output.data:
                await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while running(mark):
                await asyncio.sleep(0.05)

    async def test_unknown_base_image_is_the_authors_matter(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        world = World(buildkit.builder(), "", "contract/app")
        text = f"FROM {buildkit.registry}/no/such:image\n"
        with pytest.raises(BuildFailed, match="not found"):
            await world.builder.build(a_request(world, tmp_path, dockerfile_text=text), Output())

    async def test_no_daemon_is_worth_another_try(self, buildkit: BuildKitAddress, tmp_path: Path) -> None:
        builder = BuildKitBuilder(buildkit.buildctl, f"unix://{tmp_path}/none.sock", buildkit.registry)
        request = a_request(World(builder, "", "contract/app"), tmp_path, dockerfile_text="FROM scratch\n")
        with pytest.raises(BuilderUnavailable):
            await builder.build(request, Output())


Script = Callable[[str], BuildKitBuilder]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """A builder whose client program is a shell script."""

    def make(text: str) -> BuildKitBuilder:
        path = tmp_path / "buildctl"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return BuildKitBuilder(str(path), "unix:///x", "localhost:5000")

    return make


class TestClientProgram:
    async def test_timeout_ends_everything_it_started(self, script: Script, tmp_path: Path) -> None:
        mark = uuid.uuid4().hex
        builder = script(f"trap '' TERM; (exec -a {mark} sleep 1234) & sh -c 'sleep 1234; : {mark}' & wait")
        request = a_request(World(builder, "", "a/b"), tmp_path, dockerfile_text="x", timeout=timedelta(seconds=0.3))
        began = time.monotonic()
        with pytest.raises(BuildFailed, match="longer than its limit"):
            await builder.build(request, Output())
        assert time.monotonic() - began < 8 and not running(mark)

    async def test_output_comes_while_it_runs(self, script: Script, tmp_path: Path) -> None:
        output = Output()
        builder = script("echo first; sleep 60")
        request = a_request(World(builder, "", "a/b"), tmp_path, dockerfile_text="x")
        task = asyncio.create_task(builder.build(request, output))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while output.data != b"first\n":
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_it_sees_none_of_our_secrets(
        self, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CATALYST_FORGE_TOKEN", "s3cret")
        output = Output()
        builder = script("env; exit 1")
        with pytest.raises(BuildFailed):
            await builder.build(a_request(World(builder, "", "a/b"), tmp_path, dockerfile_text="x"), output)
        assert b"PATH=" in output.data and b"s3cret" not in output.data

    async def test_missing_program(self, tmp_path: Path) -> None:
        builder = BuildKitBuilder(str(tmp_path / "none"), "unix:///x", "localhost:5000")
        with pytest.raises(BuilderUnavailable, match="isn't there"):
            await builder.build(a_request(World(builder, "", "a/b"), tmp_path, dockerfile_text="x"), Output())

    @pytest.mark.parametrize("dockerfile", ["../Dockerfile", "/etc/passwd", "link", "folder/Dockerfile"])
    async def test_dockerfiles_outside_the_context_are_none(
        self, script: Script, tmp_path: Path, dockerfile: str
    ) -> None:
        context = tmp_path / "context"
        context.mkdir()
        (tmp_path / "Dockerfile").write_text("FROM scratch")
        (context / "link").symlink_to("../Dockerfile")
        (context / "folder").symlink_to("..")
        builder = script("exit 0")
        with pytest.raises(BuildFailed, match="There is no"):
            await builder.build(a_request(World(builder, "", "a/b"), context, dockerfile=dockerfile), Output())

    @pytest.mark.parametrize("repository", ["a,push=false", "A/b", "../x", "a b", ""])
    async def test_names_cannot_add_options(self, script: Script, tmp_path: Path, repository: str) -> None:
        builder = script("exit 0")
        with pytest.raises(BuildFailed, match="no name"):
            await builder.build(a_request(World(builder, "", repository), tmp_path, dockerfile_text="x"), Output())


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ('error: failed to solve: process "/bin/sh -c curl x: connection refused" did not complete', BuildFailed),
        ("error: failed to solve: failed to push localhost:5000/a: dial tcp: connection refused", BuilderUnavailable),
        ("error: failed to receive status: rpc error: code = Unavailable desc = EOF", BuilderUnavailable),
        ("error: failed to solve: dockerfile parse error on line 1: unknown instruction: FORM", BuildFailed),
        ("", BuildFailed),
    ],
)
def test_whose_matter_a_failure_is(output: str, error: type[Exception]) -> None:
    assert type(error_from(f"#1 something\n{output}\n")) is error


def running(mark: str) -> bool:
    """Whether a process names the mark on its command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in command:
            return True
    return False


class TestFullDisk:
    """A builder with a disk of its own, as the platform's, that is small."""

    @pytest.fixture
    def small(self, buildkit: BuildKitAddress, tmp_path: Path) -> Iterator[BuildKitAddress]:
        daemon = shutil.which("buildkitd", path=search_path())
        if daemon is None or os.geteuid() != 0:
            missing("No buildkitd of our own, or not root, whom a mount needs")
        folder = tmp_path / "small"
        folder.mkdir()
        process = BuildKitProcess(daemon, buildkit.buildctl, folder, buildkit.registry, SMALL_DISK)
        yield buildkit._replace(address=process.address)
        process.stop()

    async def test_a_step_that_fills_it_fails_by_itself_and_the_next_build_has_room(
        self, small: BuildKitAddress, tmp_path: Path
    ) -> None:
        world = World(small.builder(), small.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        head = f"FROM {small.base} AS tools\nFROM {small.base}\nCOPY --from=tools /bin/sh /bin/cat\n"
        (tmp_path / "Dockerfile").write_text(f"{head}RUN cat /dev/zero > /fill\n")
        output = Output()
        with pytest.raises(BuildFailed, match=r"cat /dev/zero"):
            await world.builder.build(a_request(world, tmp_path), output)
        assert b"No space left on device" in output.data
        (tmp_path / "Dockerfile").write_text(f"{head}RUN echo there is room\n")
        assert "@sha256:" in await self._tried_again(world, a_request(world, tmp_path))

    async def _tried_again(self, world: World, request: BuildRequest) -> str:
        """As a rollout does: the failed step's files go a moment after it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await world.builder.build(request, Output())
                except BuilderUnavailable:
                    await asyncio.sleep(1)

    async def test_no_room_for_the_context_is_the_platforms_matter(
        self, small: BuildKitAddress, tmp_path: Path
    ) -> None:
        world = World(small.builder(), small.base, f"contract-{uuid.uuid4().hex[:10]}/app")
        context = tmp_path / "context"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {small.base}\nCOPY big /big\n")
        (context / "big").write_bytes(os.urandom(SMALL_DISK + (1 << 20)))
        with pytest.raises(BuilderUnavailable, match="no space left on device"):
            await world.builder.build(a_request(world, context), Output())
