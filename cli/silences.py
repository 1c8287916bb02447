"""`naryad silences`: maintenance that must not wake anybody."""

import re
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

if TYPE_CHECKING:
    from naryad.db.models.alert import Silence

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command("list", help=N_("Silences that hold or are planned, the newest first."))
def listed(
    past: Annotated[bool, typer.Option("--past", help=N_("Those that are over too."))] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help=N_("At most so many."))] = 50,
    json: Json = False,
) -> None:
    """List silences."""
    session.go(_list(past=past, limit=limit, json=json))


@app.command(help=N_("Silence fitting alerts: name=value, name!=value, name=~pattern, name!~pattern; all must fit."))
def add(
    matchers: Annotated[list[str], typer.Argument(metavar="MATCHER...", help=N_("For example service=web."))],
    reason: Annotated[str, typer.Option(metavar="TEXT", help=N_("Why."))],
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help=N_("How long: 30m, 2h, 1d."))] = "1h",
    json: Json = False,
) -> None:
    """Make a silence that begins now."""
    session.settings()  # what is wrong is said in the right language
    session.go(_add([_matcher(text) for text in matchers], _length(lasting), reason, json=json))


@app.command(help=N_("End a silence now; what it covered and still fires makes incidents soon."))
def end(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help=N_("The silence's id."))], json: Json = False
) -> None:
    """End one silence."""
    session.go(_end(silence_id, json=json))


def _matcher(text: str) -> dict[str, str]:
    if found := re.fullmatch(r"(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})(?P<op>=~|!~|!=|=)(?P<value>.{0,500})", text):
        return found.groupdict()
    raise typer.BadParameter(
        _("{text}: write name=value, name!=value, name=~pattern or name!~pattern").format(text=text)
    )


def _length(text: str) -> timedelta:
    if found := re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    raise typer.BadParameter(_("{text}: write 30m, 2h or 1d").format(text=text))


async def _list(*, past: bool, limit: int, json: bool) -> None:
    from naryad.alerts.silences import Silences

    async with session.records() as records:
        found = await Silences(records.runtime.database).listed(past=past, limit=limit)
        if json:
            for silence in found:
                show.as_json(silence)
            return
        zone = records.runtime.settings.zone
        rows = [
            (s.id, _fits(s), show.moment(s.starts_at, zone), show.moment(s.ends_at, zone), s.author, s.reason)
            for s in found
        ]
        show.table([_("Silence"), _("Fits"), _("Begins"), _("Ends"), _("Author"), _("Reason")], rows)


async def _add(matchers: list[dict[str, str]], length: timedelta, reason: str, *, json: bool) -> None:
    from naryad.alerts.silences import Silences
    from naryad.auth import local_person
    from naryad.clock import now

    async with session.records() as records:
        begin = now()
        made = await Silences(records.runtime.database).add(matchers, begin, begin + length, reason, local_person().id)
        text = _("Alerts with {fits} make no incident until {until}. Silence {id}")
        _tell(made, text, records.runtime.settings.zone, json)


async def _end(silence_id: str, *, json: bool) -> None:
    from naryad.alerts.silences import Silences

    async with session.records() as records:
        ended = await Silences(records.runtime.database).end(silence_id)
        _tell(ended, _("Silence {id} is over."), records.runtime.settings.zone, json)


def _tell(silence: "Silence", text: str, zone: tzinfo, json: bool) -> None:
    if json:
        show.as_json(silence)
        return
    told = text.format(id=silence.id, fits=_fits(silence), until=show.moment(silence.ends_at, zone))
    show.console().print(told, markup=False)


def _fits(silence: "Silence") -> str:
    return ", ".join(f"{each['name']}{each['op']}{each['value']}" for each in silence.matchers)
