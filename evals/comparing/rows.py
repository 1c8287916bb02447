"""A summary and a comparison in words and rows, for the terminal and the page alike."""

from collections.abc import Iterator, Sequence

from evals.compare import MEASURES, Comparison
from evals.comparing.changes import Change, Kind
from evals.metrics import Rate, Summary
from naryad.i18n import N_, _

KINDS: dict[Kind, str] = {
    "failed": N_("fails more often"),
    "gone": N_("gone: counts as failed"),
    "asks": N_("asks people more often"),
    "slower": N_("slower, in seconds"),
    "fixed": N_("passes more often"),
    "new": N_("new: decides nothing"),
}
_NOTHING = "—"


def figures(runs: Sequence[Summary]) -> list[list[str]]:
    """The name of each figure, and its value in each run."""
    most = max((run.epochs for run in runs), default=1)
    shown = [dict(_figures(run, most)) for run in runs]
    return [[name, *(values[name] for values in shown)] for name in (shown[0] if shown else ())]


def groups(runs: Sequence[Summary], kind: str) -> list[list[str]]:
    """The share of passes of each agent (`by_agent`) or tag (`by_tag`), in each run."""
    found: list[dict[str, Rate]] = [getattr(run, kind) for run in runs]
    names = sorted({name for rates in found for name in rates})
    return [[name, *(rate(rates.get(name)) for rates in found)] for name in names]


def ratios(made: Comparison) -> list[list[str]]:
    """Each measure: how many times as much, between what, and what would have been seen."""
    return [
        [
            _(MEASURES[one.measure]),
            f"× {one.ratio:.2f}",
            f"{one.low:.2f}–{one.high:.2f}",
            f"{one.p:.2g}",
            f"× {one.smallest:.2f}" if one.smallest else _NOTHING,
        ]
        for one in made.ratios
    ]


def ratio_columns() -> list[str]:
    """The headings of `ratios`."""
    return [_("Measure"), _("Now to before"), _("95 % between"), "p", _("Would have been seen from")]


def changed(changes: Sequence[Change]) -> list[list[str]]:
    """Each change with its kind in words."""
    return [[_(KINDS[one.kind]), one.case, one.before, one.after, one.why] for one in changes]


def changed_columns() -> list[str]:
    """The headings of `changed`."""
    return [_("Change"), _("Case"), _("Before"), _("Now"), _("Why")]


def verdict(made: Comparison) -> str:
    """In one sentence."""
    return _("Worse than before.") if made.blocks else _("Nothing is worse than before.")


def said(made: Comparison) -> Iterator[str]:
    """How sure the passes are, and what would have been seen."""
    now = made.passes
    if not now.cases:
        yield _("The run before has no cases: there is nothing to compare with.")
        return
    if made.deterministic:
        yield _("Both models decide the same each time: a single case that falls is worse.")
    else:
        text = _("{before:.0%} of trials passed before and {after:.0%} now; so few by chance: p = {p:.2g}.")
        yield text.format(before=now.before, after=now.after, p=now.p)
        text = _("Most epochs of {fell} cases fell and of {rose} rose; McNemar's exact test: p = {p:.2g}.")
        yield text.format(fell=now.fell, rose=now.rose, p=now.mcnemar)
        if now.smallest is None:
            yield _("So few trials show no fall surely: play more epochs or more cases.")
        else:
            text = _(
                "With {cases} cases a fall by {points:.1f} points is seen nine times in ten; a smaller one less often."
            )
            yield text.format(cases=now.cases, points=now.smallest * 100)


def rate(found: Rate | None) -> str:
    """A share with its interval and its cases."""
    if found is None:
        return _NOTHING
    return f"{found.share:.1%} ({found.low:.0%}–{found.high:.0%}, n = {found.cases})"


def _figures(run: Summary, epochs: int) -> Iterator[tuple[str, str]]:
    yield _("Run at"), f"{run.at:%Y-%m-%d %H:%M} UTC"
    yield _("Model"), run.model
    yield _("Release"), run.release or _NOTHING
    yield _("Trials"), f"{run.cases} × {run.epochs}"
    yield _("Passes at once (pass@1)"), rate(run.pass_at_1)
    for k in (k for k in range(2, epochs + 1) if k == epochs or k.bit_count() == 1):
        name = _("Passes {k} times in a row (pass^{k})").format(k=k)
        yield name, f"{run.pass_hat[k]:.1%}" if k in run.pass_hat else _NOTHING
    yield _("Valid tool calls"), _share(run.valid_calls)
    yield _("Citations that hold"), _share(run.grounded)
    yield _("Asks per task"), _NOTHING if run.asks_per_task is None else f"{run.asks_per_task:.2f}"
    yield _("Tokens in, out"), f"{run.input_tokens}, {run.output_tokens}"
    yield _("Cost"), _NOTHING if run.cost is None else f"{run.cost:.4f}"
    yield _("Seconds, median and p95"), _seconds(run)
    yield _("Trials that broke"), str(run.broken)
    yield _("Without a model"), _share(run.degraded)
    yield _("Answered by"), ", ".join(f"{name} ({count})" for name, count in run.answered.items()) or _NOTHING


def _share(part: float | None) -> str:
    return _NOTHING if part is None else f"{part:.1%}"


def _seconds(run: Summary) -> str:
    if run.seconds_p50 is None or run.seconds_p95 is None:
        return _NOTHING
    return f"{run.seconds_p50:.1f}, {run.seconds_p95:.1f}"
