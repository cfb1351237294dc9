"""Who overrode what, and when; the truth of it is the resource's spec (design: rule 10). May raise DatabaseUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from environments.work import OverrideRequest
from store.database import Database
from store.models import OverrideRow, now


@dataclass(frozen=True)
class Override:
    namespace: str
    who: str
    at: datetime
    what: dict[str, Any]
    """The fields that were set; of environment variables the names only, since their values may be secret."""


@dataclass(frozen=True)
class DatabaseOverrides:
    database: Database

    async def record(self, namespace: str, request: OverrideRequest) -> None:
        row = OverrideRow(namespace=namespace, who=request.by, at=now(), what=told(request))
        async with self.database.write() as session:
            session.add(row)

    async def list(self, namespace: str, limit: int = 100) -> Sequence[Override]:
        """The newest first."""
        query = select(OverrideRow).where(OverrideRow.namespace == namespace)
        async with self.database.read() as session:
            rows = await session.scalars(query.order_by(OverrideRow.id.desc()).limit(limit))
            return [Override(row.namespace, row.who, row.at, row.what) for row in rows]


def told(request: OverrideRequest) -> dict[str, Any]:
    """What may be written down of it; rows without a scope are of a time when it was the environment."""
    fields = request.model_dump(exclude={"by", "delivery", "sha", "env"}, exclude_defaults=True)
    fields["scope"] = request.scope
    return fields if request.env is None else {**fields, "env": sorted(request.env)}
