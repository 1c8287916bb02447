"""One metric over time, each step summed up by Prometheus itself."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from tools.prometheus.client import PrometheusClient
from tools.prometheus.reduction import SERIES, labels, number

_OVER_TIME = {
    "avg": "avg_over_time({metric}[{step}s])",
    "min": "min_over_time({metric}[{step}s])",
    "max": "max_over_time({metric}[{step}s])",
    "sum": "sum_over_time({metric}[{step}s])",
    "p95": "quantile_over_time(0.95, {metric}[{step}s])",
}


async def history(
    url: str, metric: str, start: datetime, end: datetime, step_s: int, aggregation: str
) -> Sequence[tuple[Mapping[str, str], Sequence[tuple[float, float]]]]:
    """Labels and points of at most 20 series.

    Args:
        url: The server's address.
        metric: A metric's name; the caller has made sure that it is nothing else.
        start: The first moment.
        end: The last one.
        step_s: Seconds of one point.
        aggregation: `avg`, `min`, `max`, `sum` or `p95` of the samples of a step.

    Raises:
        ToolFailed: Prometheus refused, or cannot be reached.
    """
    query = _OVER_TIME[aggregation].format(metric=metric, step=step_s)
    found = await asyncio.to_thread(PrometheusClient(url).query_range, query, end, end - start, step_s)
    return [(labels(one["metric"]), _points(one["values"])) for one in found[:SERIES]]


def _points(values: Sequence[tuple[float, str]]) -> Sequence[tuple[float, float]]:
    return [(float(at), value) for at, text in values if (value := number(text)) is not None]
