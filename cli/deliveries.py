"""`naryad deliveries`: messages that could not be delivered."""

from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]


@app.command("list", help=N_("Messages that were given up, and why."))
def listed(
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many, the newest first."))
    ] = 50,
    json: Json = False,
) -> None:
    """List dead letters."""
    session.go(_list(limit=limit, json=json))


@app.command(help=N_("Try again to deliver a message; the server sends it."))
def retry(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help=N_("The message's id."))], json: Json = False
) -> None:
    """Retry a dead letter."""
    session.go(_retry(delivery_id, json=json))


async def _list(*, limit: int, json: bool) -> None:
    from naryad.outbox import Outbox

    async with session.records() as records:
        found = await Outbox(records.runtime.database).dead(limit=limit)
        if json:
            for row in found:
                show.as_json(row.model_dump(exclude={"payload", "key"}))  # what it says may be somebody's secret
            return
        zone = records.runtime.settings.zone
        rows = [(row.id, show.moment(row.created_at, zone), row.channel, row.target, row.error) for row in found]
        show.table([_("Message"), _("Written"), _("Channel"), _("To"), _("Error")], rows)


async def _retry(delivery_id: str, *, json: bool) -> None:
    from naryad.outbox import Outbox

    async with session.records() as records:
        row = await Outbox(records.runtime.database).retry(delivery_id)
        if json:
            show.as_json({"delivery": row.id, "status": row.status})
        else:
            show.console().print(_("The message will be sent again."))
