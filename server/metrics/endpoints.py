"""Metrics: ours for Prometheus to scrape, and anybody's over time."""

from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import AwareDatetime

from naryad.accounts.api_keys import Scope
from naryad.auth import Role
from naryad.clock import now
from naryad.i18n import _
from server import errors
from server.access import Needs, Public, Reading
from server.metrics import history
from server.metrics.history import POINTS, Aggregation, MetricShown
from server.metrics.scrape import scrape
from server.parts import Using

router = APIRouter(tags=["metrics"])
LONGEST = timedelta(days=366)
_reading = Needs(Role.OPERATOR, scope=Scope.READ)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **errors.answers(401, 403)},
)
async def of_ourselves(_loopback_or_reading: Public, request: Request, parts: Using) -> Response:
    """Metrics in Prometheus' text format: open to this machine where no proxy stands, else for who may read."""
    if not _from_here(request, parts.settings.public_url):
        await _reading(request, parts)
    return Response(await scrape(parts), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/v1/metrics", responses=errors.answers(401, 403, 404, 422, 502))
async def over_time(
    _caller: Reading,
    parts: Using,
    metric_name: Annotated[str, Query(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)],
    start_time: AwareDatetime | None = None,
    end_time: AwareDatetime | None = None,
    aggregation: Aggregation = Aggregation.AVG,
    step: Annotated[int | None, Query(ge=1, le=86_400)] = None,
) -> MetricShown:
    """A metric over time, by default the last hour; `step` in seconds, at most a thousand steps and a year."""
    end = end_time or now()
    start = start_time or end - timedelta(hours=1)
    span = end - start
    if not timedelta(0) < span <= LONGEST:
        raise _wrong("start_time", _("must be before end_time, and not more than a year"))
    wanted = step or max(15, int(span.total_seconds() // 240))
    if span.total_seconds() / wanted > POINTS:
        raise _wrong("step", _("makes more than {points} points").format(points=POINTS))
    return await history.of_metric(parts, metric_name, start, end, wanted, aggregation)


def _from_here(request: Request, public_url: str) -> bool:
    """Whether the request was made on this machine, by nobody's order.

    Most proxies say for whom they ask, or pass on the Host that was asked for; but nginx as it comes does neither. So
    where a proxy must stand, since people reach us by another address, nobody is taken for this machine.
    """
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    address = request.client.host if request.client else ""
    behind = public_url and not _loopback(urlsplit(public_url).hostname)
    return not (forwarded or behind) and _loopback(address) and _loopback(request.url.hostname)


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _wrong(field: str, problem: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", field), "msg": problem, "type": "value_error"}])
