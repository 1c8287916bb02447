"""`naryad db`: the database's shape."""

import typer

from cli import session, show
from naryad.i18n import _

app = typer.Typer()


@app.callback()
def group() -> None:
    """Keep `db` a group although it has one command."""


@app.command(help=_("Bring the database to the shape that this version needs."))
def upgrade() -> None:
    """Apply what is missing."""
    session.go(_upgrade())


async def _upgrade() -> None:
    from naryad.db import migrate
    from naryad.db.session import Database

    database = Database(session.settings().database)
    try:
        before, after = await migrate.upgrade(database)
    finally:
        await database.close()
    text = _("Already at revision {after}.") if before == after else _("Upgraded from {before} to {after}.")
    show.console().print(text.format(before=before or "—", after=after))
