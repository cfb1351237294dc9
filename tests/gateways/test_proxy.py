"""The forward proxy as it really runs: squid on loopback, a server of ours as the outside, and what is let through."""

import asyncio
import base64
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from deploy.local import files, squid
from deploy.local.cache import ensure
from environments.egress import PLATFORM, Proxy, build_token, build_url
from gateways.proxy.configuration import BLOCK, Outside, Package, Project
from gateways.proxy.refusals import Refusal, Refusals
from gateways.proxy.squid import ProxyBroken, Squid, open_squid
from tests.missing import missing
from tests.patience import PATIENCE_SECONDS

HERE = "127.0.0.1"
PORTS = 200
INSIDE = {
    "inside.example.com": HERE,
    "inside6.example.com": "::1",
    "any6.example.com": "::",
    "mapped.example.com": "::ffff:10.99.0.1",
    "private.example.com": "fd00::1",
    "metadata.example.com": "169.254.169.254",
    "pod.example.com": "10.99.0.1",
    "both.example.com": "10.99.0.1",
}
"""Name -> address that no list allows."""


@pytest.fixture(scope="module")
def package() -> Iterator[Package]:
    """Where an account that isn't root may read it."""
    folder = Path(tempfile.mkdtemp(prefix="catalyst-squid-"))
    folder.chmod(0o755)
    try:
        files.place(ensure(squid.artifact()), folder / "package")
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        missing(f"squid can't be fetched from Debian's packages: {error}")
    yield Package(folder / "package")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def outside_address() -> str:
    """An address of this machine that isn't loopback, which is never reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError as error:
            missing(f"this machine has no address but loopback: {error}")
        return str(probe.getsockname()[0])


class Answer(NamedTuple):
    status: int
    text: str


class World(NamedTuple):
    squid: Squid
    refusals: Refusals
    proxy: Proxy
    outside: Outside
    """As it is given to squid."""
    server_port: int

    def project(self, number: int, *hosts: str) -> Project:
        """The one of the port `number` after builds'."""
        port = self.proxy.first_port + number
        return Project(port, hosts, build_token(self.proxy, f"team.p{number}"))

    async def fetch(self, number: int, host: str, port: int | None = None, *, user: str = "") -> Answer:
        """Plain HTTP through the port `number`."""
        url = f"{host}:{port or self.server_port}"
        return await self._ask(number, f"GET http://{url}/ HTTP/1.1\r\nHost: {url}\r\n", user)

    async def tunnel(self, number: int, host: str, port: int | None = None) -> Answer:
        url = f"{host}:{port or self.server_port}"
        return await self._ask(number, f"CONNECT {url} HTTP/1.1\r\nHost: {url}\r\n", "")

    def user(self, number: int) -> str:
        """As a build of the project in the environment `team-p-pr-1` is told it."""
        url = build_url(self.proxy, f"team.p{number}", self.proxy.first_port + number, "team-p-pr-1")
        return str(urlsplit(url).username)

    async def _ask(self, number: int, head: str, user: str) -> Answer:
        if user:
            head += f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:x'.encode()).decode()}\r\n"
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(HERE, self.proxy.first_port + number)
            writer.write(f"{head}Connection: close\r\n\r\n".encode())
            status = int((await reader.readline()).split()[1])
            # A tunnel stays open.
            is_tunnel = head.startswith("CONNECT") and status == 200
            text = "" if is_tunnel else (await reader.read()).partition(b"\r\n\r\n")[2].decode()
            writer.close()
        return Answer(status, text)

    async def refused(self) -> Refusal:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for each in self.refusals:
                return each
        raise AssertionError("it never ends")


def _free_block() -> int:
    """The first of so many ports; below those that the kernel gives to connections, which come and go."""
    while True:
        first = secrets.choice(range(20000, 30000, PORTS))
        try:
            for port in (first, first + 1, first + 2, first + PORTS - 1):
                with socket.socket() as probe:
                    probe.bind((HERE, port))
        except OSError:
            continue
        return first


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError):  # a tunnel through which nothing comes
        await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\noutside")
    await writer.drain()
    writer.close()


@pytest.fixture
async def world(package: Package, outside_address: str) -> AsyncIterator[World]:
    async with _world(package, outside_address) as made:
        yield made


