"""Which branch an environment shows: a push wakes the pull requests of its branch."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rows of before know none until their next report; the forge's own event for the pull request comes in any case.
    op.add_column("environments", sa.Column("branch", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("environments", "branch")
