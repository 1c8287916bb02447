"""Who told of an alert: they must not be the second pair of eyes on its cure.

Secrets of second factors keep their columns: a server seals them when it starts, for only it has the key.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alert") as table:
        table.add_column(sa.Column("reported_by", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("alert") as table:
        table.alter_column("reported_by", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("alert") as table:
        table.drop_column("reported_by")
