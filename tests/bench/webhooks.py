"""How long the API takes to answer signed webhooks that come at a steady rate."""

import asyncio
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from deploy.demo.platform import NotAsExpected, Platform
from tests.bench.figures import percentile
from tests.bench.series import Measured

PER_SECOND = 200
SECONDS = 20
WEBHOOK = f"webhook answer at {PER_SECOND} per second"
PAYLOAD = b'{"ref": "refs/heads/bench", "repository": {"id": 1, "full_name": "bench/bench"}, "commits": []}'
"""Of a push, which is stored and then ignored: what is measured is the way in, not a rollout."""

Ask = Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]


def webhooks(platform: Platform, measured: Measured) -> None:
    value, floor = asyncio.run(_answer_p95(dict(platform.local)))
    measured.note(WEBHOOK, value, floor)


async def _answer_p95(local: dict[str, Any]) -> tuple[float, float]:
    """The 95th percentiles in milliseconds, of webhooks and, as their floor, of `GET /healthz` at the same rate."""
    floor = await _at_steady_rate(lambda client: client.get(f"{local['api_url']}/healthz"), 200, SECONDS / 4)
    answers = await _at_steady_rate(lambda client: _deliver(client, local), 202, SECONDS)
    return percentile(answers, 0.95), percentile(floor, 0.95)


async def _deliver(client: httpx.AsyncClient, local: dict[str, Any]) -> httpx.Response:
    signature = hmac.new(local["webhook_secret"].encode(), PAYLOAD, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "push",
        "X-Gitea-Delivery": str(uuid.uuid4()),
        "X-Gitea-Signature": signature,
    }
    return await client.post(local["webhook_url"], content=PAYLOAD, headers=headers)


async def _at_steady_rate(ask: Ask, expected: int, seconds: float) -> list[float]:
    """Milliseconds of each; the next one is sent in its time, whether or not the ones before were answered."""
    # Not through a proxy: the API is on this machine.
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        await ask(client)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sent = []
            for number in range(round(seconds * PER_SECOND)):
                await asyncio.sleep(began + number / PER_SECOND - time.monotonic())
                sent.append(group.create_task(_timed(ask, client, expected)))
    return [each.result() for each in sent]


async def _timed(ask: Ask, client: httpx.AsyncClient, expected: int) -> float:
    began = time.perf_counter()
    answer = await ask(client)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != expected:
        raise NotAsExpected(f"{answer.request.url} answered {answer.status_code}, not {expected}: {answer.text[:300]}")
    return took
