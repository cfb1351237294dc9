"""kill -9 of the API between every two steps of a delivery: what was stored reaches its workflow, in order (design: rule 1)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import select

from gateways.temporal.fake import InMemoryOwners
from store.database import Database, open_database
from store.deliveries import Deliveries
from store.models import DeliveryRow
from tests.api.conftest import pull_request, signed
from tests.crashes.api_process import STEPS, ApiPlace, run
from tests.crashes.fate import Fate, KillPoint
from tests.crashes.rpc import serving
from tests.crashes.world import kept_alive

PATIENCE_SECONDS = 120


class Event(NamedTuple):
    number: int
    action: str


EVENTS = (
    Event(7, "opened"),
    Event(7, "synchronized"),
    Event(9, "closed"),
    Event(8, "opened"),
    Event(7, "closed"),
    Event(8, "synchronized"),
    Event(7, "reopened"),
)
"""Nobody knows number 9, and `closed` starts nothing."""
SIGNALS = {"opened": "look", "reopened": "look", "synchronized": "new_commit", "closed": "close"}
POINTS = [
    KillPoint(step, number, is_after)
    for step, numbers in zip(STEPS, ((1, 4), (1, 2), (1, 4), (1,), (1,)), strict=True)
    for number in numbers
    for is_after in (False, True)
]


@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_what_was_stored_is_handed_over_in_order(point: KillPoint, tmp_path: Path) -> None:
    place, owners, fate = ApiPlace(tmp_path), InMemoryOwners(), Fate()
    fate.arm(point)
    async with (
        serving(place.world, {"owners": owners, "fate": fate}),
        kept_alive(run, place),
        _client(place) as client,
    ):
        answered = [each for number, each in enumerate(EVENTS) if await _send(client, number, each)]
        stored = await _until_all_handed(place, fate)

    assert fate.is_fulfilled, "the API was not killed"
    assert set(answered) <= set(stored), "an answer of 202 is a promise"
    for number in (7, 8):
        mine = [SIGNALS[each.action] for each in stored if each.number == number]
        # One that wasn't stored may be the first, and `closed` starts nothing.
        wanted = list(dropwhile(lambda signal: signal == "close", mine))
        told = [each.name for each in owners.told if each.workflow_id == f"pr/gitea/3/{number}"]
        assert _is_said(told, wanted), f"#{number} was told {told} instead of {wanted}"
    assert not [each for each in owners.told if each.workflow_id == "pr/gitea/3/9"]


def _is_said(told: Sequence[str], wanted: Sequence[str]) -> bool:
    """All of it in order, and what wasn't noted before the kill once more at most."""
    return any(told == [*wanted[:end], *wanted[again:]] for end in range(len(wanted) + 1) for again in range(end + 1))


@asynccontextmanager
async def _client(place: ApiPlace) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(place.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://api", timeout=PATIENCE_SECONDS) as client:
        yield client


async def _send(client: httpx.AsyncClient, number: int, event: Event) -> bool:
    """Whether it was answered. The forge doesn't send again what it got no answer to."""
    body = json.dumps(pull_request(event.action, event.number)).encode()
    marks = {"X-Gitea-Event": "pull_request", "X-Gitea-Delivery": f"{number}", "X-Gitea-Signature": signed(body)}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                answer = await client.post("/webhooks/gitea", content=body, headers=marks)
            except httpx.ConnectError:
                await asyncio.sleep(0.02)  # not there (yet, or again)
            except httpx.TransportError:
                return False
            else:
                assert answer.status_code == 202, answer.text
                return True


async def _until_all_handed(place: ApiPlace, fate: Fate) -> Sequence[Event]:
    """What the database holds, once nothing of it waits."""
    database = await open_database(place.database)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not fate.is_fulfilled or (await Deliveries(database).waiting()).count:
                await asyncio.sleep(0.05)
        return await _stored(database)
    finally:
        await database.aclose()


async def _stored(database: Database) -> Sequence[Event]:
    query = select(DeliveryRow.delivery).order_by(DeliveryRow.id)
    async with database.read() as session:
        return [EVENTS[int(delivery)] for delivery in await session.scalars(query)]
