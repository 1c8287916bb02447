"""`naryad mail`: letters that nobody could read."""

from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
SHOWN = {"id", "at", "reason", "address", "subject", "folder", "uid"}


@app.callback()
def group() -> None:
    """Keep `mail` a group although it has one command."""


@app.command("list", help=N_("Letters that were refused, and why; in the mailbox they are flagged."))
def listed(
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many, the newest first."))
    ] = 50,
    json: Json = False,
) -> None:
    """List refused letters."""
    session.go(_list(limit=limit, json=json))


async def _list(*, limit: int, json: bool) -> None:
    from naryad.mail.filing import refused

    async with session.records() as records:
        found = await refused(records.runtime.database, limit=limit)
        if json:
            for row in found:
                show.as_json(row.model_dump(include=SHOWN))
            return
        zone = records.runtime.settings.zone
        rows = [(show.moment(row.at, zone), row.reason, row.address, row.subject, str(row.uid)) for row in found]
        show.table([_("Came"), _("Reason"), _("From"), _("Subject"), _("Number in the mailbox")], rows)
