"""The tables of the spine."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE = "the audit is append-only"
_SQLITE = [
    f"CREATE TRIGGER audit_no_{verb.split()[0]} BEFORE {verb} BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
    for verb in (
        "UPDATE ON audit",
        "DELETE ON audit",
        # INSERT OR REPLACE removes the old row without asking the trigger above.
        "INSERT ON audit WHEN NEW.seq <= (SELECT max(seq) FROM audit)",
    )
]
_POSTGRESQL = [
    f"CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''{_REFUSE}''; END'",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_refuse()",
]


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("args_json", sa.String(), nullable=False),
        sa.Column("args_sha256", sa.String(), nullable=False),
        sa.Column("call_sha256", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("preview", sa.String(), nullable=False),
        sa.Column("precondition", sa.String(), nullable=False),
        sa.Column("provenance", Json, nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "approved",
                "rejected",
                "expired",
                "stale",
                "superseded",
                "consumed",
                name="approvalstatus",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("edited_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id", "call_id", "attempt"),
    )
    op.create_index("ix_approval_status", "approval", ["status"])
    op.create_index("ix_approval_thread_id", "approval", ["thread_id"])

    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("data_json", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_event", "audit", ["event"])
    op.create_index("ix_audit_rule", "audit", ["rule"])
    op.create_index("ix_audit_thread_id", "audit", ["thread_id"])

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "event",
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("thread_id", "seq"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "waiting", "resolved", "escalated", name="incidentstatus", native_enum=False, length=20),
            nullable=False,
        ),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("timeline", Json, nullable=False),
        sa.Column("postmortem", Json, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("thread_id"),
    )
    op.create_index("ix_incident_fingerprint", "incident", ["fingerprint"])
    op.create_index("ix_incident_status", "incident", ["status"])

    op.create_table(
        "output",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_output_thread_id", "output", ["thread_id"])

    op.create_table(
        "thread",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("approval_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("approval_id", "person"),
    )
    op.create_index("ix_decision_approval_id", "decision", ["approval_id"])

    op.create_table(
        "effect",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("args_sha256", sa.String(), nullable=False),
        sa.Column("approval_id", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "started",
                "succeeded",
                "failed",
                "unknown",
                "rolled_back",
                name="effectstatus",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=False),
        sa.Column("result", Json, nullable=True),
        sa.Column("result_sha256", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approval.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("approval_id"),
        sa.UniqueConstraint("thread_id", "call_id"),
    )
    op.create_table(
        "queued_input",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["thread.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_queued_input_thread_id", "queued_input", ["thread_id"])

    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:

    op.drop_table("queued_input")
    op.drop_table("effect")

    op.drop_table("decision")
    op.drop_table("thread")

    op.drop_table("output")

    op.drop_table("incident")
    op.drop_table("event")
    op.drop_table("audit_head")

    op.drop_table("audit")

    op.drop_table("approval")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse")
