"""Prometheus tools: figures over time, alerts and targets. All only look."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from naryad import masking
from naryad.tooling import Risk, Toolset, tool
from tools.prometheus.client import PrometheusClient
from tools.prometheus.reduction import labels, reduced

_MOST_POINTS = 11_000
"""Prometheus refuses a range query that gives more a series."""
_USUAL_POINTS = 240
_LEAST_STEP_S = 15
_ROWS = 100
_TEXT_CHARS = 500

Query = Annotated[str, Field(min_length=1, max_length=4000)]


class PrometheusTools(Toolset):
    """One Prometheus server.

    Args:
        url: Its address.
    """

    prefix = "prometheus"

    def __init__(self, url: str) -> None:
        self._client = PrometheusClient(url)

    @tool(Risk.READ)
    async def query(self, query: Query) -> dict[str, Any]:
        """Value now of a PromQL expression; at most 20 series, `omitted` says how many more there are.

        Args:
            query: PromQL; sort with `topk` when there may be many series.
        """
        return reduced(await asyncio.to_thread(self._client.query, query))

    @tool(Risk.READ)
    async def query_range(
        self,
        query: Query,
        minutes: Annotated[int, Field(ge=1, le=527_040)] = 60,
        step_s: Annotated[int, Field(ge=1)] | None = None,
    ) -> dict[str, Any]:
        """A PromQL expression over the last minutes: min, max, mean, p95, last, and at most 60 points a series.

        Args:
            query: PromQL.
            minutes: How far back from now.
            step_s: Seconds between points; chosen when absent, made longer when there would be too many.
        """
        span = timedelta(minutes=minutes)
        seconds = span.total_seconds()
        wanted = step_s or max(_LEAST_STEP_S, math.ceil(seconds / _USUAL_POINTS))
        # Both ends count: n steps are n + 1 points.
        step = max(wanted, math.ceil(seconds / (_MOST_POINTS - 1)))
        found = await asyncio.to_thread(self._client.query_range, query, datetime.now(UTC), span, step)
        return {"step_s": step, **reduced(found)}

    @tool(Risk.READ)
    async def series(self, match: Query, limit: Annotated[int, Field(ge=1, le=500)] = 50) -> dict[str, Any]:
        """Which series exist: their names and labels, over the last hour.

        Args:
            match: A selector such as `up` or `{job="node"}`.
            limit: At most so many; `omitted` says how many more there are.
        """
        found = await asyncio.to_thread(self._client.series, match)
        return {"series": [labels(one) for one in found[:limit]], "omitted": max(0, len(found) - limit)}

    @tool(Risk.READ)
    async def alerts(self) -> dict[str, Any]:
        """Alerts that are firing or pending now, the firing ones first."""
        found = await asyncio.to_thread(self._client.alerts)
        found.sort(key=lambda alert: (alert["state"] != "firing", alert.get("activeAt", "")))
        rows = [
            {
                "name": alert["labels"].get("alertname", ""),
                "state": alert["state"],
                "labels": labels(alert["labels"]),
                "annotations": {key: _text(value) for key, value in alert.get("annotations", {}).items()},
                "since": alert.get("activeAt", ""),
            }
            for alert in found[:_ROWS]
        ]
        return {"alerts": rows, "omitted": max(0, len(found) - _ROWS)}

    @tool(Risk.READ)
    async def targets(self) -> dict[str, Any]:
        """What Prometheus scrapes and whether that works, the broken ones first."""
        found = await asyncio.to_thread(self._client.targets)
        found.sort(key=lambda target: (target["health"] == "up", target["scrapePool"]))
        rows = [
            {
                "job": target["labels"].get("job", ""),
                "instance": target["labels"].get("instance", ""),
                "health": target["health"],
                "error": _text(target.get("lastError", "")),
                "last_scrape": target.get("lastScrape", ""),
                "url": _text(target.get("scrapeUrl", "")),
            }
            for target in found[:_ROWS]
        ]
        down = sum(target["health"] != "up" for target in found)
        return {"targets": rows, "down": down, "omitted": max(0, len(found) - _ROWS)}


def _text(value: Any) -> str:
    return masking.secrets(str(value)[:_TEXT_CHARS])