@asynccontextmanager
async def _world(package: Package, address: str) -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="catalyst-proxy-"))
    folder.chmod(0o711)
    server = await asyncio.start_server(_serve, address, 0)
    port = int(server.sockets[0].getsockname()[1])
    named = (
        "approved.example.com",
        "below.wild.example.org",
        "wild.example.org",
        "other.example.net",
        "team.example.dev",
    )
    # One of two addresses inside is enough.
    lines = [
        *(f"{address} {name}" for name in (*named, "both.example.com")),
        *(f"{where} {name}" for name, where in INSIDE.items()),
    ]
    (folder / "hosts").write_text("\n".join(lines) + "\n")
    (folder / "hosts").chmod(0o644)
    proxy = Proxy(address=HERE, first_port=_free_block(), ports=PORTS, secret="s")
    platform = Project(proxy.first_port, ("approved.example.com",), build_token(proxy, PLATFORM))
    outside = Outside(HERE, proxy.first_port, platform, closed=("10.99.0.0/16",), extra_ports=(port,))
    try:
        async with open_squid(package, folder / "egress", "proxy", folder / "hosts") as (program, refusals):
            yield World(program, refusals, proxy, outside, port)
    finally:
        server.close()
        shutil.rmtree(folder)


async def test_an_approved_host_is_reached_and_no_other(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "*.wild.example.org", "approved.example.com")])
    for host in ("approved.example.com", "wild.example.org", "below.wild.example.org"):
        assert await world.fetch(1, host) == Answer(200, "outside"), host
        assert (await world.tunnel(1, host)).status == 200
    for host in ("other.example.net", "approved.example.com.example.net", "x.approved.example.com"):
        answer = await world.fetch(1, host)
        assert (answer.status, host in answer.text, "egress" in answer.text) == (403, True, True)
        told = await world.refused()
        assert (told.source, told.port, told.builder) == (HERE, world.proxy.first_port + 1, None)
        assert told.refused == (host, world.server_port, False)
        assert (await world.tunnel(1, host)).status == 403
        assert (await world.refused()).refused.host == host


async def test_each_port_has_its_own_projects_list(world: World) -> None:
    projects = [world.project(1, "approved.example.com"), world.project(2, "other.example.net"), world.project(3)]
    await world.squid.apply(world.outside, projects)
    assert (await world.fetch(1, "approved.example.com")).status == 200
    assert (await world.fetch(1, "other.example.net")).status == 403
    assert (await world.fetch(2, "approved.example.com")).status == 403
    assert (await world.fetch(2, "other.example.net")).status == 200
    assert (await world.fetch(3, "approved.example.com")).status == 403


@pytest.mark.parametrize("host", INSIDE)
async def test_an_approved_name_doesnt_lead_inside(world: World, host: str) -> None:
    await world.squid.apply(world.outside, [world.project(1, host)])
    for answer in (await world.fetch(1, host), await world.tunnel(1, host)):
        assert answer.status == 403
        assert (await world.refused()).refused == (host, world.server_port, True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.99.0.1", "localhost", "{outside}", "0x7f000001", "a..b", "169.254.169.254"]
)
async def test_an_address_is_no_host(world: World, outside_address: str, host: str) -> None:
    """Also where its name, as whoever holds the address says it, would be approved."""
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com", "*.example.org")])
    host = host.format(outside=outside_address)
    assert (await world.fetch(1, host)).status in (400, 403)
    assert (await world.tunnel(1, host)).status in (400, 403)


@pytest.mark.parametrize("port", [22, 25, 3128, 6443])
async def test_no_other_port(world: World, port: int) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com")])
    assert (await world.fetch(1, "approved.example.com", port)).status == 403
    assert (await world.tunnel(1, "approved.example.com", port)).status == 403
    assert (await world.tunnel(1, "approved.example.com", 80)).status == 403
    assert (await world.refused()).refused.port == port


