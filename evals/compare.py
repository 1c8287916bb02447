"""Whether a run is worse than one before it: case by case, with what is chance told from what is not."""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from statistics import fmean

from pydantic import BaseModel, computed_field

from evals.comparing.changes import Change, Kind, changes
from evals.comparing.passes import LEVEL, mcnemar, p_value, smallest_fall
from evals.comparing.ratios import FLOOR, Ratio, compared
from evals.metrics import Summary, epochs_of, passes, summary
from evals.results import Results, Trial
from naryad.i18n import N_, _

MEASURES = {"seconds": N_("Seconds"), "tokens": N_("Tokens"), "cost": N_("Cost")}
_NAMED = 5


class Passes(BaseModel):
    """How often the cases passed that were there before.

    Attributes:
        before: The share of their epochs that passed.
        after: The same now.
        p: How likely so few passes are by chance, over all epochs; this one decides.
        fell: Cases most of whose epochs passed before, and do not now.
        rose: The other way round.
        mcnemar: How likely so many of those that changed fell, by chance.
        smallest: The fall of the share that would have been seen nine times in ten; None where no fall would.
    """

    cases: int
    before: float
    after: float
    p: float
    fell: int
    rose: int
    mcnemar: float
    smallest: float | None


class Comparison(BaseModel):
    """A run beside one before it.

    Attributes:
        deterministic: Whether both models decide the same each time: then a single case decides.
        notes: What has to be known to read it.
        reasons: What is worse; empty where nothing is.
    """

    before: Summary
    after: Summary
    deterministic: bool
    passes: Passes
    ratios: list[Ratio]
    changes: list[Change]
    notes: list[str]
    reasons: list[str] = []

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's manual has it
    @property
    def blocks(self) -> bool:
        """Whether something is worse than before."""
        return bool(self.reasons)


def compare(a: Results, b: Results) -> Comparison:
    """Set the run `b` beside the run `a`, which was before it; different models or epochs are said, not refused.

    A case that is gone or broke counts as failed; one that is new is listed and decides nothing.
    """
    before, after = summary(a), summary(b)
    certain = a.deterministic and b.deterministic
    made = Comparison(
        before=before,
        after=after,
        deterministic=certain,
        passes=_passes(a, b, certain=certain),
        ratios=list(_ratios(a.by_case(), b.by_case())),
        changes=changes(a, b),
        notes=list(_notes(before, after)),
    )
    made.reasons = [*_gone(made), *(_certain(made) if certain else _probable(made))]
    return made


def _passes(a: Results, b: Results, *, certain: bool) -> Passes:
    first, second = epochs = epochs_of(a), epochs_of(b)
    was, found = passes(a), passes(b)
    now = {case: found.get(case, 0) for case in was}
    cases, passed = len(was), sum(was.values())
    most = [(was[case] * 2 > first, now[case] * 2 > second) for case in was]
    fell, rose = most.count((True, False)), most.count((False, True))
    if certain:
        smallest = 1 / cases if passed else None
    else:  # all that passed need not always pass: as if one more trial had passed, and one had not
        smallest = smallest_fall(cases, epochs, round((passed + 1) / (cases * first + 2), 2))
    return Passes(
        cases=cases,
        before=passed / max(1, cases * first),
        after=sum(now.values()) / max(1, cases * second),
        p=p_value(list(was.values()), list(now.values()), epochs),
        fell=fell,
        rose=rose,
        mcnemar=mcnemar(fell, rose),
        smallest=smallest,
    )


def _ratios(a: Mapping[str, list[Trial]], b: Mapping[str, list[Trial]]) -> Iterator[Ratio]:
    """Of trials that did not break: seconds, and money where all prices are known and not nothing, else tokens."""
    both = [([t for t in a[case] if not t.broken], [t for t in b[case] if not t.broken]) for case in a if case in b]
    pairs = [pair for pair in both if all(pair)]
    sides = [list(chain(*side)) for side in zip(*pairs, strict=True)]
    spent: tuple[str, Callable[[Trial], float], float] = ("tokens", _tokens, 1)
    priced = all(trial.usage.cost is not None for trial in chain(*sides))
    if priced and all(any(trial.usage.cost for trial in side) for side in sides):
        spent = ("cost", lambda trial: trial.usage.cost or 0, 1e-4)
    for name, taken, least in (("seconds", lambda trial: trial.usage.seconds, 0.01), spent):
        # The least amount is added: nothing has a logarithm then. Where all of a run is nothing, it was not measured.
        if sides and all(any(map(taken, side)) for side in sides):
            logs = [[fmean(math.log(taken(trial) + least) for trial in trials) for trials in pair] for pair in pairs]
            yield compared(name, [now - was for was, now in logs])


def _notes(before: Summary, after: Summary) -> Iterator[str]:
    for text, was, now in (
        (_("Different models: before {before}, now {after}."), before.model, after.model),
        (_("Different epochs: before {before}, now {after}."), str(before.epochs), str(after.epochs)),
        (_("Other models answered: before {before}, now {after}."), _names(before.answered), _names(after.answered)),
    ):
        if was != now:
            yield text.format(before=was, after=now)
    if before.prompts != after.prompts:
        yield _("The prompts are not the same.")
    asked, asks = before.asks_per_task or 0, after.asks_per_task or 0
    if asks > asked:
        yield _("Asks per task grew from {before:.2f} to {after:.2f}.").format(before=asked, after=asks)
    for each, text in ((before, _("Before: {note}")), (after, _("Now: {note}"))):
        yield from (text.format(note=note) for note in each.notes)


def _gone(made: Comparison) -> Iterator[str]:
    """No chance takes a case away: whoever does so renews what is compared with."""
    if gone := _of(made, "gone"):
        yield _("These cases passed before and are gone: {cases}.").format(cases=gone)


def _certain(made: Comparison) -> Iterator[str]:
    """Seconds are the machine's matter; questions and tokens come from what was changed."""
    if failed := _of(made, "failed"):
        yield _("These cases passed before and do not now: {cases}.").format(cases=failed)
    if asks := _of(made, "asks"):
        yield _("These cases ask people more often than before: {cases}.").format(cases=asks)
    yield from (_more(one) for one in made.ratios if one.measure != "seconds" and one.ratio >= FLOOR)


def _probable(made: Comparison) -> Iterator[str]:
    now = made.passes
    if now.p <= LEVEL:
        yield _("The share of trials that pass fell from {before:.0%} to {after:.0%}.").format(
            before=now.before, after=now.after
        )
    yield from (_more(one) for one in made.ratios if one.worse)


def _more(one: Ratio) -> str:
    return _("{measure}: {ratio:.2f} times as much as before.").format(
        measure=_(MEASURES[one.measure]), ratio=one.ratio
    )


def _of(made: Comparison, kind: Kind) -> str:
    names = [one.case for one in made.changes if one.kind == kind and not one.before.startswith("0/")]
    return ", ".join(names[:_NAMED]) + (f" … ({len(names)})" if len(names) > _NAMED else "")


def _names(answered: Mapping[str, int]) -> str:
    return ", ".join(sorted(answered)) or "—"


def _tokens(trial: Trial) -> int:
    return trial.usage.input_tokens + trial.usage.output_tokens
