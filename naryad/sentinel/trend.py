"""How every series goes: its levels in both baselines and now, and what the judge makes of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from naryad.sentinel.judge import WINDOWS, Against, Comparison
from naryad.sentinel.sentinel import Verdict
from naryad.sentinel.series import Key, Measure


class Standing(StrEnum):
    """What the judge makes of a series."""

    WELL = "well"
    SUSPECT = "suspect"
    WORSE = "worse"
    FEW = "few"


@dataclass(frozen=True, slots=True)
class Trend:
    """One series.

    Attributes:
        canary: Whether it is of canaries.
        golden: The level of the accepted days; None where there are none, or too few figures.
        rolling: That of the days before.
        now: That of the newest window in which there were enough figures; None where there is no such window.
        hours: The length of that window.
        legs: Its figures.
        change: From the golden level, or else the rolling one.
        cause: The cause that was named for its agent; empty where the series is well.
    """

    agent: str
    measure: Measure
    of: str
    golden: float | None
    rolling: float | None
    now: float | None
    hours: float
    legs: int
    change: str
    standing: Standing
    cause: str = ""
    canary: bool = False


def trends(verdict: Verdict) -> list[Trend]:
    """All series of a verdict that was given with levels, agent by agent."""
    return [_trend(key, verdict) for key in sorted(verdict.samples.series)]


def _trend(key: Key, verdict: Verdict) -> Trend:
    mine = [one for one in verdict.comparisons if one.key == key]
    window = max((one.window for one in mine), default=0)
    of: dict[Against, Comparison] = {one.against: one for one in mine if one.window == window}
    shown = of.get(Against.GOLDEN) or of.get(Against.ROLLING)
    diagnosis = verdict.diagnoses.get(key.agent)
    standing = _standing(mine)
    return Trend(
        key.agent,
        key.measure,
        key.of,
        of[Against.GOLDEN].before if Against.GOLDEN in of else None,
        of[Against.ROLLING].before if Against.ROLLING in of else None,
        shown.now if shown else None,
        window / 3600 if shown else max(WINDOWS) / 3600,
        shown.legs if shown else len(verdict.samples.series[key].values),
        shown.change if shown else "",
        standing,
        diagnosis.cause.value if diagnosis and standing in (Standing.WORSE, Standing.SUSPECT) else "",
        key.canary,
    )


def _standing(mine: Iterable[Comparison]) -> Standing:
    found = list(mine)
    if any(one.worse for one in found):
        return Standing.WORSE
    if any(one.suspect for one in found):
        return Standing.SUSPECT
    return Standing.WELL if found else Standing.FEW
