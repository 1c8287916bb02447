"""E-mail in both directions: which letter belongs to which thread."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import Json, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_folder",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("first_uid", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "mail_thread",
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("lang", sa.String(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("thread_id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index("ix_mail_thread_address", "mail_thread", ["address"])
    op.create_table(
        "mail_letter",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=True),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("identity", sa.String(), nullable=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("fate", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("text_digest", sa.String(), nullable=False),
        sa.Column("answers", Json(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("folder", "uidvalidity", "uid"),
        sa.UniqueConstraint("identity"),
    )
    op.create_index("ix_mail_letter_message_id", "mail_letter", ["message_id"])
    op.create_index("ix_mail_letter_thread_id", "mail_letter", ["thread_id"])
    op.create_index("ix_mail_letter_fate", "mail_letter", ["fate"])
    op.create_index("ix_mail_letter_address", "mail_letter", ["address", "at"])
    op.create_table(
        "mail_source",
        sa.Column("letter_id", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("letter_id"),
    )


def downgrade() -> None:
    op.drop_table("mail_source")
    op.drop_table("mail_letter")
    op.drop_table("mail_thread")
    op.drop_table("mail_folder")
