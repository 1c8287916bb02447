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
from server.handoffs import endpoints as handoffs
from server.health import endpoints as health
from server.incidents import endpoints as incidents
from server.incidents import silences
from server.jobs import endpoints as jobs
from server.knowledge import endpoints as knowledge
from server.links import endpoints as links
from server.metrics import endpoints as metrics
from server.reports import endpoints as reports
from server.telegram import endpoints as telegram
from server.telephony import endpoints as telephony
from server.tickets import chat as support_chat
from server.tickets import endpoints as tickets
from server.tickets import files as ticket_files
from server.tickets import work as ticket_work

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
    knowledge.router,
    links.router,
    telegram.router,
    telephony.router,
    deliveries.router,
    jobs.router,
    reports.router,
    handoffs.router,
    tickets.router,
    ticket_work.router,
    ticket_files.router,
    support_chat.router,
)
