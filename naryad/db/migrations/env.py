"""Alembic's entry: runs on the connection that `naryad.db.migrate` hands over."""

from alembic import context
from sqlmodel import SQLModel

import naryad.db.models  # noqa: F401  registers every table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
