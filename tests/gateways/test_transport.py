"""How the API server is reached: what the worker's surroundings say of proxies counts, its ~/.netrc does not."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Self

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from gateways.cluster.transport import connect_transport

VERSION = {"major": "1", "minor": "34"}


class Listener:
    """An API server, or a proxy before one: it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.BaseRequest] = []
        self._server = RawTestServer(self._answer)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request)
        return web.json_response(VERSION)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Listener]:
    async with Listener() as listener:
        yield listener


def kubeconfig(folder: Path, server: str) -> str:
    """With a client's name and no credential."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "us"}}],
        "users": [{"name": "us", "user": {}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return str(file)


async def ask(config: str) -> None:
    transport = await connect_transport(config, timedelta(seconds=10))
    try:
        assert await transport.call("GET", "/version", what="the version") == VERSION
    finally:
        await transport.aclose()


async def test_nothing_of_netrc_is_sent(server: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    await ask(kubeconfig(tmp_path, server.url))
    [request] = server.asked
    assert "Authorization" not in request.headers


async def test_a_proxy_of_the_surroundings_is_used(
    server: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "elsewhere.example")
    await ask(kubeconfig(tmp_path, "http://cluster.example:6443"))
    [request] = server.asked
    assert request.raw_path == "http://cluster.example:6443/version"


async def test_no_proxy_is_obeyed(server: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    await ask(kubeconfig(tmp_path, server.url))
    assert len(server.asked) == 1
