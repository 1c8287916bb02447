"""Alerts, silences, and what incidents learned."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = ("description", "acknowledged_by", "assignee", "resolved_by", "resolution")
_MOMENTS = ("respond_by", "acknowledged_at", "breached_at", "flapping_until", "alerted_at", "run_due_at")
_NUMBERS = ("alerts", "runs")
_INDEXED = ("started_at", "respond_by", "run_due_at")
_SEVERITIES = {"warning": "medium", "error": "high", "info": "low"}


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("fired", sa.Boolean(), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("labels", Json(), nullable=False),
        sa.Column("annotations", Json(), nullable=False),
        sa.Column("source_url", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("incident_id", sa.String(), nullable=True),
        sa.Column("silence_id", sa.String(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint", "starts_at"),
    )
    for name in ("starts_at", "service", "minute", "incident_id", "silence_id"):
        op.create_index(f"ix_alert_{name}", "alert", [name])
    op.create_table(
        "silence",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("matchers", Json(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_silence_ends_at", "silence", ["ends_at"])
    op.create_table(
        "unwell_component",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("incident") as incident:
        for name in _TEXTS:
            incident.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
        for name in _MOMENTS:
            incident.add_column(sa.Column(name, UtcDateTime(), nullable=True))
        for name in _NUMBERS:
            incident.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        incident.add_column(sa.Column("storm", sa.Boolean(), nullable=False, server_default=sa.false()))
        incident.add_column(sa.Column("merged_into", sa.String(), nullable=True))
    with op.batch_alter_table("incident") as incident:
        for name in (*_TEXTS, *_NUMBERS, "storm"):
            incident.alter_column(name, server_default=None)
    for name in _INDEXED:
        op.create_index(f"ix_incident_{name}", "incident", [name])
    table = sa.table("incident", sa.column("severity", sa.String()))
    for before, after in _SEVERITIES.items():
        op.execute(table.update().where(table.c.severity == before).values(severity=after))


def downgrade() -> None:
    for name in ("unwell_component", "silence", "alert"):
        op.drop_table(name)
    for name in _INDEXED:
        op.drop_index(f"ix_incident_{name}", table_name="incident")
    with op.batch_alter_table("incident") as incident:
        for name in (*_TEXTS, *_MOMENTS, *_NUMBERS, "storm", "merged_into"):
            incident.drop_column(name)
