"""`naryad db`: the database's shape."""

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

app = App()


@app.callback()
def group() -> None:
    """Keep `db` a group although it has one command."""


@app.command(help=N_("Bring the database to the shape that this version needs."))
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
