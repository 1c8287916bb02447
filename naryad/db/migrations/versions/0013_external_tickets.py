"""Tickets that live in another system too; and the ends of runs, to be found quickly."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ENDED = sa.text("type IN ('run.finished', 'run.failed')")


def upgrade() -> None:
    op.create_index("ix_event_ended", "event", ["at"], sqlite_where=_ENDED, postgresql_where=_ENDED)
    op.create_table(
        "external_ticket",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.String(), nullable=False),
        sa.Column("tracker", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("their_status", sa.String(), nullable=False),
        sa.Column("their_priority", sa.String(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_id", "tracker"),
        sa.UniqueConstraint("tracker", "external_id"),
    )
    op.create_index("ix_external_ticket_due", "external_ticket", ["tracker", "due_at"])
    op.create_table(
        "external_comment",
        sa.Column("copy_id", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["copy_id"], ["external_ticket.id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["ticket_entry.id"]),
        sa.PrimaryKeyConstraint("copy_id", "entry_id"),
        sa.UniqueConstraint("copy_id", "external_id"),
    )


def downgrade() -> None:
    op.drop_table("external_comment")
    op.drop_table("external_ticket")
    op.drop_index("ix_event_ended", "event")
