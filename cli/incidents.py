"""`naryad incidents`: what was wrong and what was done."""

from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]


@app.command("list", help=N_("Incidents, the newest first."))
def listed(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many."))] = 50,
    json: Json = False,
) -> None:
    """List incidents."""
    session.go(_list(limit=limit, json=json))


@app.command("show", help=N_("One incident: timeline, cause, evidence, postmortem draft."))
def shown(
    incident_id: Annotated[str, typer.Argument(metavar="ID", help=N_("The incident's id, or its beginning or end."))],
    json: Json = False,
) -> None:
    """Show one incident."""
    session.go(_show(incident_id, json=json))


async def _list(*, limit: int, json: bool) -> None:
    async with session.records() as records:
        found = await records.incidents.listed(limit=limit)
        if json:
            for incident in found:
                show.as_json(incident)
            return
        zone = records.runtime.settings.zone
        rows = [
            (show.short(i.id), _(i.status), _(i.severity), show.moment(i.started_at, zone), i.service, i.title)
            for i in found
        ]
        show.table([_("Incident"), _("Status"), _("Severity"), _("Began"), _("Service"), _("Title")], rows)


async def _show(incident_id: str, *, json: bool) -> None:
    async with session.records() as records:
        incident = await records.incidents.get(incident_id)
        if json:
            show.as_json(incident)
            return
        from naryad.i18n import language

        text = incident.postmortem.get(language()) or _("This incident is still open: {title}").format(
            title=incident.title
        )
        show.markdown(text)
