"""First tables: inbox, index, overrides, tokens, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _deliveries()
    _environments()
    op.create_table(
        "overrides",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("namespace", sa.String(63), nullable=False, index=True),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("what", sa.JSON, nullable=False),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("action", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )


def downgrade() -> None:
    for table in ("audit", "api_tokens", "overrides", "environments", "deliveries"):
        op.drop_table(table)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("forge", sa.String(63), nullable=False),
        sa.Column("delivery", sa.String(200), nullable=False),
        sa.Column("event", sa.String(200), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("handed_at", MOMENT),
        sa.UniqueConstraint("forge", "delivery"),
    )
    op.create_index("ix_deliveries_state_id", "deliveries", ["state", "id"])


def _environments() -> None:
    op.create_table(
        "environments",
        sa.Column("namespace", sa.String(63), primary_key=True),
        sa.Column("uid", sa.String(200), primary_key=True),
        sa.Column("team", sa.String(63), nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("environment", sa.String(63), nullable=False),
        sa.Column("forge", sa.String(63)),
        sa.Column("repository_id", sa.BigInteger),
        sa.Column("number", sa.BigInteger),
        sa.Column("phase", sa.String(20), nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_index("ix_environments_team_project", "environments", ["team", "project"])
    op.create_index("ix_environments_pull_request", "environments", ["forge", "repository_id", "number"])
