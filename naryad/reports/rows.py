"""The measures of a report, each beside that of the period before: for the page and for the text alike."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from naryad.i18n import _
from naryad.reports.figures import Figures
from naryad.reports.wording import NOTHING, SEVERITIES, count, duration, number, share

Show = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One measure.

    Attributes:
        trend: By how much it changed; empty where nothing can be said.
        verdict: `better`, `worse` or empty.
    """

    name: str
    now: str
    before: str
    trend: str
    verdict: str


def incidents(figures: Figures, lang: str) -> Iterator[Row]:
    """Of the incidents."""
    now, before = figures.incidents, figures.incidents_before
    yield _row(_("Incidents"), now.incidents, before.incidents, _whole, good=-1)
    for severity, name in SEVERITIES.items():
        yield _row(f"— {_(name)}", now.by_severity.get(severity, 0), before.by_severity.get(severity, 0), _whole, -1)
    yield _row(_("Resolved"), now.resolved, before.resolved, _whole)
    yield _row(_("Resolved without people"), now.auto_resolved, before.auto_resolved, lambda v: share(v, lang), 1)
    yield _row(_("Responded to in time"), now.kept, before.kept, _whole)
    yield _row(_("Not responded to in time"), now.breached, before.breached, _whole, -1)
    yield _row(_("Mean time to acknowledge"), now.mtta_s, before.mtta_s, duration, -1)
    yield _row(_("Mean time to resolve"), now.mttr_s, before.mttr_s, duration, -1)
    yield _row(_("Mean time between failures"), now.mtbf_s, before.mtbf_s, duration, 1)


def tickets(figures: Figures, lang: str) -> Iterator[Row]:
    """Of the tickets."""
    now, before = figures.tickets, figures.tickets_before
    yield _row(_("Made"), now.created, before.created, _whole)
    yield _row(_("Closed"), now.closed, before.closed, _whole)
    yield _row(_("With a broken promise"), now.breached, before.breached, lambda v: share(v, lang), -1)
    yield _row(_("Time to the first answer, median"), now.first_response_s, before.first_response_s, duration, -1)
    yield _row(_("Rating, of 5"), now.rating, before.rating, lambda v: number(v, lang, 2), 1)
    yield _row(_("Ratings"), now.ratings, before.ratings, _whole)


def agents(figures: Figures, lang: str) -> Sequence[Sequence[str]]:
    """Of the agents: one line each."""
    return [
        (
            one.agent,
            count(one.runs),
            share(one.succeeded / one.runs if one.runs else None, lang),
            share(one.without_model / one.runs if one.runs else None, lang),
            count(one.failures),
            count(one.tokens),
        )
        for one in figures.agents
    ]


def _row(name: str, now: float | None, before: float | None, show: Show, good: int = 0) -> Row:
    shown_now, shown_before = (NOTHING if value is None else show(value) for value in (now, before))
    if now is None or before is None or now == before:
        return Row(name, shown_now, shown_before, "", "")
    change = now - before
    verdict = "" if not good else "better" if change * good > 0 else "worse"
    return Row(name, shown_now, shown_before, ("+" if change > 0 else "−") + show(abs(change)), verdict)


def _whole(value: float) -> str:
    return count(int(value))
