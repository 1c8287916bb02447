"""Judges whether something got worse: pure functions over samples.

Each look compares, for every series, two windows that follow each other with the same hours of the days before (the
rolling baseline) and of the days that a person accepted (the golden one). A series is worse where in both windows the
effect clears its floor, the older window stands out among all comparisons of the look (Benjamini-Hochberg), and the
newer, which had no part in picking it, confirms. The scheduler's monitors tell people from the second such look on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from naryad.sentinel import significance
from naryad.sentinel.series import Key, Measure, Numbers, Points, Samples

HOUR, DAY = 3600.0, 86_400.0
WINDOWS = (2 * HOUR, 8 * HOUR, 24 * HOUR)
"""Short ones see what is plain soon, long ones what is slight or rare."""
ROLLING = 7 * DAY
LEAST, LEAST_BEFORE = 12, 60
"""Fewest figures of a window, and of a baseline: fewer are not judged."""
RATIO, POINTS, SECONDS = 1.15, 0.05, 0.1
"""Floors of the effect: times more, share of legs, and seconds that somebody could notice."""
DISCOVERY, CONFIRM, SUSPECT = 0.01, 0.005, 0.01
"""The share of false discoveries of a look; the level of the confirmation; that of a clue to the cause."""
_QUANTILES = 100
"""So many quantiles stand for a sample in the estimate of a shift."""


class Against(StrEnum):
    """What is compared with."""

    GOLDEN = "golden"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds since 1970; the end is outside."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A series in the present windows and before.

    Attributes:
        window: Length of a window in seconds.
        before: Median of amounts, or the share, in the baseline; not a number where that was not wanted.
        now: The same in the newer window.
        legs: Figures of the newer window.
        proposed: The p-value of the older window; 1 where an effect is below its floor.
        confirmed: That of the newer one.
        worse: Whether it stands, after all comparisons of its look.
    """

    key: Key
    against: Against
    window: float
    before: float
    now: float
    legs: int
    proposed: float = 1.0
    confirmed: float = 1.0
    worse: bool = False

    @property
    def suspect(self) -> bool:
        """Whether it is a clue: too weak to raise anything, enough to explain or to keep what was raised."""
        return max(self.proposed, self.confirmed) <= SUSPECT

    @property
    def change(self) -> str:
        """It in a word: percent of amounts, points of shares."""
        if not self.key.measure.amount:
            return f"{100 * (self.now - self.before):+.0f} pp"
        return f"{100 * (self.now / self.before - 1):+.0f} %" if self.before else "—"


def compared(
    samples: Samples,
    moment: float,
    golden: Mapping[str, Span],
    standing: Mapping[str, float],
    *,
    rolling: float = ROLLING,
    levels: bool = False,
) -> list[Comparison]:
    """One look at everything.

    Args:
        samples: The legs' figures up to the moment.
        moment: When, in seconds since 1970.
        golden: The accepted days of each agent that has any; what came before them is not compared with.
        standing: Since when an agent is known to do worse: what came after is no baseline.
        rolling: The length of the rolling baseline in seconds.
        levels: Whether `before` is wanted of what is well too.
    """
    found = []
    for key, points in samples.series.items():
        accepted, known = golden.get(key.agent), standing.get(key.agent, moment)
        for window in WINDOWS:
            begin = moment - 2 * window
            first, middle, last = np.searchsorted(points.at, (begin, moment - window, moment))
            if min(middle - first, last - middle) < LEAST:
                continue
            end = min(begin, known - 2 * window)
            spans = {Against.ROLLING: Span(max(end - rolling, accepted.since if accepted else 0), end)}
            if accepted:
                spans[Against.GOLDEN] = Span(accepted.since, min(accepted.until, begin))
            fresh, older = points.values[middle:last], points.values[first:middle]
            plain = Comparison(key, Against.ROLLING, window, math.nan, _level(key, fresh), len(fresh))
            well = plain.now < POINTS and not key.measure.amount  # most are: a cheap look first
            for against, span in spans.items():
                if well and not levels:
                    found.append(plain)
                elif one := _compare(replace(plain, against=against), points, moment, span, (older, fresh), levels):
                    found.append(one)
    return _discovered(found)


