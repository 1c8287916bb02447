"""Brings a database to the shape this version needs; where it has it, Alembic (0.3 s of every start) is not loaded."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.i18n import _

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).with_name("migrations")


def config(connection: Connection) -> "Config":
    """Alembic's configuration on an open connection."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(_SCRIPTS))
    made.attributes["connection"] = connection
    return made


async def upgrade(database: Database) -> tuple[str | None, str]:
    """Apply what is missing; two processes at once wait for each other.

    Returns:
        The revision before (None for a new database) and after.
    """
    async with database.engine.connect() as connection:
        if not database.sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
            revisions = await connection.run_sync(_upgrade)
            await connection.commit()
            return revisions
        # SQLite changes a table by making it anew and dropping the old one, which rows that point to it forbid.
        # The switch does nothing inside a transaction; `_upgrade` looks at its end whether all of them still fit.
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            await connection.execute(text("BEGIN IMMEDIATE"))
            revisions = await connection.run_sync(_upgrade)
            await connection.commit()
        finally:
            await connection.rollback()
            await connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        return revisions


def head() -> str:
    """The newest revision: the number that its file's name begins with."""
    return max(path.name for path in (_SCRIPTS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    before, newest = None, head()
    if inspect(connection).has_table("alembic_version"):
        before = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if before != newest:
        _apply(connection, before)
    return before, newest


def _apply(connection: Connection, before: str | None) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(config(connection), "head")
    except CommandError as error:
        text = _("The database has revision {before}, which this version does not know: use the version that made it.")
        raise NaryadError(text.format(before=before)) from error
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise NaryadError(_("Rows of the database do not fit together after the upgrade; it was taken back."))
