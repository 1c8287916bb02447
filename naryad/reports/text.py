"""A report as plain text: for mail, chats and terminals."""

from collections.abc import Iterator

from naryad.i18n import _, speaking
from naryad.reports import advice
from naryad.reports.figures import Figures
from naryad.reports.rows import agents, incidents, tickets
from naryad.reports.wording import count, duration, share, title

SHORT = 3
"""Lines of each kind in a summary."""


def full(figures: Figures, lang: str) -> str:
    """All of it."""
    with speaking(lang):
        return "\n".join([title(figures), *_lines(figures, lang, None)]) + "\n"


def summary(figures: Figures, lang: str) -> tuple[str, str]:
    """The title, and what matters most."""
    with speaking(lang):
        return title(figures), "\n".join(_lines(figures, lang, SHORT)).strip()


def _lines(figures: Figures, lang: str, most: int | None) -> Iterator[str]:
    def section(name: str, lines: list[str]) -> Iterator[str]:
        if lines:
            yield from ["", name, *(f"  {line}" for line in lines[:most])]

    worded = [advice.worded(one, lang) for one in figures.advice]
    yield from section(_("Recommendations"), worded or [_("Nothing stands out.")])
    yield from section(
        _("Availability"),
        [
            f"{one.service}: {share(one.up, lang, 2)}" + (f" (−{duration(one.down_s)})" if one.down_s else "")
            for one in figures.availability
        ],
    )
    yield from section(_("Incidents"), [_measure(row.name, row.now, row.trend) for row in incidents(figures, lang)])
    yield from section(_("Tickets"), [_measure(row.name, row.now, row.trend) for row in tickets(figures, lang)])
    if most is None:
        failed = [f"{one.name}: {count(one.count)}" for one in figures.faults]
        yield from section(_("What failed most often"), failed)
        runs = [f"{name}: {number}, {succeeded}" for name, number, succeeded, *_rest in agents(figures, lang)]
        yield from section(_("Runs of the agents"), runs)


def _measure(name: str, now: str, trend: str) -> str:
    return f"{name}: {now} ({trend})" if trend else f"{name}: {now}"