def _compare(
    plain: Comparison, points: Points, moment: float, span: Span, windows: tuple[Numbers, Numbers], levels: bool
) -> Comparison | None:
    key, window, (older, fresh) = plain.key, plain.window, windows
    base = _matched(points, moment - window, moment, span)
    if len(base) < LEAST_BEFORE:
        return None
    confirmed = _probability(key, fresh, base)
    before = _level(key, base) if levels or confirmed <= SUSPECT else math.nan
    if key.measure is Measure.ANSWERS_BY and before > 0.5:  # the usual model answers: all is well
        return replace(plain, before=before)
    if confirmed > SUSPECT:
        return replace(plain, before=before, confirmed=confirmed)
    base = _matched(points, moment - 2 * window, moment - window, span)
    proposed = _probability(key, older, base) if len(base) >= LEAST_BEFORE else 1.0
    return replace(plain, before=before, proposed=proposed, confirmed=confirmed)


def _matched(points: Points, begin: float, end: float, span: Span) -> Numbers:
    """The figures of the span at the window's hours of the day: nights are compared with nights."""
    days = DAY * np.arange(1, max(1, (end - span.since) // DAY + 2))
    since, until = np.maximum(begin - days, span.since), np.minimum(end - days, span.until)
    inside = since < until
    firsts, lasts = np.searchsorted(points.at, (since[inside], until[inside]))
    parts = [points.values[first:last] for first, last in zip(firsts, lasts, strict=True)]
    return np.concatenate(parts) if parts else np.empty(0)


def _level(key: Key, values: Numbers) -> float:
    return _median(values) if key.measure.amount else float(values.sum()) / len(values)


def _median(values: Numbers) -> float:
    middle = len(values) // 2  # of an even number the upper: numpy's own takes ten times as long
    return float(np.partition(values, middle)[middle])


def _probability(key: Key, window: Numbers, base: Numbers) -> float:
    """How probable it is that chance made the window so much worse; 1 where it is not worse by the floor."""
    return _of_amounts(key, window, base) if key.measure.amount else _of_shares(window, base)


def _of_shares(window: Numbers, base: Numbers) -> float:
    """Fisher's exact test, one-sided."""
    bad, bad_before = int(window.sum()), int(base.sum())
    if bad / len(window) - bad_before / len(base) < POINTS:
        return 1.0
    return significance.fisher(bad, len(window), bad_before, len(base))


def _of_amounts(key: Key, window: Numbers, base: Numbers) -> float:
    """Mann-Whitney's test, one-sided, where the Hodges-Lehmann shift clears the floor."""
    nearly = _median(window) / (1 + 0.7 * (RATIO - 1))
    if 2 * np.count_nonzero(base <= nearly) < len(base):  # a cheap look first: its median is not much lower
        return 1.0
    ratio = _ratio(window, base)
    if ratio < RATIO or (key.measure.seconds and _median(base) * (ratio - 1) < SECONDS):
        return 1.0
    return significance.mann_whitney(window, base)


def _ratio(window: Numbers, base: Numbers) -> float:
    """The Hodges-Lehmann estimate of how many times more: the median of all ratios."""
    logs = [np.log(np.maximum(_thinned(values), 1e-6)) for values in (window, base)]
    return math.exp(_median(np.subtract.outer(*logs).ravel()))


def _thinned(values: Numbers) -> Numbers:
    if len(values) <= _QUANTILES:
        return values
    places = ((np.arange(_QUANTILES) + 0.5) * (len(values) / _QUANTILES)).astype(int)
    return np.take(np.sort(values), places)


def _discovered(found: Sequence[Comparison]) -> list[Comparison]:
    """Mark what stands out by Benjamini-Hochberg's procedure over all comparisons, and is confirmed."""
    ranked = sorted(found, key=lambda one: one.proposed)
    passed = [rank for rank, one in enumerate(ranked, 1) if one.proposed <= DISCOVERY * rank / len(ranked)]
    out = max(passed, default=0)
    worse = [replace(one, worse=True) if one.confirmed <= CONFIRM else one for one in ranked[:out]]
    return worse + ranked[out:]
