"""Alerts are taken in: a 200 says that they are kept."""

from collections.abc import Sequence

from fastapi import APIRouter

from naryad.alerts.intake import Flooded
from naryad.clock import now
from server import errors
from server.access import too_often
from server.alerts.schemas import AlertmanagerAlert, AlertmanagerWebhook, NewAlert, NewAlerts, Receipt
from server.alerts.sender import Sender
from server.parts import Parts, Using

router = APIRouter(tags=["alerts"], responses=errors.answers(401, 403, 413, 422))


@router.post("/webhook/alertmanager")
async def from_alertmanager(delivery: AlertmanagerWebhook, sender: Sender, parts: Using) -> Receipt:
    """Take a delivery of Alertmanager (webhook version 4); the same delivery again changes nothing."""
    return await _keep(delivery.alerts, parts)


@router.post("/api/v1/alerts")
async def from_others(alerts: NewAlerts, sender: Sender, parts: Using) -> Receipt:
    """Take one alert of another monitor, or many."""
    return await _keep(alerts if isinstance(alerts, list) else [alerts], parts)


async def _keep(alerts: Sequence[AlertmanagerAlert | NewAlert], parts: Parts) -> Receipt:
    moment = now()
    try:
        kept = await parts.intake.accept([alert.told(moment) for alert in alerts])
    except Flooded as flood:
        raise too_often(flood.retry_after) from flood
    return Receipt(accepted=kept.alerts, changed=kept.changed)
