"""Alerts are taken in, a 200 says that they are kept; and looked for."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from naryad.alerts import listing
from naryad.alerts.intake import Flooded
from naryad.clock import now
from naryad.db.models.incident import Severity
from server import errors
from server.access import Reading, too_often
from server.alerts.schemas import (
    AlertLine,
    AlertmanagerAlert,
    AlertmanagerWebhook,
    AlertPage,
    NewAlert,
    NewAlerts,
    Receipt,
)
from server.alerts.sender import Sender
from server.parts import Parts, Using

Short = Annotated[str, Query(max_length=200)]
router = APIRouter(tags=["alerts"], responses=errors.answers(401, 403, 413, 422))


@router.post("/webhook/alertmanager")
async def from_alertmanager(delivery: AlertmanagerWebhook, sender: Sender, parts: Using) -> Receipt:
    """Take a delivery of Alertmanager (webhook version 4); the same delivery again changes nothing."""
    return await _keep(delivery.alerts, sender, parts)


@router.post("/api/v1/alerts")
async def from_others(alerts: NewAlerts, sender: Sender, parts: Using) -> Receipt:
    """Take one alert of another monitor, or many."""
    return await _keep(alerts if isinstance(alerts, list) else [alerts], sender, parts)


@router.get("/api/v1/alerts")
async def listed(
    _caller: Reading,
    parts: Using,
    firing: bool | None = None,
    silenced: bool | None = None,
    severity: Severity | None = None,
    service: Short = "",
    incident: Short = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Short = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AlertPage:
    """Episodes of alerts, the newest first; of one incident, one service, those that fire or are silenced."""
    found = await listing.listed(
        parts.crew.runtime.database,
        firing=firing,
        silenced=silenced,
        severity=severity,
        service=service,
        incident=incident,
        since=since,
        until=until,
        before=cursor,
        limit=limit,
    )
    return AlertPage(
        alerts=[AlertLine.of(alert) for alert in found], next=found[-1].id if len(found) == limit else None
    )


async def _keep(alerts: Sequence[AlertmanagerAlert | NewAlert], by: str, parts: Parts) -> Receipt:
    moment = now()
    try:
        kept = await parts.intake.accept([alert.told(moment) for alert in alerts], by=by)
    except Flooded as flood:
        raise too_often(flood.retry_after) from flood
    return Receipt(accepted=kept.alerts, changed=kept.changed)
