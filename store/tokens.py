"""API tokens: random, shown once, kept as a hash. Every method may raise DatabaseUnavailable."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.models import ApiTokenRow, now

PREFIX = "cat_"
"""So that secret scanners know one when they see it."""
USE_PRECISION = timedelta(minutes=1)
"""A use is noted at most so often: reading must not become writing."""


@dataclass(frozen=True)
class Tokens:
    database: Database

    async def create(self, name: str) -> str:
        """A new token; this is the only time that it can be read."""
        token = PREFIX + secrets.token_urlsafe(32)
        await self.ensure(name, token)
        return token

    async def ensure(self, name: str, token: str) -> None:
        """Make a given token known by this name, and drop others of the name (the bootstrap token changed)."""
        try:
            await self._ensure(name, token)
        except IntegrityError:
            # Another process that starts made it known at the same moment.
            await self._ensure(name, token)

    async def _ensure(self, name: str, token: str) -> None:
        async with self.database.write() as session:
            others = (ApiTokenRow.name == name) & (ApiTokenRow.hash != _hash(token))
            await session.execute(delete(ApiTokenRow).where(others))
            known = await session.scalar(select(ApiTokenRow).where(ApiTokenRow.hash == _hash(token)))
            if known is None:
                session.add(ApiTokenRow(hash=_hash(token), name=name, created_at=now()))

    async def name_of(self, token: str) -> str | None:
        """Whose token it is; None for an unknown one. The use is noted."""
        async with self.database.read() as session:
            row = await session.scalar(select(ApiTokenRow).where(ApiTokenRow.hash == _hash(token)))
        if row is None:
            return None
        if row.last_used_at is None or now() - row.last_used_at > USE_PRECISION:
            await self._note_use(row.id)
        return row.name

    async def _note_use(self, id: int) -> None:
        async with self.database.write() as session:
            row = await session.get(ApiTokenRow, id)
            if row is not None:
                row.last_used_at = now()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
