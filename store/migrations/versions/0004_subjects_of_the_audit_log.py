"""The audit log is asked for one subject: a teardown wants to know who deleted the resource."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_subject_id", "audit", ["subject", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_subject_id", "audit")
