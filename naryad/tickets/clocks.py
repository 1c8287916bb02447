"""The two clocks of a ticket: they run while somebody owes it something, and stand still while it waits."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from naryad.db.models.ticket import Ticket, TicketStatus
from naryad.tickets.promise import Promise, Spells

RUNNING = (TicketStatus.NEW, TicketStatus.OPEN)
"""Where a ticket stands while its clocks run."""


def tick(ticket: Ticket, promise: Promise, moment: datetime) -> Iterator[str]:
    """Write down what time has brought: `response.warned`, `response.breached`, `resolution.warned` …, once each."""
    spells, warn_at = _spells(ticket), promise.targets.warn_at
    for name, due, done in (
        ("response", promise.response_due, ticket.responded_at or ticket.resolved_at),
        ("resolution", promise.resolution_due, ticket.resolved_at),
    ):
        for what, share in () if done else (("breached", 1.0), ("warned", warn_at)):
            when, field = due(ticket.priority, spells, share), f"{name}_{what}_at"
            too_late = what == "warned" and getattr(ticket, f"{name}_breached_at")
            if when and when < moment and not (getattr(ticket, field) or too_late):
                setattr(ticket, field, moment)
                yield f"{name}.{what}"


def wind(ticket: Ticket, promise: Promise, moment: datetime) -> None:
    """Let the clocks run or stand as the ticket's status wants it, and work out when to look at it again."""
    runs = bool(ticket.spells) and ticket.spells[-1][1] is None
    if ticket.status in RUNNING and not runs:
        ticket.spells = [*ticket.spells, [moment.isoformat(), None]]
    elif ticket.status not in RUNNING and runs:
        ticket.spells = [*ticket.spells[:-1], [ticket.spells[-1][0], moment.isoformat()]]
    spells, warn_at = _spells(ticket), promise.targets.warn_at
    running = ticket.status in RUNNING
    ticket.resolve_by = promise.resolution_due(ticket.priority, spells) if running else None
    if ticket.responded_at is None:
        ticket.respond_by = promise.response_due(ticket.priority, spells) if running else None
    looks = []
    if running and not ticket.resolution_breached_at:
        looks += [ticket.resolve_by]
        looks += [] if ticket.resolution_warned_at else [promise.resolution_due(ticket.priority, spells, warn_at)]
    if running and not (ticket.responded_at or ticket.response_breached_at):
        looks += [ticket.respond_by]
        looks += [] if ticket.response_warned_at else [promise.response_due(ticket.priority, spells, warn_at)]
    if ticket.status is TicketStatus.RESOLVED and ticket.resolved_at:
        looks += [ticket.resolved_at + timedelta(days=promise.targets.close_days)]
    ticket.look_at = min(filter(None, looks), default=None)


def _spells(ticket: Ticket) -> Spells:
    read = datetime.fromisoformat
    return [(read(begin or ""), read(end) if end else None) for begin, end in ticket.spells]


def ran(ticket: Ticket) -> timedelta:
    """How long the clock of the resolution ran, until it stopped."""
    return sum((end - begin for begin, end in _spells(ticket) if end), timedelta())


class Clock(StrEnum):
    """How one clock stands."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"


def state_of(ticket: Ticket, name: str, moment: datetime) -> Clock:
    """How a clock, `response` or `resolution`, stands at a moment."""
    by = {"response": (ticket.respond_by, ticket.responded_at), "resolution": (ticket.resolve_by, ticket.resolved_at)}
    due, done = by[name]
    if getattr(ticket, f"{name}_breached_at") or (due and due < (done or moment)):
        return Clock.BREACHED
    return Clock.MET if done or ticket.resolved_at else Clock.RUNNING if ticket.status in RUNNING else Clock.PAUSED
