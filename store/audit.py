"""Who asked for what, when, and what came of it. Every method may raise DatabaseUnavailable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from environments.deletions import Deletion
from environments.model import EnvironmentKey, EnvironmentUid
from store.database import Database
from store.models import SHORT, AuditRow, now

DELETED = "deleted the resource"
"""Action of a Deletion."""
ENOUGH = 100
"""Deletions of one name that are looked through, the newest first: the uid asked for is of the last resource of that name."""


@dataclass(frozen=True)
class AuditEntry:
    id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]
    outcome: str


@dataclass(frozen=True)
class DatabaseAudit:
    """Implements activities.protocols.Audit, and more for the API."""

    database: Database

    async def record(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Something that was done. No secrets in `detail`."""
        await self.begin(actor, action, subject, detail)

    async def begin(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> int:
        """Before it is done, so that nothing is done unrecorded; the entry's id, for `conclude`."""
        row = AuditRow(at=now(), who=actor, action=action, subject=subject, detail=dict(detail), outcome="")
        async with self.database.write() as session:
            session.add(row)
        return row.id

    async def conclude(self, id: int, outcome: str) -> None:
        async with self.database.write() as session:
            await session.execute(update(AuditRow).where(AuditRow.id == id).values(outcome=outcome))

    async def note_deletion(self, deletion: Deletion) -> None:
        """Told by the API server, while whoever deletes it waits."""
        await self.record(deletion.by, DELETED, subject_of(deletion.key), {"uid": deletion.uid})

    async def deleter(self, key: EnvironmentKey, uid: EnvironmentUid) -> str:
        return deleter_in(await self.list(subject_of(key), ENOUGH), uid)

    async def list(self, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """The newest first."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        async with self.database.read() as session:
            return [_entry(row) for row in await session.scalars(query)]


def subject_of(key: EnvironmentKey) -> str:
    """The column is shorter than what a resource may be called."""
    return f"{key.namespace}/{key.name}"[:SHORT]


def deleter_in(entries: Sequence[AuditEntry], uid: EnvironmentUid) -> str:
    """Of the newest first; an earlier one was refused, or the resource would be gone."""
    return next((each.who for each in entries if each.action == DELETED and each.detail.get("uid") == uid), "")


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.id, row.at, row.who, row.action, row.subject, row.detail, row.outcome)
