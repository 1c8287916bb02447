"""Series made short enough to be read: figures of the whole, and a few points of it."""

import math
from collections.abc import Sequence
from typing import Any

from naryad import masking

SERIES = 20
POINTS = 60
_LABEL_CHARS = 200


def reduced(result: Any) -> dict[str, Any]:
    """Reduce a query's raw `result`, whatever its type.

    Returns:
        `series`: at most 20 of `{labels, last, min, max, mean, p95, points}`, and how many were `omitted`.
        NaN and infinity are null, and do not count in the figures.
    """
    if result and not isinstance(result[0], dict):  # a scalar or a string
        result = [{"metric": {}, "value": result}]
    return {"series": [_series(one) for one in result[:SERIES]], "omitted": max(0, len(result) - SERIES)}


def labels(raw: dict[str, str]) -> dict[str, str]:
    """Labels, cut and without secrets; a target's URL may hold a password."""
    return {name: masking.secrets(str(value)[:_LABEL_CHARS]) for name, value in raw.items()}


def _series(raw: dict[str, Any]) -> dict[str, Any]:
    samples = [[float(time), number(value)] for time, value in raw.get("values") or [raw.get("value") or [0, "NaN"]]]
    known = sorted(value for _, value in samples if value is not None)
    return {
        "labels": labels(raw.get("metric", {})),
        "last": samples[-1][1],
        "min": known[0] if known else None,
        "max": known[-1] if known else None,
        "mean": round(math.fsum(known) / len(known), 6) if known else None,
        # The nearest rank: a value that was really there.
        "p95": known[math.ceil(0.95 * len(known)) - 1] if known else None,
        "points": _thinned(samples),
    }


def _thinned(samples: Sequence[list[float | None]]) -> list[list[float | None]]:
    """Evenly spaced real samples, the first and the last among them."""
    if len(samples) <= POINTS:
        return list(samples)
    return [samples[round(place * (len(samples) - 1) / (POINTS - 1))] for place in range(POINTS)]


def number(text: Any) -> float | None:
    """A sample as a number; None where it is not finite."""
    try:
        value = float(text)
    except ValueError:  # a histogram or a string
        return None
    return value if math.isfinite(value) else None
