"""The inbox: webhooks, kept until Temporal has accepted them (design: rule 1). Every method may raise DatabaseUnavailable."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.models import DeliveryRow, DeliveryState, now


@dataclass(frozen=True)
class Delivery:
    id: int
    """In the order of arrival."""
    forge: str
    delivery: str
    event: str
    body: bytes
    """The payload as JSON."""
    received_at: datetime
    attempts: int
    traceparent: str | None = None
    """Trace that it was received in."""


@dataclass(frozen=True)
class Waiting:
    """What was not handed on yet."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class Arrival:
    """One that waits to be stored."""

    row: Mapping[str, Any]
    is_new: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True)
class Deliveries:
    database: Database
    _arriving: list[Arrival] = field(default_factory=list, init=False, repr=False, compare=False)
    _door: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False, compare=False)

    async def add(
        self,
        forge: str,
        delivery: str,
        event: str,
        body: bytes,
        ignored: str | None = None,
        traceparent: str | None = None,
    ) -> bool:
        """Store it, to be handed on or (with a reason) only to be counted; False when this id was seen."""
        row = {
            "forge": forge,
            "delivery": delivery,
            "event": event,
            "body": body,
            "received_at": now(),
            "state": DeliveryState.PENDING if ignored is None else DeliveryState.IGNORED,
            "reason": ignored or "",
            "traceparent": traceparent,
        }
        arrival = Arrival(row)
        self._arriving.append(arrival)
        async with self._door:
            # Whoever came through the door before took along what had arrived by then.
            if not arrival.is_new.done():
                await self._store_arrived()
        return await arrival.is_new

    async def _store_arrived(self) -> None:
        """All that waits in one transaction: when each write takes long, a transaction each would never catch up."""
        batch = self._arriving[:]
        self._arriving.clear()
        try:
            are_new = await self._insert([each.row for each in batch])
        except asyncio.CancelledError:
            # Only the request that carried them was given up; the others still wait.
            self._arriving[:0] = batch
            raise
        except Exception as error:  # noqa: BLE001
            # Each of them tells its own sender.
            for each in batch:
                if not each.is_new.done():
                    each.is_new.set_exception(error)
            return
        for each, is_new in zip(batch, are_new, strict=True):
            if not each.is_new.done():
                each.is_new.set_result(is_new)

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[bool]:
        try:
            async with self.database.write() as session:
                await session.execute(insert(DeliveryRow), rows)
        except IntegrityError:
            # One of them was seen before: which, only each by itself tells.
            return [False] if len(rows) == 1 else [(await self._insert([row]))[0] for row in rows]
        return [True] * len(rows)

    async def pending(self, limit: int, after: int = 0) -> Sequence[Delivery]:
        """The oldest that wait, of those that came after the one with this id."""
        query = (
            select(DeliveryRow)
            .where(DeliveryRow.state == DeliveryState.PENDING, DeliveryRow.id > after)
            .order_by(DeliveryRow.id)
            .limit(limit)
        )
        async with self.database.read() as session:
            return [_delivery(row) for row in await session.scalars(query)]

    async def waiting(self) -> Waiting:
        query = select(func.count(), func.min(DeliveryRow.received_at)).where(
            DeliveryRow.state == DeliveryState.PENDING
        )
        async with self.database.read() as session:
            count, oldest = (await session.execute(query)).one()
        return Waiting(count, oldest)

    async def handed(self, *ids: int) -> None:
        """Temporal has accepted them."""
        await self._change(ids, state=DeliveryState.HANDED, handed_at=now(), reason="")

    async def ignored(self, *ids: int, reason: str) -> None:
        """They concern nobody."""
        await self._change(ids, state=DeliveryState.IGNORED, reason=reason)

    async def failed(self, id: int, error: str) -> None:
        """It stays pending; the attempt is counted."""
        await self._change([id], attempts=DeliveryRow.attempts + 1, reason=error)

    async def drop_older_than(self, age: timedelta) -> int:
        """Housekeeping: forget what was handed on or ignored and came longer ago; how many. What waits stays."""
        statement = delete(DeliveryRow).where(
            DeliveryRow.state != DeliveryState.PENDING, DeliveryRow.received_at < now() - age
        )
        async with self.database.write() as session:
            done = await session.execute(statement)
        assert isinstance(done, CursorResult)
        return done.rowcount

    async def _change(self, ids: Sequence[int], **values: Any) -> None:
        async with self.database.write() as session:
            await session.execute(update(DeliveryRow).where(DeliveryRow.id.in_(ids)).values(**values))


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        row.id, row.forge, row.delivery, row.event, row.body, row.received_at, row.attempts, row.traceparent
    )
