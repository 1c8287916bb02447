"""Handoffs: threads that a person has taken over."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import Json, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handoff",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("input_id", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("tried", Json(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=True),
        sa.Column("returned_by", sa.String(), nullable=False),
        sa.Column("returned_at", UtcDateTime(), nullable=True),
        sa.Column("ring_at", UtcDateTime(), nullable=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "input_id"),
    )
    op.create_index("ix_handoff_status", "handoff", ["status"])
    op.create_index("ix_handoff_ring_at", "handoff", ["ring_at"])
    active = sa.text("status <> 'returned'")
    op.create_index(
        "ux_handoff_active", "handoff", ["thread_id"], unique=True, sqlite_where=active, postgresql_where=active
    )


def downgrade() -> None:
    op.drop_table("handoff")
