"""Recommendations: each from a rule on the figures, with the facts that it rests on. No model has a say."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from naryad.i18n import N_, _
from naryad.reports.figures import Advice, Figures
from naryad.reports.wording import duration, number, share

AGAIN, NOISE, RUNS, RATINGS = 3, 10, 5, 5
"""From how many on something is worth a word."""
GOAL_UP, GOAL_BREACHED, GOAL_RATING, FEWER = 0.995, 0.1, 4.5, 0.2
EACH = 3
"""Of one kind, the worst so many."""
_Found = Iterator[tuple[str, dict[str, Any]]]
_TEXTS = {
    "down": N_("{service} was down for {down}, that is {up} available: look for what keeps bringing it down."),
    "repeats": N_("{service} had {count} incidents: look for their common cause instead of repairing each."),
    "late": N_(
        "Nobody responded in time to {count} of {all} incidents ({share}): check who is on duty and the routes."
    ),
    "slower": N_("Repairs took {now} on average, {before} in the period before: see which runbooks are missing."),
    "by_hand": N_("Fewer incidents were resolved without people: {now} %, {before} % in the period before."),
    "waiting": N_("{count} incidents of this period still wait for an end: decide or close them."),
    "alert": N_("The alert {name} fired {count} times: cure its cause, or correct its threshold."),
    "tool": N_("The tool {name} failed {count} times: check its system with «naryad doctor»."),
    "run": N_("Runs broke {count} times with «{name}»: the server's log says where."),
    "no_model": N_("{agent} did {count} of {all} runs without a model: check the providers with «naryad doctor»."),
    "tickets_late": N_("A promise was broken for {share} of the tickets: more hands, or fewer promises."),
    "rating": N_("People rate the help {rating} of 5, the goal is {goal}: read the lowest ratings."),
}


def of(figures: Figures) -> list[Advice]:
    """What to do, the most pressing first; nothing where nothing stands out."""
    found = chain(_outages(figures), _incidents(figures), _people(figures), _faults(figures), _agents(figures))
    return [Advice(rule=rule, facts=facts) for rule, facts in found]


def worded(advice: Advice, lang: str) -> str:
    """A recommendation in the present language."""
    shown = {
        name: _shown(name, value, lang) if isinstance(value, float) else value for name, value in advice.facts.items()
    }
    return _(_TEXTS[advice.rule]).format(**shown)


def _shown(name: str, value: float, lang: str) -> str:
    if name in ("up", "share"):
        return share(value, lang)
    return number(value, lang) if name in ("rating", "goal") else duration(value)


def _outages(figures: Figures) -> _Found:
    for one in figures.availability[:EACH]:
        if one.up < GOAL_UP:
            yield "down", {"service": one.service, "down": one.down_s, "up": one.up}


def _incidents(figures: Figures) -> _Found:
    now, before = figures.incidents, figures.incidents_before
    if now.breached > now.incidents * GOAL_BREACHED:
        yield "late", {"count": now.breached, "all": now.incidents, "share": now.breached / now.incidents}
    often = sorted(now.by_service.items(), key=lambda pair: (-pair[1], pair[0]))
    for service, count in [pair for pair in often if pair[0] and pair[1] >= AGAIN][:EACH]:
        yield "repeats", {"service": service, "count": count}
    if min(now.resolved, before.resolved) >= AGAIN:
        if (now.mttr_s or 0) > (before.mttr_s or 0) * 1.5:
            yield "slower", {"now": now.mttr_s, "before": before.mttr_s}
        if (before.auto_resolved or 0) - (now.auto_resolved or 0) > FEWER:
            percents = [round((one.auto_resolved or 0) * 100) for one in (now, before)]
            yield "by_hand", dict(zip(("now", "before"), percents, strict=True))
    if figures.waiting:
        yield "waiting", {"count": figures.waiting}


def _people(figures: Figures) -> _Found:
    tickets = figures.tickets
    if tickets.breached and tickets.breached > GOAL_BREACHED:
        yield "tickets_late", {"share": tickets.breached}
    if tickets.rating is not None and tickets.ratings >= RATINGS and tickets.rating < GOAL_RATING:
        yield "rating", {"rating": tickets.rating, "goal": GOAL_RATING}


def _faults(figures: Figures) -> _Found:
    enough = {"alert": NOISE, "tool": AGAIN, "run": AGAIN}
    for fault in [one for one in figures.faults if one.count >= enough[one.source]][:EACH]:
        yield fault.source, {"name": fault.name, "count": fault.count}


def _agents(figures: Figures) -> _Found:
    for agent in figures.agents:
        if agent.runs >= RUNS and agent.without_model > agent.runs / 2:
            yield "no_model", {"agent": agent.agent, "count": agent.without_model, "all": agent.runs}
