"""A report as a page: HTML that stands alone, light and fit for print."""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from naryad.db.models.report import ReportKind
from naryad.i18n import _, speaking
from naryad.reports import advice, charts
from naryad.reports.figures import Figures
from naryad.reports.markup import Markup, joined, tag
from naryad.reports.rows import Row, agents, incidents, tickets
from naryad.reports.wording import SEVERITIES, count, duration, moment, share, title

_CSS = """
@page { size: A4; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); } }
@page { @bottom-right { font: 9pt "DejaVu Sans"; color: #777; } }
body { font: 10pt/1.45 "DejaVu Sans", "Liberation Sans", Arial, sans-serif; color: #1c1c1c; background: #fff;
  max-width: 760px; margin: 0 auto; }
h1 { font-size: 17pt; margin: 0 0 2pt; } h2 { font-size: 12pt; margin: 16pt 0 5pt; break-after: avoid; }
p { margin: 3pt 0; } .dim { color: #666; font-size: 8.5pt; }
table { width: 100%; border-collapse: collapse; } tr { break-inside: avoid; }
th { text-align: left; font-weight: 600; color: #555; font-size: 8.5pt; }
th, td { padding: 3pt 8pt 3pt 0; border-bottom: 0.5pt solid #ddd; overflow-wrap: anywhere; vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; overflow-wrap: normal; } .better { color: #1b7f3b; }
.worse { color: #b3261e; } .chart { width: 100%; height: auto; } .bar { width: 90pt; height: 6pt; }
.key { display: inline-block; width: 8pt; height: 8pt; margin: 0 3pt 0 9pt; } ul { margin: 3pt 0; padding-left: 15pt; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(figures: Figures, lang: str) -> str:
    """The page in a language; nothing in it is loaded from elsewhere."""
    with speaking(lang):
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="viewport", content="width=device-width"),
            tag("title", title(figures)),
            tag("style", Markup(_CSS)),
        )
        return "<!DOCTYPE html>\n" + tag("html", head, tag("body", *_body(figures, lang)), lang=lang)


def _body(figures: Figures, lang: str) -> Iterable[Markup]:
    yield tag("h1", title(figures))
    told = _("Time zone {zone}; figures of {moment}.").format(
        zone=figures.timezone, moment=moment(figures.taken_at, figures.timezone)
    )
    partly = " " + _("The period is not over yet.") if figures.taken_at < figures.until else ""
    yield tag("p", told + partly, class_="dim")
    yield tag("h2", _("Recommendations"))
    worded = [advice.worded(one, lang) for one in figures.advice]
    yield tag("ul", *(tag("li", text) for text in worded)) if worded else tag("p", _("Nothing stands out."))
    yield tag("h2", _("Availability"))
    yield _availability(figures, lang)
    yield tag("h2", _("Incidents"))
    yield _measures(incidents(figures, lang))
    yield _chart(figures)
    yield _counts(_("Service"), figures.incidents.by_service)
    yield tag("h2", _("Tickets"))
    yield _measures(tickets(figures, lang))
    yield tag("h2", _("What failed most often"))
    sources = {"alert": _("alert"), "tool": _("tool"), "run": _("run")}
    rows = [(sources[one.source], one.name, count(one.count)) for one in figures.faults]
    yield _table((_("What"), _("Name"), _("Times")), rows)
    yield tag("h2", _("Runs of the agents"))
    names = (_("Agent"), _("Runs"), _("Succeeded"), _("Without a model"), _("Broke"), _("Tokens"))
    yield _table(names, agents(figures, lang), numbers=5)


def _availability(figures: Figures, lang: str) -> Markup:
    rows = [
        (
            one.service,
            charts.bar(one.up, "#1b7f3b" if one.up >= advice.GOAL_UP else "#b3261e"),
            share(one.up, lang, 2),
            duration(one.down_s),
            count(one.outages),
        )
        for one in figures.availability
    ]
    return _table((_("Service"), "", _("Available"), _("Down"), _("Outages")), rows, numbers=3)


def _measures(rows: Iterable[Row]) -> Markup:
    """Each measure with that of the period before, and whether it got better."""
    shown = [
        (row.name, row.now, row.before, tag("span", row.trend, class_=row.verdict) if row.trend else "") for row in rows
    ]
    return _table((_("Measure"), _("Now"), _("Before"), _("Change")), shown, numbers=3)


def _chart(figures: Figures) -> Markup:
    zone, daily = ZoneInfo(figures.timezone), figures.kind is ReportKind.DAILY
    columns = [
        (f"{part.begins.astimezone(zone):{'%H' if daily else '%d.%m'}}", part.by_severity) for part in figures.parts
    ]
    keys = [
        joined(tag("span", class_="key", style=f"background:{colour}"), _(SEVERITIES[severity]))
        for severity, colour in charts.COLOURS.items()
    ]
    return joined(charts.stacked(columns, _("Incidents by their begin")), tag("p", *keys, class_="dim"))


def _counts(name: str, counts: dict[str, int]) -> Markup:
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return _table((name, _("Incidents")), [(key or "—", count(value)) for key, value in rows])


def _table(names: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 1) -> Markup:
    """A table whose last columns hold numbers."""
    made = list(rows)
    if not made:
        return tag("p", _("Nothing here."), class_="dim")
    first = len(names) - numbers

    def line(kind: str, cells: Sequence[object]) -> Markup:
        return tag(
            "tr", *(tag(kind, cell, **({"class_": "n"} if at >= first else {})) for at, cell in enumerate(cells))
        )

    return tag("table", tag("thead", line("th", names)), tag("tbody", *(line("td", row) for row in made)))
