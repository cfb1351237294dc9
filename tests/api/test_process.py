"""`python -m api` as a process: it starts without Temporal, keeps what arrives through kill -9, and ends when asked."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from store.audit import DatabaseAudit
from store.database import open_database
from store.index import DatabaseIndex
from store.logs import FileLogs
from tests.api.conftest import REVIEWS_SECRET, SECRET, pull_request, signed
from tests.api.test_environments import PREVIEW, row
from tests.api.test_reviews import ALLOWED, KEY, UID, review
from tests.certificates import authority, review_settings
from tests.patience import PATIENCE_SECONDS

KUBECONFIG = """
{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
 users: [{name: a, user: {}}], clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]}
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    return settings_in(tmp_path)


def settings_in(folder: Path) -> dict[str, str]:
    """Of an API that keeps everything in there, and whose kubeconfig lies there."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("CATALYST_", "TEMPORAL_"))},
        "CATALYST_KUBECONFIG": str(folder / "kubeconfig"),
        "CATALYST_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/catalyst.db",
        "CATALYST_LOGS__FOLDER": str(folder / "logs"),
        "CATALYST_LOGS__FORMAT": "json",
        "CATALYST_API__PORT": str(free_port()),
        "CATALYST_BOOTSTRAP_TOKEN": "bootstrap",
        "CATALYST_GITEA__WEBHOOK_SECRET": SECRET,
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }


@asynccontextmanager
async def started(environment: dict[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    base = f"http://127.0.0.1:{environment['CATALYST_API__PORT']}"
    headers = {"Authorization": "Bearer bootstrap"}
    try:
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE_SECONDS) as client:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _answers(client):
                    assert process.returncode is None, (await process.communicate())[1].decode()
                    await asyncio.sleep(0.1)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).is_success
    except httpx.ConnectError:
        return False


async def test_what_was_answered_202_outlives_kill_9(environment: dict[str, str]) -> None:
    body = json.dumps(pull_request("opened")).encode()
    async with started(environment) as (process, client):
        sent = {"X-Gitea-Signature": signed(body), "X-Gitea-Event": "pull_request"}
        assert (await client.post("/webhooks/gitea", content=body, headers=sent)).status_code == 202
        process.kill()
        await process.wait()
    async with started(environment) as (_, client):
        ready = (await client.get("/readyz")).json()
        assert (ready["database"], ready["waiting"]) == ("ok", 1)
        assert "Temporal" in ready["temporal"]
        assert (await client.get("/api/v1/environments")).json() == {"environments": []}


async def test_it_ends_in_time_though_somebody_follows_a_log(environment: dict[str, str], tmp_path: Path) -> None:
    database = await open_database(environment["CATALYST_DATABASE_URL"])
    await DatabaseIndex(database).put(row())
    await database.aclose()
    with FileLogs(tmp_path / "logs").open(f"{PREVIEW}/3/build") as log:
        log.write(b"begins\n")
        followed = f"/api/v1/environments/{PREVIEW}/logs/build?follow=true"
        async with started(environment) as (process, client), client.stream("GET", followed) as answer:
            assert await anext(answer.aiter_bytes()) == b"begins\n"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_database_that_cannot_be_opened_is_said_in_a_sentence(environment: dict[str, str]) -> None:
    environment["CATALYST_DATABASE_URL"] = "sqlite+aiosqlite:////proc/none/catalyst.db"
    returned, told = await _ends(environment)
    assert returned == 1
    assert "/proc/none" in told and "Traceback" not in told


async def test_it_hears_by_tls_who_deletes_an_environment_and_ends_with_both_listeners(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    environment |= review_settings(authority(tmp_path), port, REVIEWS_SECRET)
    async with started(environment) as (process, _):
        trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trusted) as server:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _accepts(port):
                    await asyncio.sleep(0.1)
            answer = await server.post(f"/deletions/{REVIEWS_SECRET}", json=review())
            assert answer.json() == ALLOWED
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert not await _accepts(port)
    database = await open_database(environment["CATALYST_DATABASE_URL"])
    assert await DatabaseAudit(database).deleter(KEY, UID) == "alice"
    await database.aclose()


@pytest.mark.parametrize("broken", ["CERTIFICATE", "KEY"])
async def test_a_certificate_that_cannot_be_read_is_said_in_a_sentence(
    environment: dict[str, str], tmp_path: Path, broken: str
) -> None:
    environment |= review_settings(authority(tmp_path), free_port(), REVIEWS_SECRET)
    Path(environment[f"CATALYST_REVIEWS__{broken}"]).write_text("no PEM")
    returned, told = await _ends(environment)
    assert returned == 1
    assert f"CATALYST_REVIEWS__{broken}" in told and "Traceback" not in told


async def test_half_a_listener_is_said_in_a_sentence(environment: dict[str, str]) -> None:
    environment["CATALYST_REVIEWS__PORT"] = str(free_port())
    returned, told = await _ends(environment)
    assert returned == 1
    assert "CATALYST_REVIEWS: " in told and "a port needs certificate, key and secret" in told


async def _ends(environment: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    told = (await process.communicate())[1].decode()
    return process.returncode, told


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
