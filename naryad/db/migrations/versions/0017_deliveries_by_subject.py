"""Messages on a matter are found by it: they are forgotten with it."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_delivery_subject", "delivery", ["subject"])


def downgrade() -> None:
    op.drop_index("ix_delivery_subject", "delivery")
