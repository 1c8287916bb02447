"""A metric over time: from Prometheus where there is one, else from what this machine tells of itself."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby

from pydantic import BaseModel

from naryad.errors import NotFound
from naryad.i18n import _
from server.parts import Parts
from tools.host.history import NAMES
from tools.prometheus.history import history

POINTS = 1_000
"""Most points of a series."""


class Aggregation(StrEnum):
    """What becomes of the samples of one step."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    P95 = "p95"


class Point(BaseModel):
    """The value of one step, which ends at `at`."""

    at: datetime
    value: float


class Series(BaseModel):
    """One series."""

    labels: dict[str, str]
    points: list[Point]


class MetricShown(BaseModel):
    """A metric over time; `source` is `prometheus`, or `host` for what this machine tells of itself."""

    metric_name: str
    source: str
    aggregation: Aggregation
    start_time: datetime
    end_time: datetime
    step: int
    series: list[Series]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


_SUMMED: dict[Aggregation, Callable[[Sequence[float]], float]] = {
    Aggregation.AVG: lambda values: math.fsum(values) / len(values),
    Aggregation.MIN: min,
    Aggregation.MAX: max,
    Aggregation.SUM: math.fsum,
    Aggregation.P95: _p95,
}


async def of_metric(
    parts: Parts, name: str, start: datetime, end: datetime, step_s: int, how: Aggregation
) -> MetricShown:
    """The points of a metric.

    Raises:
        NotFound: There is no Prometheus, and the machine does not tell this.
        ToolFailed: Prometheus refused, or cannot be reached.
    """
    url = parts.settings.prometheus_url
    if url:
        found = await history(url.get_secret_value(), name, start, end, step_s, how)
        series = [Series(labels=dict(labels), points=_points(points)) for labels, points in found]
    elif name in NAMES:
        samples = parts.host_history.points(name, start.timestamp(), end.timestamp())
        series = [Series(labels={}, points=_points(_steps(samples, start.timestamp(), step_s, how)))]
    else:
        text = _("There is no metric {name!r}; without PROMETHEUS_URL there are: {known}.")
        raise NotFound(text.format(name=name, known=", ".join(NAMES)))
    return MetricShown(
        metric_name=name,
        source="prometheus" if url else "host",
        aggregation=how,
        start_time=start,
        end_time=end,
        step=step_s,
        series=series,
    )


def _steps(
    samples: Iterable[tuple[float, float]], start: float, step_s: int, how: Aggregation
) -> Iterable[tuple[float, float]]:
    for number, group in groupby(samples, key=lambda sample: int((sample[0] - start) // step_s)):
        yield start + (number + 1) * step_s, _SUMMED[how]([value for _at, value in group])


def _points(points: Iterable[tuple[float, float]]) -> list[Point]:
    return [Point(at=datetime.fromtimestamp(at, UTC), value=value) for at, value in points]
