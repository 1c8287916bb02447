"""Whether cases pass less often than before: an exact test over the cases, and the smallest fall that it can see.

Where nothing changed, which of a case's trials came before and which after is arbitrary: given how many of them passed,
the number that passed after is hypergeometric. Their sum over the cases is the statistic, its distribution is
computed, not approximated. With one epoch this is McNemar's exact test; with more it uses every epoch
(the exact conditional test of Mantel and Haenszel).
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.008
"""How often it may see a fall where there is none; seven cases of seven that fell are just below."""
POWER = 0.9
_RUNS, _STEPS, _SEED = 1000, 200, 1
Counts: TypeAlias = NDArray[np.int64]


def p_value(before: Sequence[int], after: Sequence[int], epochs: tuple[int, int]) -> float:
    """How likely so few passes, or fewer, are by chance.

    Args:
        before: Of each case, how many epochs passed.
        after: The same of the same cases.
        epochs: How often each case was played, before and after.
    """
    return float(_p_values(np.array([before]), np.array([after]), epochs)[0]) if before else 1.0


def mcnemar(fell: int, rose: int) -> float:
    """One-sided and exact: how likely so many of the cases that changed fell, were both ways alike."""
    changed = fell + rose
    return sum(math.comb(changed, many) for many in range(fell, changed + 1)) / 2.0**changed


@cache
def smallest_fall(cases: int, epochs: tuple[int, int], rate: float) -> float | None:
    """The fall of the rate that is seen nine times in ten; None where even a fall to nothing is not.

    It plays the test itself, the same each time. All cases are taken to be alike hard: that is the least
    favourable, for a case that always passes or always fails adds no noise.

    Args:
        cases: How many there are.
        epochs: How often each is played, before and after.
        rate: The share of trials that passed before, from 0 to 1.
    """
    low, high = 0, math.floor(rate * _STEPS)
    if not cases or _power(cases, epochs, rate, rate) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        seen = _power(cases, epochs, rate, middle / _STEPS) >= POWER
        low, high = (low, middle) if seen else (middle, high)
    return high / _STEPS


def _power(cases: int, epochs: tuple[int, int], rate: float, fall: float) -> float:
    drawn = np.random.default_rng(_SEED)
    before, after = (
        (drawn.random((_RUNS, cases, many)) < chance).sum(axis=2)
        for many, chance in zip(epochs, (rate, rate - fall), strict=True)
    )
    return float((_p_values(before, after, epochs) <= LEVEL).mean())


def _p_values(before: Counts, after: Counts, epochs: tuple[int, int]) -> NDArray[np.float64]:
    """A p-value of each row; a column is a case. The sum's distribution is a product of Fourier transforms."""
    first, second = epochs
    every = first + second
    single = [
        [math.comb(passed, here) * math.comb(every - passed, second - here) / math.comb(every, second)
         for here in range(second + 1)]
        for passed in range(every + 1)
    ]  # fmt: skip
    size = before.shape[1] * second + 1
    waves: NDArray[Any] = np.fft.rfft(single, size, axis=1)
    passed = before + after
    alike = np.stack([(passed == many).sum(axis=1) for many in range(every + 1)], axis=1).astype(float)
    chances = np.fft.irfft(np.exp(alike @ np.log(waves + 1e-300)), size, axis=1).cumsum(axis=1)
    found: NDArray[np.float64] = np.clip(chances[np.arange(len(after)), after.sum(axis=1)], 0.0, 1.0)
    return found
