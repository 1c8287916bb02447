"""Titles of threads, and who wants their run to end."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("thread") as thread:
        thread.add_column(sa.Column("title", sa.String(), nullable=False, server_default=""))
        thread.add_column(sa.Column("cancelled_by", sa.String(), nullable=True))
        thread.create_index("ix_thread_principal", ["principal"])


def downgrade() -> None:
    with op.batch_alter_table("thread") as thread:
        thread.drop_index("ix_thread_principal")
        thread.drop_column("cancelled_by")
        thread.drop_column("title")
