"""The two tests of the judge, one-sided: scipy.stats has them too, and takes seconds to load."""

import math

import numpy as np

from naryad.sentinel.series import Numbers


def fisher(bad: int, of: int, bad_before: int, of_before: int) -> float:
    """Fisher's exact test: how probable at least so many bad ones are where the share is the same."""
    from scipy.special import gammaln, logsumexp  # type: ignore[import-untyped]  # no stubs

    def chosen(whole: Numbers | float, part: Numbers | float) -> Numbers:
        ways: Numbers = gammaln(whole + 1) - gammaln(part + 1) - gammaln(whole - part + 1)
        return ways

    total = bad + bad_before
    counts = np.arange(bad, min(of, total) + 1, dtype=float)
    logs = chosen(of, counts) + chosen(of_before, total - counts) - chosen(of + of_before, total)
    return math.exp(min(0.0, float(logsumexp(logs))))


def mann_whitney(window: Numbers, base: Numbers) -> float:
    """Mann-Whitney's test by its normal approximation, ties and continuity corrected: is the window higher?"""
    from scipy.special import ndtr

    ordered, (n, m) = np.sort(base), (len(window), len(base))
    wins = (np.searchsorted(ordered, window, "left") + np.searchsorted(ordered, window, "right")).sum() / 2
    ties = np.unique(np.concatenate([window, base]), return_counts=True)[1].astype(float)
    spread = math.sqrt(n * m / 12 * ((n + m + 1) - (ties**3 - ties).sum() / ((n + m) * (n + m - 1))))
    return float(ndtr(-(wins - n * m / 2 - 0.5) / spread)) if spread else 1.0
