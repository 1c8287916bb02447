"""What a company keeps, without anybody at work on it: incidents, tickets, handoffs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from naryad.alerts.response import Response
from naryad.handoffs import Handoffs
from naryad.incidents import Incidents
from naryad.llm.chain import Chain
from naryad.outbox import Outbox
from naryad.runtime import Runtime, open_runtime
from naryad.settings import Settings
from naryad.tickets.asking import Asking
from naryad.tickets.promise import Promise
from naryad.tickets.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Records:
    """Enough for whoever asks no agent: opening a crew takes twice as long."""

    runtime: Runtime
    incidents: Incidents
    tickets: Tickets
    handoffs: Handoffs


@asynccontextmanager
async def open_records(settings: Settings, chain: Chain | None = None) -> AsyncIterator[Records]:
    """Open them on a runtime; arguments and errors as `open_runtime` has."""
    async with open_runtime(settings, chain) as runtime:
        database, events = runtime.database, runtime.events
        tickets = Tickets(database, events, Promise.of(settings), Asking(Outbox(database), settings))
        incidents = Incidents(database, events, Response.of(settings))
        yield Records(runtime, incidents, tickets, Handoffs(database, events, tickets))
