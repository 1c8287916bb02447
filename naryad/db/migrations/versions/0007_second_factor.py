"""Approvals that want a second factor."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approval") as table:
        table.add_column(sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("approval") as table:
        table.alter_column("second_factor", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("approval") as table:
        table.drop_column("second_factor")
