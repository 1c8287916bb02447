"""Brings a database to the shape this version needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _


def config(connection: Connection) -> Config:
    """Alembic's configuration on an open connection."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    made.attributes["connection"] = connection
    return made


async def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply what is missing; two processes at once wait for each other.

    Returns:
        The revision before (None for a new database) and after.
    """
    async with database.engine.connect() as connection:
        if database.sqlite:
            await connection.execute(text("BEGIN IMMEDIATE"))
        else:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
        revisions = await connection.run_sync(_upgrade)
        await connection.commit()
    return revisions


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    settings = config(connection)
    before = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(settings).get_current_head()
    assert head is not None
    try:
        if before != head:
            command.upgrade(settings, "head")
    except CommandError as error:
        text = _("The database has revision {before}, which this version does not know: use the version that made it.")
        raise NaryadError(text.format(before=before)) from error
    return before, head
