"""How well people are helped: figures of the tickets of a period."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import and_, col, or_, select

from naryad.db.models.ticket import Priority, Ticket, TicketStatus
from naryad.db.session import Database
from naryad.tickets import clocks


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of some tickets; times in seconds, None where nothing can be said.

    Attributes:
        breached: Share of the tickets for which a promise was broken.
        first_response_p50_s: From the making to the first public answer.
        resolution_p50_s: What the clock showed at the resolution: without the waiting for the requester.
        ratings: How many requesters answered how they liked the help.
        rating: The mean of what they said, from 1 to 5.
    """

    tickets: int
    resolved: int
    reopened: int
    breached: float | None
    first_response_p50_s: float | None
    first_response_p95_s: float | None
    resolution_p50_s: float | None
    resolution_p95_s: float | None
    ratings: int
    rating: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of a period, and of its parts.

    Attributes:
        by_resolver: Of those that an agent, a person, the requester or time resolved.
        by_responder: Of those that an agent or a person answered first.
    """

    total: Figures
    by_priority: dict[str, Figures]
    by_channel: dict[str, Figures]
    by_resolver: dict[str, Figures]
    by_responder: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to tickets in a period, whenever they were made; so it stays what it is when the period is over.

    Attributes:
        breached: Share of those for which a promise was broken, of those for which one was kept or broken.
        first_response_p50_s: From the making to the first public answer.
    """

    created: int
    closed: int
    breached: float | None
    first_response_p50_s: float | None
    ratings: int
    rating: float | None


async def happened(database: Database, since: datetime, until: datetime) -> Happened:
    """What happened in a period; merged tickets are left out."""

    def within(moment: datetime | None) -> bool:
        return moment is not None and since <= moment < until

    moments: list[Any] = [
        Ticket.created_at, Ticket.responded_at, Ticket.response_breached_at, Ticket.resolved_at,
        Ticket.resolution_breached_at, Ticket.closed_at, Ticket.rated_at,
    ]  # fmt: skip
    anything = or_(*(and_(moment >= since, moment < until) for moment in moments))
    query = select(Ticket).where(anything, Ticket.status != TicketStatus.MERGED)
    query = query.options(defer(Ticket.text), defer(Ticket.rating_comment))  # type: ignore[arg-type]
    tickets = await database.look(lambda session: session.exec(query).all())
    broken = {t.id for t in tickets if within(t.response_breached_at) or within(t.resolution_breached_at)}
    kept = {t.id for t in tickets if within(t.responded_at) and not t.response_breached_at}
    kept |= {t.id for t in tickets if within(t.resolved_at) and not t.resolution_breached_at}
    answered = [ticket for ticket in tickets if within(ticket.responded_at)]
    responses = _percentiles((t.responded_at - t.created_at).total_seconds() for t in answered if t.responded_at)
    ratings = [ticket.rating for ticket in tickets if ticket.rating is not None and within(ticket.rated_at)]
    return Happened(
        created=sum(within(ticket.created_at) for ticket in tickets),
        closed=sum(within(ticket.closed_at) for ticket in tickets),
        breached=_share(len(broken), len(broken | kept)),
        first_response_p50_s=responses[0],
        ratings=len(ratings),
        rating=_rating(ratings),
    )


async def of_period(database: Database, since: datetime, until: datetime) -> Statistics:
    """The figures of the tickets that were made in a period; merged ones are left out."""
    query = select(Ticket).where(
        col(Ticket.created_at) >= since, col(Ticket.created_at) < until, Ticket.status != TicketStatus.MERGED
    )
    query = query.options(defer(Ticket.text), defer(Ticket.rating_comment)).order_by(col(Ticket.number))  # type: ignore[arg-type]
    tickets = await database.look(lambda session: session.exec(query).all())
    return Statistics(
        total=_figures(tickets),
        by_priority=_split(tickets, lambda ticket: ticket.priority.value, [each.value for each in Priority]),
        by_channel=_split(tickets, lambda ticket: ticket.channel),
        by_resolver=_split(tickets, lambda ticket: _part(ticket, ticket.resolved_by)),
        by_responder=_split(tickets, lambda ticket: _part(ticket, ticket.responded_by)),
    )


def _split(tickets: Sequence[Ticket], of: Callable[[Ticket], str], order: Sequence[str] = ()) -> dict[str, Figures]:
    parts: dict[str, list[Ticket]] = {name: [] for name in order}
    for ticket in tickets:
        if name := of(ticket):
            parts.setdefault(name, []).append(ticket)
    return {name: _figures(part) for name, part in parts.items() if part}


def _part(ticket: Ticket, by: str) -> str:
    if by == ticket.requester:
        return "requester"
    kind = by.partition(":")[0]
    return kind if kind in ("agent", "system", "") else "person"


def _figures(tickets: Sequence[Ticket]) -> Figures:
    resolved = [ticket for ticket in tickets if ticket.resolved_at]
    responses = _percentiles((t.responded_at - t.created_at).total_seconds() for t in tickets if t.responded_at)
    resolutions = _percentiles(clocks.ran(ticket).total_seconds() for ticket in resolved)
    ratings = [ticket.rating for ticket in tickets if ticket.rating is not None]
    breached = sum(bool(ticket.response_breached_at or ticket.resolution_breached_at) for ticket in tickets)
    return Figures(
        tickets=len(tickets),
        resolved=len(resolved),
        reopened=sum(ticket.reopened > 0 for ticket in tickets),
        breached=_share(breached, len(tickets)),
        first_response_p50_s=responses[0],
        first_response_p95_s=responses[1],
        resolution_p50_s=resolutions[0],
        resolution_p95_s=resolutions[1],
        ratings=len(ratings),
        rating=_rating(ratings),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rating(ratings: Sequence[int]) -> float | None:
    return round(sum(ratings) / len(ratings), 3) if ratings else None


def _percentiles(values: Iterable[float]) -> tuple[float, float] | tuple[None, None]:
    known = sorted(values)
    if not known:
        return None, None
    if len(known) == 1:
        return known[0], known[0]
    cuts = quantiles(known, n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[94], 3)
