"""The inbox: webhooks, kept until Temporal has accepted them (design: rule 1). Every method may raise DatabaseUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
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


@dataclass(frozen=True)
class Waiting:
    """What was not handed on yet."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True)
class Deliveries:
    database: Database

    async def add(self, forge: str, delivery: str, event: str, body: bytes, ignored: str | None = None) -> bool:
        """Store it, to be handed on or (with a reason) only to be counted; False when this id was seen."""
        values = insert(DeliveryRow).values(
            forge=forge,
            delivery=delivery,
            event=event,
            body=body,
            received_at=now(),
            state=DeliveryState.PENDING if ignored is None else DeliveryState.IGNORED,
            reason=ignored or "",
        )
        try:
            async with self.database.write() as session:
                await session.execute(values)
        except IntegrityError:
            return False
        return True

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

    async def ignored(self, id: int, reason: str) -> None:
        await self._change([id], state=DeliveryState.IGNORED, reason=reason)

    async def failed(self, id: int, error: str) -> None:
        """It stays pending; the attempt is counted."""
        await self._change([id], attempts=DeliveryRow.attempts + 1, reason=error)

    async def drop_older_than(self, age: timedelta) -> int:
        """Housekeeping: forget what was handed on or ignored and came longer ago; how many. What waits stays."""
        statement = delete(DeliveryRow).where(
            DeliveryRow.state != DeliveryState.PENDING, DeliveryRow.received_at < now() - age
        )
        async with self.database.write() as session:
            return (await session.execute(statement)).rowcount  # type: ignore[attr-defined, no-any-return]

    async def _change(self, ids: Sequence[int], **values: Any) -> None:
        async with self.database.write() as session:
            await session.execute(update(DeliveryRow).where(DeliveryRow.id.in_(ids)).values(**values))


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(row.id, row.forge, row.delivery, row.event, row.body, row.received_at, row.attempts)
