"""What one run of the suites says, in figures."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import fmean

from pydantic import BaseModel

from evals.results import Results, Trial
from naryad.i18n import _

_NORMAL_95 = 1.959964


class Rate(BaseModel):
    """A share of cases, and between what its true value lies in 95 of 100 such samples.

    Attributes:
        cases: How many it was taken from.
        share: From 0 to 1; the mean over cases of the share of their epochs.
        low: The interval's lower end (Wilson's, over cases).
        high: Its upper end.
    """

    cases: int
    share: float
    low: float
    high: float


class Summary(BaseModel):
    """The figures of one run; a share is None where there was nothing to take it from.

    Attributes:
        epochs: Trials of each case; what is `missing` of them counts as failed.
        pass_at_1: How likely a case passes when it is played once.
        pass_hat: By k, how likely it passes k times in a row.
        valid_calls: Tool calls of models that named a tool on offer and its arguments rightly, of all.
        grounded: Citations whose source says it, of all.
        asks_per_task: Approvals asked for in a trial.
        cost: Of the trials whose price is known; `unpriced` says how many are not.
        seconds_p50: Of the trials that did not break.
        broken: Trials that could not be played or judged.
        degraded: Trials that did without a model, of all.
        answered: How many trials each model answered in.
        notes: What has to be known to read the rest.
    """

    id: str
    at: datetime
    model: str
    release: str
    prompts: str
    epochs: int
    cases: int
    trials: int
    missing: int
    pass_at_1: Rate | None
    pass_hat: dict[int, float]
    by_agent: dict[str, Rate]
    by_tag: dict[str, Rate]
    valid_calls: float | None
    grounded: float | None
    asks_per_task: float | None
    input_tokens: int
    output_tokens: int
    cost: float | None
    unpriced: int
    seconds_p50: float | None
    seconds_p95: float | None
    broken: int
    degraded: float | None
    answered: dict[str, int]
    notes: list[str]


def epochs_of(results: Results) -> int:
    """How often each case should have been played."""
    return max([results.epochs, *map(len, results.by_case().values())])


def passes(results: Results) -> dict[str, int]:
    """How many of its epochs each case passed; one that broke, or is missing, is none of them."""
    return {case: sum(map(good, trials)) for case, trials in results.by_case().items()}


def good(trial: Trial) -> bool:
    """Whether a trial counts as passed."""
    return trial.passed and not trial.broken


def summary(results: Results) -> Summary:
    """Take the figures of a run; one without trials has none, and says so."""
    trials, cases, epochs, passed = results.trials, results.by_case(), epochs_of(results), passes(results)
    groups = {kind: _groups(cases, kind) for kind in ("agent", "tag")}
    costs = [trial.usage.cost for trial in trials if trial.usage.cost is not None]
    seconds = [trial.usage.seconds for trial in trials if not trial.broken]
    made = Summary(
        id=results.id,
        at=results.at,
        model=results.model,
        release=results.release,
        prompts=results.prompts,
        epochs=epochs,
        cases=len(cases),
        trials=len(trials),
        missing=epochs * len(cases) - len(trials),
        pass_at_1=_rate(passed.values(), epochs),
        pass_hat=_pass_hat(passed.values(), epochs),
        by_agent={name: _within(passed, names, epochs) for name, names in groups["agent"].items()},
        by_tag={name: _within(passed, names, epochs) for name, names in groups["tag"].items()},
        valid_calls=_part((trial.calls - trial.invalid_calls, trial.calls) for trial in trials),
        grounded=_part((trial.grounded, trial.citations) for trial in trials),
        asks_per_task=_part((trial.asks, 1) for trial in trials),
        input_tokens=sum(trial.usage.input_tokens for trial in trials),
        output_tokens=sum(trial.usage.output_tokens for trial in trials),
        cost=math.fsum(costs) if costs else None,
        unpriced=len(trials) - len(costs),
        seconds_p50=quantile(seconds, 0.5),
        seconds_p95=quantile(seconds, 0.95),
        broken=sum(trial.broken for trial in trials),
        degraded=_part((trial.degraded, 1) for trial in trials),
        answered=dict(Counter(name for trial in trials for name in set(trial.models)).most_common()),
        notes=[],
    )
    made.notes = list(_notes(made, results))
    return made


def quantile(values: list[float], share: float) -> float | None:
    """The value that so large a share lies below, between two where none is there; None of nothing."""
    if not values:
        return None
    place, ordered = share * (len(values) - 1), sorted(values)
    under, over = ordered[math.floor(place)], ordered[math.ceil(place)]
    return under + (over - under) * (place % 1)


def _notes(made: Summary, results: Results) -> Iterable[str]:
    if results.interrupted:
        yield _("This run was interrupted: it says nothing of the cases that it lacks.")
    if not made.cases:
        yield _("There are no trials: nothing was measured.")
        return
    if made.missing:
        yield _("{missing} of {all} trials are missing and count as failed.").format(
            missing=made.missing, all=made.missing + made.trials
        )
    if made.broken:
        yield _("{broken} of {all} trials broke and count as failed.").format(broken=made.broken, all=made.trials)
    if made.epochs == 1 and not results.deterministic:
        yield _("Each case was played once: how steadily it passes is not known.")
    if made.unpriced:
        yield _("The price of {unpriced} of {all} trials is not known.").format(unpriced=made.unpriced, all=made.trials)


def _groups(cases: Mapping[str, list[Trial]], kind: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for case, trials in cases.items():
        for trial in trials:
            for name in [trial.agent] if kind == "agent" else trial.tags:
                found.setdefault(name, set()).add(case)
    return dict(sorted(found.items()))


def _within(passed: Mapping[str, int], names: set[str], epochs: int) -> Rate:
    rate = _rate([passed[name] for name in names], epochs)
    assert rate  # a group has a case
    return rate


def _rate(passed: Iterable[int], epochs: int) -> Rate | None:
    """Wilson's interval over cases: epochs of one case are no further sample of what cases there are."""
    counts = list(passed)
    if not counts:
        return None
    n, share, z = len(counts), fmean(counts) / epochs, _NORMAL_95
    middle, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Rate(cases=n, share=share, low=max(0.0, (middle - half) / scale), high=min(1.0, (middle + half) / scale))


def _pass_hat(passed: Iterable[int], epochs: int) -> dict[int, float]:
    """Unbiased: of all choices of k epochs of a case, those that passed wholly; then the mean over cases."""
    counts = list(passed)
    return {
        k: fmean(math.comb(count, k) / math.comb(epochs, k) for count in counts) for k in range(1, epochs + 1) if counts
    }


def _part(pairs: Iterable[tuple[int, int]]) -> float | None:
    some, whole = (sum(column) for column in zip((0, 0), *pairs, strict=True))
    return some / whole if whole else None
