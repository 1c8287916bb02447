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
    with op.batch_alter_table("thread") as thread:
        thread.alter_column("title", server_default=None)  # it was for the rows that were there


def downgrade() -> None:
    with op.batch_alter_table("thread") as thread:
        thread.drop_index("ix_thread_principal")
        thread.drop_column("cancelled_by")
        thread.drop_column("title")
