"""The tests of the judge say what scipy.stats says, whose figures stand here: it takes seconds to load."""

import numpy as np
import pytest

from naryad.sentinel.significance import fisher, mann_whitney

BASE = np.array([1.0, 2, 3, 4, 5, 6, 7] * 9)


@pytest.mark.parametrize(
    ("bad", "of", "before", "of_before", "told"),
    [
        (9, 20, 3, 200, 1.1343085517705733e-08),
        (20, 20, 0, 60, 2.8286013464534573e-19),
        (1, 12, 5, 60, 0.6795685489558081),
        (30, 300, 60, 2000, 3.2211223846613074e-07),
    ],
)
def test_fisher_is_exact(bad: int, of: int, before: int, of_before: int, told: float) -> None:
    """One-sided, also at the rims."""
    assert fisher(bad, of, before, of_before) == pytest.approx(told, rel=1e-9)


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], 0.3992247350083371),
        ([2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 1.5, 10.5, 11.5, 12.5], 0.0030664204222494123),
    ],
)
def test_mann_whitney_knows_ties(window: list[float], told: float) -> None:
    """Many in the baseline, and with the window some or none."""
    assert mann_whitney(np.array(window), BASE) == pytest.approx(told, rel=1e-9)


def test_equal_figures_prove_nothing() -> None:
    """Nor do they divide by zero."""
    assert mann_whitney(np.ones(12), np.ones(60)) == 1.0
