"""The index: one row per environment for lists and pages. Every method may raise DatabaseUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from activities.protocols import IndexRow
from environments.model import BranchKey, Phase, PullRequestKey
from environments.report import EnvironmentReport
from store.database import Database
from store.models import EnvironmentRow, now


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None: everything. Deleted environments come only when their phase is asked for."""

    team: str | None = None
    project: str | None = None
    phase: Phase | None = None
    pull_request: int | None = None
    """Number; together with team and project it says one."""


@dataclass(frozen=True)
class DatabaseIndex:
    """Implements activities.protocols.Index, and reads for the API."""

    database: Database

    async def put(self, row: IndexRow) -> None:
        """Newest wins: what was said earlier, or after the environment's end, changes nothing."""
        try:
            await self._put(row)
        except IntegrityError:
            # Another process wrote the environment's first row at the same moment: now there is one to compare with.
            await self._put(row)

    async def _put(self, row: IndexRow) -> None:
        report = EnvironmentReport.model_validate(row.report)
        async with self.database.write() as session:
            stored = await session.get(EnvironmentRow, (row.namespace, row.uid), with_for_update=True)
            if stored is None:
                stored = EnvironmentRow(namespace=row.namespace, uid=row.uid, created_at=now())
                session.add(stored)
            elif stored.phase == Phase.DELETED or _is_newer(stored.report, report.updated_at):
                return
            _fill(stored, row, report)

    async def remove(self, namespace: str, uid: str) -> None:
        """Mark as Deleted: the row stays for the history of logs."""
        async with self.database.write() as session:
            stored = await session.get(EnvironmentRow, (namespace, uid), with_for_update=True)
            if stored is not None:
                stored.phase, stored.updated_at = Phase.DELETED, now()
                stored.report = {**stored.report, "phase": Phase.DELETED.value, "url": None}

    async def get(self, namespace: str) -> IndexRow | None:
        """The newest environment of that namespace."""
        query = (
            select(EnvironmentRow)
            .where(EnvironmentRow.namespace == namespace)
            .order_by(EnvironmentRow.created_at.desc())
            .limit(1)
        )
        async with self.database.read() as session:
            row = await session.scalar(query)
        return _index_row(row) if row else None

    async def pull_requests_of(self, key: BranchKey) -> Sequence[PullRequestKey]:
        """Those whose environment shows that branch of their own repository; not those from forks."""
        query = select(EnvironmentRow).where(EnvironmentRow.phase != Phase.DELETED)
        query = query.filter_by(forge=key.forge, repository_id=key.repository_id, branch=key.branch)
        async with self.database.read() as session:
            found = [_index_row(row).pull_request for row in await session.scalars(query)]
        return [each for each in found if each is not None]

    async def list(self, narrow: Filter = Filter(), limit: int = 1000) -> Sequence[IndexRow]:
        """Those that changed last come first."""
        query = select(EnvironmentRow).order_by(EnvironmentRow.updated_at.desc(), EnvironmentRow.namespace)
        if narrow.phase is None:
            query = query.where(EnvironmentRow.phase != Phase.DELETED)
        wanted = {"team": narrow.team, "project": narrow.project, "phase": narrow.phase, "number": narrow.pull_request}
        query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
        async with self.database.read() as session:
            return [_index_row(row) for row in await session.scalars(query.limit(limit))]

    async def drop_deleted_before(self, moment: datetime) -> int:
        """Housekeeping: forget environments that are gone since; how many."""
        gone = (EnvironmentRow.phase == Phase.DELETED) & (EnvironmentRow.updated_at < moment)
        async with self.database.write() as session:
            rows = (await session.scalars(select(EnvironmentRow).where(gone))).all()
            for row in rows:
                await session.delete(row)
        return len(rows)


def _is_newer(stored: dict[str, object], moment: datetime | None) -> bool:
    said = EnvironmentReport.model_validate(stored).updated_at
    return said is not None and moment is not None and said > moment


def _fill(stored: EnvironmentRow, row: IndexRow, report: EnvironmentReport) -> None:
    key = row.pull_request
    stored.team, stored.project, stored.environment = row.team, row.project, row.environment
    stored.forge = key.forge if key else None
    stored.repository_id = key.repository_id if key else None
    stored.number = key.number if key else None
    stored.branch = row.branch
    stored.phase, stored.report, stored.updated_at = report.phase, row.report, now()


def _index_row(row: EnvironmentRow) -> IndexRow:
    key = None
    if row.forge is not None and row.repository_id is not None and row.number is not None:
        key = PullRequestKey(forge=row.forge, repository_id=row.repository_id, number=row.number)
    return IndexRow(
        namespace=row.namespace,
        uid=row.uid,
        team=row.team,
        project=row.project,
        environment=row.environment,
        pull_request=key,
        branch=row.branch,
        report=row.report,
    )
