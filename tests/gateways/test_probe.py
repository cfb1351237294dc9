"""Contract of activities.protocols.Probe, on the fake, on a server of ours, and through Traefik."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.protocols import Answer, Probe
from gateways.probe.fake import InMemoryProbe
from gateways.probe.http import HttpProbe
from tests.gateways.services import Traefik
from tests.patience import PATIENCE_SECONDS

NO_ROUTE = (
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
    "Date: Tue, 01 Jan 2030 00:00:00 GMT\r\nContent-Length: 19\r\n\r\n404 page not found\n"
)
ANSWERS = {
    "up.localhost": "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + "x" * 5000,
    "missing.localhost": "HTTP/1.1 404 Not Found\r\nServer: app\r\nContent-Length: 19\r\n\r\n404 page not found\n",
    "moved.localhost": "HTTP/1.1 302 Found\r\nLocation: http://up.localhost/\r\nContent-Length: 0\r\n\r\n",
    "odd.localhost": "SSH-2.0-OpenSSH\r\n",
}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    host = next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("host:"))
    if host != "silent.localhost":
        writer.write(ANSWERS.get(host, NO_ROUTE).encode())
        await writer.drain()
    else:
        await reader.read()
    writer.close()


@pytest_asyncio.fixture(params=["fake", "real"])
async def probe(request: pytest.FixtureRequest) -> AsyncIterator[Probe]:
    if request.param == "fake":
        fake = InMemoryProbe()
        fake.answers = {
            "up.localhost": Answer(200, "x" * 2000),
            "missing.localhost": Answer(404, "404 page not found\n"),
            "moved.localhost": Answer(302, ""),
        }
        yield fake
        return
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    real = HttpProbe("127.0.0.1", server.sockets[0].getsockname()[1])
    yield real
    await real.aclose()
    server.close()
    await server.wait_closed()


async def test_the_environments_answer(probe: Probe) -> None:
    assert await probe.get("up.localhost") == Answer(200, "x" * 2000)


async def test_a_404_of_the_environment_is_an_answer(probe: Probe) -> None:
    assert await probe.get("missing.localhost") == Answer(404, "404 page not found\n")


async def test_redirects_are_not_followed(probe: Probe) -> None:
    answer = await probe.get("moved.localhost")
    assert answer and answer.status == 302


@pytest.mark.parametrize("host", ["unknown.localhost", "silent.localhost", "odd.localhost"])
async def test_no_answer(probe: Probe, host: str) -> None:
    assert await probe.get(host) is None


async def test_nobody_listens() -> None:
    probe = HttpProbe("127.0.0.1", 9)
    assert await probe.get("up.localhost") is None
    await probe.aclose()


async def test_traefik_routes_one_host_and_knows_no_other(tmp_path: Path) -> None:
    """NO_ROUTE above is recorded from it: here the real one says it."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    traefik = Traefik(tmp_path, host="up.localhost", backend=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    probe = HttpProbe("127.0.0.1", traefik.port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await probe.get("up.localhost") is None:
                await asyncio.sleep(0.05)
        assert await probe.get("up.localhost") == Answer(200, "x" * 2000)
        assert await probe.get("no-such-environment.localhost") is None
    finally:
        traefik.stop()
        await probe.aclose()
        server.close()
