"""The Telegram bot's updates and conversations."""

import sqlalchemy as sa
from alembic import op

from naryad.db.types import Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "telegram_update",
        sa.Column("bot", sa.String(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", Json(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("bot", "update_id"),
    )
    op.create_index("ix_telegram_update_received_at", "telegram_update", ["received_at"])
    op.create_table(
        "telegram_talk",
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("shown", Json(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("thread_id"),
    )
    op.create_index("ix_telegram_talk_account_id", "telegram_talk", ["account_id"])


def downgrade() -> None:
    op.drop_index("ix_telegram_talk_account_id", table_name="telegram_talk")
    op.drop_table("telegram_talk")
    op.drop_index("ix_telegram_update_received_at", table_name="telegram_update")
    op.drop_table("telegram_update")
