"""Every part of the API, in one list."""

from collections.abc import Sequence

from fastapi import APIRouter

from server.accounts import profile, signing_in, users
from server.alerts import endpoints as alerts
from server.analyze import endpoints as analyze
from server.approvals import endpoints as approvals
from server.chat import endpoints as chat
from server.completions import endpoints as completions
from server.deliveries import endpoints as deliveries
from server.health import endpoints as health
from server.incidents import endpoints as incidents
from server.incidents import silences
from server.links import endpoints as links
from server.metrics import endpoints as metrics
from server.telegram import endpoints as telegram

ROUTERS: Sequence[APIRouter] = (
    signing_in.router,
    profile.router,
    users.router,
    chat.router,
    completions.router,
    alerts.router,
    analyze.router,
    approvals.router,
    health.router,
    metrics.router,
    incidents.router,
    silences.router,
    links.router,
    telegram.router,
    deliveries.router,
)
