"""The tables. Their migrations lie in store/migrations; a test holds the two together."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, LargeBinary, String, Text, TypeDecorator
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAME = 63
"""Longest name of a namespace, and so of a team, project or environment."""
SHORT = 200
"""Ids and names of others."""
TRACEPARENT = 55
"""As W3C Trace Context has it."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its zone: SQLite forgets it and answers naive ones. Raises ValueError for a naive moment."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: store moments in UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON}


class DeliveryState(StrEnum):
    PENDING = "pending"
    HANDED = "handed"
    IGNORED = "ignored"


class DeliveryRow(Base):
    """The inbox: one webhook as it came (design: rule 1)."""

    __tablename__ = "deliveries"
    __table_args__ = (Unique("forge", "delivery"), Index("ix_deliveries_state_id", "state", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    """In the order of arrival."""
    forge: Mapped[str] = mapped_column(String(NAME))
    delivery: Mapped[str] = mapped_column(String(SHORT))
    event: Mapped[str] = mapped_column(String(SHORT))
    received_at: Mapped[datetime]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The payload as JSON."""
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why it was ignored, or the last error while it waits."""
    attempts: Mapped[int] = mapped_column(default=0)
    handed_at: Mapped[datetime | None]
    traceparent: Mapped[str | None] = mapped_column(String(TRACEPARENT))
    """Trace that it was received in, so that what comes of it belongs there too, whichever process hands it on."""


class EnvironmentRow(Base):
    """The index: what the workflow said last of one environment; nobody trusts it as truth."""

    __tablename__ = "environments"
    __table_args__ = (
        Index("ix_environments_team_project", "team", "project"),
        Index("ix_environments_pull_request", "forge", "repository_id", "number"),
    )

    namespace: Mapped[str] = mapped_column(String(NAME), primary_key=True)
    uid: Mapped[str] = mapped_column(String(SHORT), primary_key=True)
    team: Mapped[str] = mapped_column(String(NAME))
    project: Mapped[str] = mapped_column(String(NAME))
    environment: Mapped[str] = mapped_column(String(NAME))
    forge: Mapped[str | None] = mapped_column(String(NAME))
    repository_id: Mapped[int | None] = mapped_column(BigInteger)
    number: Mapped[int | None] = mapped_column(BigInteger)
    branch: Mapped[str] = mapped_column(Text, default="")
    phase: Mapped[str] = mapped_column(String(20))
    report: Mapped[dict[str, Any]]
    """environments.report.EnvironmentReport as JSON."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OverrideRow(Base):
    """Who set what instead of what was detected; values of variables are not kept."""

    __tablename__ = "overrides"

    id: Mapped[int] = mapped_column(primary_key=True)
    namespace: Mapped[str] = mapped_column(String(NAME), index=True)
    who: Mapped[str] = mapped_column(String(SHORT))
    at: Mapped[datetime]
    what: Mapped[dict[str, Any]]


class ApiTokenRow(Base):
    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 in hex: enough for a random token of 256 bits, unlike for a password."""
    name: Mapped[str] = mapped_column(String(SHORT))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class AuditRow(Base):
    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject_id", "subject", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(SHORT))
    action: Mapped[str] = mapped_column(String(SHORT))
    subject: Mapped[str] = mapped_column(String(SHORT))
    detail: Mapped[dict[str, Any]]
    outcome: Mapped[str] = mapped_column(Text, default="")
    """Empty: asked, and the answer was never heard."""


def now() -> datetime:
    return datetime.now(UTC)
