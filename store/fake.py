"""In-memory stores for tests of workflows and activities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from activities.protocols import IndexRow
from environments.deletions import Deletion
from environments.model import EnvironmentKey, EnvironmentUid, Phase
from environments.report import EnvironmentReport
from store.audit import DELETED, AuditEntry, deleter_in, subject_of
from store.models import now


class InMemoryIndex:
    """Implements Index by the same rules as the database's."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], IndexRow] = {}
        """By namespace and uid."""
        self.fails: Exception | None = None
        """What every write raises while it is set."""

    async def put(self, row: IndexRow) -> None:
        if self.fails is not None:
            raise self.fails
        stored = self.rows.get((row.namespace, row.uid))
        if stored is None or _may_follow(stored, EnvironmentReport.model_validate(row.report)):
            self.rows[row.namespace, row.uid] = row

    async def remove(self, namespace: str, uid: str) -> None:
        if self.fails is not None:
            raise self.fails
        stored = self.rows.get((namespace, uid))
        if stored is not None:
            report = {**stored.report, "phase": Phase.DELETED.value, "url": None}
            self.rows[namespace, uid] = stored.model_copy(update={"report": report})

    async def get(self, namespace: str) -> IndexRow | None:
        found = [row for row in self.rows.values() if row.namespace == namespace]
        return found[-1] if found else None


class InMemoryAudit:
    """Implements Audit, and more for the API, as the database's does."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        """The oldest first."""
        self.fails: Exception | None = None
        """What asking for a deleter raises while it is set."""

    async def record(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        await self.begin(actor, action, subject, detail)

    async def begin(self, actor: str, action: str, subject: str, detail: Mapping[str, Any]) -> int:
        id = len(self.entries) + 1
        self.entries.append(AuditEntry(id, now(), actor, action, subject, dict(detail), ""))
        return id

    async def conclude(self, id: int, outcome: str) -> None:
        self.entries[id - 1] = replace(self.entries[id - 1], outcome=outcome)

    async def note_deletion(self, deletion: Deletion) -> None:
        await self.record(deletion.by, DELETED, subject_of(deletion.key), {"uid": deletion.uid})

    async def deleter(self, key: EnvironmentKey, uid: EnvironmentUid) -> str:
        if self.fails is not None:
            raise self.fails
        return deleter_in(await self.list(subject_of(key)), uid)

    async def list(self, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        return [each for each in reversed(self.entries) if subject in (None, each.subject)][:limit]


def _may_follow(stored: IndexRow, report: EnvironmentReport) -> bool:
    said = EnvironmentReport.model_validate(stored.report)
    if said.phase == Phase.DELETED:
        return False
    return said.updated_at is None or report.updated_at is None or said.updated_at <= report.updated_at