async def test_its_own_pages_are_nobodys(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com")])
    for path in ("squid-internal-mgr/info", "squid-internal-mgr/menu"):
        for host in ("approved.example.com", "localhost", HERE):
            url = f"{host}:{world.proxy.first_port + 1}"
            answer = await world._ask(1, f"GET http://{url}/{path} HTTP/1.1\r\nHost: {url}\r\n", "")
            assert answer.status in (403, 404), (path, host)


async def test_a_build_gets_out_by_its_projects_list_and_says_whose_it_is(world: World) -> None:
    projects = [world.project(1, "approved.example.com"), world.project(2, "other.example.net")]
    await world.squid.apply(world.outside, projects)
    assert await world.fetch(0, "approved.example.com", user=world.user(1)) == Answer(200, "outside")
    assert (await world.fetch(0, "other.example.net", user=world.user(2))).status == 200
    assert (await world.fetch(0, "other.example.net", user=world.user(1))).status == 403
    told = await world.refused()
    assert told.builder == (world.proxy.first_port + 1, "team-p-pr-1") and told.refused.host == "other.example.net"


async def test_a_build_without_its_projects_token_gets_nowhere(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com"), world.project(2)])
    assert (await world.fetch(0, "approved.example.com")).status == 407
    port, _, namespace = world.user(1).split(".")
    _, other, _ = world.user(2).split(".")
    for user in (
        f"{port}.{other}.{namespace}",
        f"{port}.{'0' * 64}.x",
        f"x{world.user(1)}",
        f"{port}..{namespace}",
        ".*",
    ):
        assert (await world.fetch(0, "approved.example.com", user=user)).status == 403, user


async def test_a_change_holds_when_apply_returns(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com")])
    for hosts in (("other.example.net",), (), ("approved.example.com",)):
        await world.squid.apply(world.outside, [world.project(1, *hosts), world.project(2, "team.example.dev")])
        assert (await world.fetch(2, "team.example.dev")).status == 200
        is_open = {
            host: (await world.fetch(1, host)).status == 200 for host in ("approved.example.com", "other.example.net")
        }
        assert is_open == {host: host in hosts for host in is_open}


async def test_more_projects_than_one_squid_takes(world: World) -> None:
    """It opens 128 ports, and says nothing of the others."""
    await world.squid.apply(
        world.outside, [world.project(n, "approved.example.com") for n in (1, BLOCK - 1, BLOCK, 150)]
    )
    for number in (1, BLOCK - 1, BLOCK, 150):
        assert (await world.fetch(number, "approved.example.com")).status == 200
    assert (await world.fetch(0, "approved.example.com", user=world.user(150))).status == 200


async def test_one_that_is_killed_comes_back(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com")])
    process = world.squid._running[0]._process
    assert process is not None
    process.kill()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                assert (await world.fetch(1, "approved.example.com")).status == 200
                break
            except (OSError, IndexError):  # nobody listens yet
                await asyncio.sleep(0.05)
    assert world.squid._running[0]._process is not process


async def test_it_doesnt_run_as_root(world: World) -> None:
    await world.squid.apply(world.outside, [])
    process = world.squid._running[0]._process
    assert process is not None
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert status["Uid"].split()[0] != "0" and int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1"


async def test_another_proxy_may_be_the_only_way_out(package: Package, outside_address: str) -> None:
    async with _world(package, outside_address) as far:
        await far.squid.apply(far.outside, [far.project(1, "approved.example.com")])
        # Its ports are chosen when those of the other are taken.
        async with _world(package, outside_address) as near:
            upstream = Outside(
                **vars(near.outside) | {"upstream": (HERE, far.proxy.first_port + 1), "extra_ports": (far.server_port,)}
            )
            await near.squid.apply(upstream, [near.project(1, "*.example.com", "other.example.net")])
            assert await near.fetch(1, "approved.example.com", far.server_port) == Answer(200, "outside")
            assert (await near.fetch(1, "other.example.net", far.server_port)).status == 403
            assert (await far.refused()).refused.host == "other.example.net"


async def test_whatever_our_umask_is_squid_reads_what_it_needs(package: Package, outside_address: str) -> None:
    before = os.umask(0o077)
    try:
        async with _world(package, outside_address) as world:
            await world.squid.apply(world.outside, [world.project(1)])
            assert "egress" in (await world.fetch(1, "other.example.net")).text, "its page isn't ours"
            configuration = world.squid.folder / "0" / "squid.conf"
            assert configuration.stat().st_mode & 0o777 == 0o640, "builds' tokens are in it"
    finally:
        os.umask(before)


async def test_no_account_is_a_sentence(package: Package, tmp_path: Path) -> None:
    with pytest.raises(ProxyBroken, match="no account nobody-at-all"):
        async with open_squid(package, tmp_path / "egress", "nobody-at-all"):
            pass


async def test_an_address_that_isnt_ours_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.proxy.squid.LISTENING_SECONDS", 2.0)
    with pytest.raises(ProxyBroken, match=r"doesn't listen on \[\d+\].*CATALYST_PROXY__ADDRESS"):
        await world.squid.apply(replace(world.outside, address="203.0.113.9"), [])


async def test_what_squid_doesnt_take_leaves_the_old_rules(world: World) -> None:
    await world.squid.apply(world.outside, [world.project(1, "approved.example.com")])
    broken = replace(world.outside, extra_ports=(99999,))
    with pytest.raises(ProxyBroken, match="doesn't take its configuration"):
        await world.squid.apply(broken, [world.project(1, "other.example.net")])
    assert (await world.fetch(1, "approved.example.com")).status == 200


async def test_no_package_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProxyBroken, match="aren't unpacked below"):
        async with open_squid(Package(tmp_path), tmp_path / "egress", None):
            pass
