"""Runs of the suites as a page: HTML that stands alone, with what changed where there are two."""

from collections.abc import Iterable, Iterator, Sequence

from evals import charts
from evals.compare import Comparison, compare
from evals.comparing import rows
from evals.metrics import Summary, good, quantile, summary
from evals.results import Results, Trial
from naryad.i18n import _, speaking
from naryad.printable import printable
from naryad.reports.markup import Markup, joined, tag

_CSS = """
body { font: 14px/1.45 "DejaVu Sans", "Liberation Sans", Arial, sans-serif; color: #1c1c1c; background: #fff;
  max-width: 1000px; margin: 0 auto; padding: 12px; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 26px 0 6px; } p { margin: 4px 0; } ul { margin: 4px 0; }
.dim { color: #666; } .good { color: #1b7f3b; } .bad { color: #b3261e; } .chart { width: 100%; height: auto; }
table { width: 100%; border-collapse: collapse; } th { text-align: left; color: #555; font-size: 12px; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere; }
.key { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 14px; } .marks { white-space: nowrap; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(runs: Sequence[Results], lang: str) -> str:
    """The page of at least one run, the older first; nothing in it is loaded from elsewhere.

    Raises:
        ValueError: There is no such language.
    """
    with speaking(lang):
        title = _("How the agents did")
        head = tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="viewport", content="width=device-width"),
            tag("title", title),
            tag("style", Markup(_CSS)),
        )
        body = tag("body", tag("h1", title), *_body(runs))
        return "<!DOCTYPE html>\n" + tag("html", head, body, lang=lang) + "\n"


def _body(runs: Sequence[Results]) -> Iterator[Markup]:
    made = compare(*runs) if len(runs) == 2 else None
    summaries = [made.before, made.after] if made else [summary(run) for run in runs]
    names = _named(summaries)
    yield tag("p", *(joined(_key(at), name) for at, name in enumerate(names)), class_="dim")
    if made:
        yield from _compared(made)
    yield tag("h2", _("Figures"))
    yield _table([_("Figure"), *names], rows.figures(summaries))
    if not made:
        yield _list(note for each in summaries for note in each.notes)
    for title, heading, kind in ((_("By agent"), _("Agent"), "by_agent"), (_("By tag"), _("Tag"), "by_tag")):
        yield tag("h2", title)
        found = rows.groups(summaries, kind)
        drawn = [(name, [getattr(one, kind).get(name) for one in summaries]) for name, *_shown in found]
        yield charts.rates(drawn, _("Share of passes, with what is likely in 95 of 100 samples"))
        yield _table([heading, *names], found)
    yield tag("h2", _("Seconds"))
    yield tag("p", _("Share of trials that took at most so many seconds; without those that broke."), class_="dim")
    seconds = [[trial.usage.seconds for trial in run.trials if not trial.broken] for run in runs]
    yield charts.spread(seconds, _("Seconds"))
    for name, run in zip(names, runs, strict=True):
        yield tag("h2", _("Cases: {run}").format(run=name))
        columns = [_("Case"), _("Epochs"), _("Seconds"), _("Asks"), _("What did not hold")]
        yield _table(columns, (_case(case, trials) for case, trials in run.by_case().items()))


def _compared(made: Comparison) -> Iterator[Markup]:
    yield tag("h2", rows.verdict(made), class_="bad" if made.blocks else "good")
    yield _list(made.reasons, class_="bad")
    yield _list([*rows.said(made), *made.notes])
    if made.ratios:
        yield _table(rows.ratio_columns(), rows.ratios(made))
    yield tag("h2", _("What changed"))
    yield _table(rows.changed_columns(), rows.changed(made.changes))


def _case(case: str, trials: Sequence[Trial]) -> list[object]:
    marks = [
        tag("span", "✔" if good(trial) else "✘", class_="good" if good(trial) else "bad", title=str(trial.epoch))
        for trial in trials
    ]
    faults = [f"{one.epoch}: {fault}" for one in trials for fault in one.failures]
    return [
        case,
        tag("span", *marks, class_="marks"),
        f"{quantile([trial.usage.seconds for trial in trials], 0.5):.1f}",
        " ".join(str(trial.asks) for trial in trials),
        _list(faults),
    ]


def _named(summaries: Sequence[Summary]) -> list[str]:
    return [f"{one.model}, {one.at:%Y-%m-%d %H:%M} ({one.id[-8:]})" for one in summaries]


def _key(run: int) -> Markup:
    return tag("span", class_="key", style=f"background:{charts.colour(run)}")


def _list(texts: Iterable[str], **attributes: str) -> Markup:
    made = [tag("li", printable(text)) for text in texts]
    return tag("ul", *made, **attributes) if made else Markup("")


def _table(names: Sequence[str], lines: Iterable[Sequence[object]]) -> Markup:
    made = [tag("tr", *(tag("td", cell if isinstance(cell, Markup) else printable(str(cell))) for cell in line))
            for line in lines]  # fmt: skip
    if not made:
        return tag("p", _("Nothing here."), class_="dim")
    return tag("table", tag("thead", tag("tr", *(tag("th", name) for name in names))), tag("tbody", *made))
