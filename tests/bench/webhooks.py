"""How long the API takes to answer signed webhooks that come at a steady rate."""

import asyncio
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from aiohttp import ClientResponse, ClientSession, ClientTimeout

from deploy.demo.platform import NotAsExpected, Platform
from tests.bench.figures import percentile
from tests.bench.series import Measured

PER_SECOND = 200
SECONDS = 20
WEBHOOK = f"webhook answer at {PER_SECOND} per second"
PAYLOAD = b'{"ref": "refs/heads/bench", "repository": {"id": 1, "full_name": "bench/bench"}, "commits": []}'
"""Of a push, which is stored and then ignored: what is measured is the way in, not a rollout."""

Ask = Callable[[ClientSession], AbstractAsyncContextManager[ClientResponse]]


def webhooks(platform: Platform, measured: Measured) -> None:
    value, floor = asyncio.run(_answer_p95(dict(platform.local)))
    measured.note(WEBHOOK, value, floor)


async def _answer_p95(local: dict[str, Any]) -> tuple[float, float]:
    """The 95th percentiles in milliseconds, of webhooks and, as their floor, of `GET /healthz` at the same rate."""
    floor = await _at_steady_rate(lambda client: client.get(f"{local['api_url']}/healthz"), 200, SECONDS / 4)
    answers = await _at_steady_rate(lambda client: _deliver(client, local), 202, SECONDS)
    return percentile(answers, 0.95), percentile(floor, 0.95)


def _deliver(client: ClientSession, local: dict[str, Any]) -> AbstractAsyncContextManager[ClientResponse]:
    signature = hmac.new(local["webhook_secret"].encode(), PAYLOAD, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "push",
        "X-Gitea-Delivery": str(uuid.uuid4()),
        "X-Gitea-Signature": signature,
    }
    return client.post(local["webhook_url"], data=PAYLOAD, headers=headers)


async def _at_steady_rate(ask: Ask, expected: int, seconds: float) -> list[float]:
    """Milliseconds of each; the next one is sent in its time, whether or not the ones before were answered."""
    # Much lighter than httpx: whoever sends shares these cores with the API.
    async with ClientSession(timeout=ClientTimeout(30)) as client:
        await _timed(ask, client, expected)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sent = []
            for number in range(round(seconds * PER_SECOND)):
                await asyncio.sleep(began + number / PER_SECOND - time.monotonic())
                sent.append(group.create_task(_timed(ask, client, expected)))
    return [each.result() for each in sent]


async def _timed(ask: Ask, client: ClientSession, expected: int) -> float:
    began = time.perf_counter()
    async with ask(client) as answer:
        text = await answer.text()
    took = (time.perf_counter() - began) * 1000
    if answer.status != expected:
        raise NotAsExpected(f"{answer.url} answered {answer.status}, not {expected}: {text[:300]}")
    return took
