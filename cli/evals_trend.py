"""`naryad evals trend`: whether the agents still do as well as they did."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from naryad.errors import NotFound
from naryad.i18n import N_, _, ngettext

if TYPE_CHECKING:
    from naryad.db.session import Database
    from naryad.sentinel.series import Measure
    from naryad.sentinel.trend import Trend

DAY_S = 86_400.0
_STANDINGS = (N_("well"), N_("suspect"), N_("worse"), N_("few"))
"""As they are shown."""


def trend(
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help=N_("Only this agent."))] = "",
    days: Annotated[
        int, typer.Option(min=1, max=60, metavar="N", help=N_("So many days before are compared with, or accepted."))
    ] = 7,
    accept: Annotated[
        bool, typer.Option("--accept", help=N_("Take the last days as the golden baseline from now on."))
    ] = False,
    json: Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))] = False,
) -> None:
    """Show each series in the golden baseline, in the days before and now."""
    session.go(_trend(agent, days, accept=accept, json=json))


async def _trend(agent: str, days: int, *, accept: bool, json: bool) -> None:
    from naryad.clock import now
    from naryad.runtime import open_runtime
    from naryad.sentinel import records
    from naryad.sentinel.sentinel import judged
    from naryad.sentinel.trend import trends

    async with open_runtime(session.settings()) as runtime:
        if accept:
            await _accept(runtime.database, agent, days, json=json)
            return
        known = await records.known(runtime.database, moment := now(), rolling=days * DAY_S)
        # Of all agents, also where one is asked for: a slow model that strikes all is not blamed on one's prompt.
        verdict = await judged(known, moment, rolling=days * DAY_S, levels=True)
    found = trends(verdict)
    agents = sorted({one.agent for one in found})
    if agent and found and agent not in agents:
        text = _("No runs of {agent} were recorded in the last days; there are some of: {agents}.")
        raise NotFound(text.format(agent=repr(agent), agents=", ".join(agents)))
    found = [one for one in found if agent in ("", one.agent)]
    if json:
        for one in found:
            show.as_json(one)
    elif not found:
        text = _("No runs were recorded in the last days: `naryad serve` records them while NARYAD_SENTINEL is on.")
        show.console().print(text)
    else:
        _print(found, golden=bool(known.golden))
        for diagnosis in verdict.diagnoses.values():
            if agent in ("", diagnosis.agent):
                show.console().print(diagnosis.summary, style="yellow", markup=False)


async def _accept(database: "Database", agent: str, days: int, *, json: bool) -> None:
    from naryad.auth import local_person
    from naryad.clock import now
    from naryad.sentinel import records

    for one in await records.accept(database, now(), days, local_person().id, agent=agent):
        if json:
            show.as_json(one.model_dump())
        else:
            text = ngettext(
                "{agent}: the last day is golden from now on.",
                "{agent}: the last {days} days are golden from now on.",
                days,
            )
            show.console().print(text.format(agent=one.agent, days=days))


def _print(found: "list[Trend]", *, golden: bool) -> None:
    from naryad.sentinel.causes import words

    heads = [_("Agent"), _("Series"), _("Golden"), _("Before"), _("Now"), _("Hours"), _("Legs")]
    rows = [
        (
            one.agent,
            words(one.measure, one.of, canary=one.canary),
            *(_level(value, one.measure) for value in (one.golden, one.rolling, one.now)),
            f"{one.hours:g}",
            str(one.legs),
            one.change,
            _(one.standing),
            one.cause,
        )
        for one in found
    ]
    show.table([*heads, _("Change"), _("Verdict"), _("Cause")], rows)
    if not golden:
        show.console().print(_("No golden baseline yet: --accept takes the last days as one."), style="dim")


def _level(value: float | None, measure: "Measure") -> str:
    from naryad.sentinel.causes import shown

    return "—" if value is None else shown(value, measure)
