"""Whether cases take more than before: seconds, money or tokens, case by case."""

import math
from collections.abc import Sequence

from pydantic import BaseModel

LEVEL = 0.001
"""How often one measure may seem worse by chance alone; the floor makes it rarer still."""
FLOOR = 1.2
"""What is less is not worth a stop."""
POWER, _ASSURANCE = 0.9, 0.8
_FLIPS, _RESAMPLES, _SEED = 20_000, 5_000, 1


class Ratio(BaseModel):
    """How many times as much was taken as before.

    Attributes:
        measure: `seconds`, `cost` or `tokens`.
        cases: How many could be paired.
        ratio: The geometric mean over the cases.
        low: Lower end of its 95 % interval, by a bootstrap over the cases.
        high: Its upper end.
        p: How likely so much more is by chance (signs flipped by case, one-sided).
        smallest: The ratio that would have been seen nine times in ten; None where the cases are too few for any.
        worse: Whether it is no chance, and enough to matter.
    """

    measure: str
    cases: int
    ratio: float
    low: float
    high: float
    p: float
    smallest: float | None
    worse: bool


def compared(measure: str, logs: Sequence[float]) -> Ratio:
    """Judge one measure.

    The bootstrap tells the interval, but does not decide: of five cases that all happen to be slower, one time in 32,
    it is sure. Flipping signs keeps its level with any number of cases.

    Args:
        measure: Its name.
        logs: Of each case, the logarithm of after over before; at least one.
    """
    import numpy as np
    from scipy.special import chdtri, stdtrit  # type: ignore[import-untyped]  # no stubs; scipy.stats loads for seconds

    values, drawn, many = np.array(logs), np.random.default_rng(_SEED), len(logs)
    middle = float(values.mean())
    resampled = values[drawn.integers(0, many, (_RESAMPLES, many))].mean(axis=1)
    low, high = np.quantile(resampled, (0.025, 0.975))
    turned = drawn.integers(0, 2, (_FLIPS, many), dtype=np.int8).astype(float) @ values
    p = (1 + int((values.sum() - 2 * turned >= values.sum() - 1e-9).sum())) / (1 + _FLIPS)
    smallest = None
    if 2.0**-many <= LEVEL / 2:  # else not even all cases together are no chance
        # The spread is itself an estimate: four times in five it is not above what is taken here.
        error = float(values.std()) * math.sqrt(1 / chdtri(many - 1, _ASSURANCE))
        sure, strong = (float(stdtrit(many - 1, part)) for part in (1 - LEVEL, POWER))
        smallest = math.exp(max(math.log(FLOOR), sure * error) + strong * error)
    return Ratio(
        measure=measure,
        cases=many,
        ratio=math.exp(middle),
        low=math.exp(low),
        high=math.exp(high),
        p=p,
        smallest=smallest,
        worse=p <= LEVEL and middle >= math.log(FLOOR) - 1e-9,
    )
