"""Tickets: asked, seen, answered, counted. A person sees their own; those who help people see all."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import AwareDatetime

from naryad.accounts.accounts import principal
from naryad.clock import now
from naryad.db.models.ticket import Priority, TicketStatus
from naryad.i18n import _
from naryad.tickets import statistics
from naryad.tickets.finding import LARGEST
from server import errors
from server.access import Chatting, Counting, Public
from server.chat.schemas import ID_CHARS
from server.errors import Denied
from server.parts import Using
from server.tickets.schemas import (
    EntryPage,
    EntryShown,
    NewTicket,
    Rated,
    Rating,
    RatingByLink,
    TicketComment,
    TicketLine,
    TicketPage,
    TicketReason,
    TicketShown,
    TicketStatistics,
)
from server.tickets.service import helps, part_of, shown, ticket_for

router = APIRouter(prefix="/api/v1/support", tags=["support"], responses=errors.answers(401, 403, 422))
CHANGE = errors.answers(404, 409, 413)
LONGEST = timedelta(days=366)
TicketId = Annotated[str, Path(max_length=ID_CHARS)]
Short = Annotated[str, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200)]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]


@router.post("/tickets", status_code=201, responses=errors.answers(404, 413))
async def create(new: NewTicket, caller: Chatting, parts: Using, key: Key = "") -> TicketShown:
    """Ask for something. With an `Idempotency-Key` that came before, the first ticket is the answer."""
    requester = caller.person.id
    if new.requester is not None and principal(new.requester) != requester:
        if not helps(caller):
            raise _not_for_others()
        requester = principal((await parts.accounts.get(new.requester)).id)
    ticket = await parts.crew.tickets.create(
        **new.model_dump(include={"subject", "text", "priority", "contact"}),
        requester=requester,
        by=caller.person.id,
        channel="api",
        key=key and f"{caller.person.id}:{key}",
    )
    return await shown(ticket, caller, parts)


@router.get("/tickets")
async def listed(
    caller: Chatting,
    parts: Using,
    status: Annotated[list[TicketStatus] | None, Query(max_length=10)] = None,
    priority: Priority | None = None,
    assignee: Annotated[str | None, Query(max_length=200)] = None,
    channel: Short = "",
    text: Short = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    mine: bool = False,
    cursor: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    limit: Limit = 50,
) -> TicketPage:
    """Tickets, the newest first: your own; of those who help people, all, or with `mine` their own.

    `assignee` is an account's id, or empty for tickets that nobody looks after.
    """
    found = await parts.crew.tickets.listed(
        requester="" if helps(caller) and not mine else caller.person.id,
        status=status or (),
        priority=priority,
        assignee=principal(assignee) if assignee else assignee,
        channel=channel,
        text=text,
        since=since,
        until=until,
        before=cursor,
        limit=limit,
    )
    moment = now()
    lines = [TicketLine.of(ticket, moment) for ticket in found]
    return TicketPage(tickets=lines, next=found[-1].number if len(found) == limit else None)


@router.get("/tickets/statistics")
async def figures(
    _caller: Counting, parts: Using, since: AwareDatetime | None = None, until: AwareDatetime | None = None
) -> TicketStatistics:
    """How well people are helped: tickets made in a period, by default the last 30 days, a year at most."""
    end = until or now()
    begin = max(since or end - timedelta(days=30), end - LONGEST)
    found = await statistics.of_period(parts.crew.runtime.database, begin, end)
    return TicketStatistics(since=begin, until=end, **asdict(found))


@router.get("/tickets/{ticket_id}", responses=errors.answers(404))
async def one(ticket_id: TicketId, caller: Chatting, parts: Using) -> TicketShown:
    """Everything about one ticket, by its id or its number."""
    return await shown(await ticket_for(ticket_id, caller, parts), caller, parts)


@router.get("/tickets/{ticket_id}/entries", responses=errors.answers(404))
async def entries(
    ticket_id: TicketId, caller: Chatting, parts: Using, after: Short = "", limit: Limit = 100
) -> EntryPage:
    """What was said and done, in order."""
    ticket = await ticket_for(ticket_id, caller, parts)
    found = await parts.crew.tickets.journal(ticket.id, internal=helps(caller), after=after, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return EntryPage(entries=[EntryShown.of(entry) for entry in found], next=more)


@router.post("/tickets/{ticket_id}/comments", status_code=201, responses=CHANGE)
async def comment(
    ticket_id: TicketId, said: TicketComment, caller: Chatting, parts: Using, key: Key = ""
) -> TicketShown:
    """Say something. What you say on a ticket of yours that is over brings it back; long after, begins a new one."""
    ticket = await ticket_for(ticket_id, caller, parts)
    if not (said.public or helps(caller)):
        raise Denied(_("What you say in a ticket of yours is public."), status=403, code="forbidden")
    entry = await parts.crew.tickets.comment(
        ticket.id,
        caller.person.id,
        said.text,
        author=part_of(ticket, caller),
        public=said.public,
        key=key and f"{caller.person.id}:{ticket.id}:{key}",
    )
    return await shown(await ticket_for(entry.ticket_id, caller, parts), caller, parts)


@router.put("/tickets/{ticket_id}/close", responses=CHANGE)
async def close(ticket_id: TicketId, caller: Chatting, parts: Using, why: TicketReason | None = None) -> TicketShown:
    """Close a ticket; its requester is asked, once, how they liked the help."""
    ticket = await ticket_for(ticket_id, caller, parts)
    ticket = await parts.crew.tickets.close(ticket.id, caller.person.id, why.reason if why else "")
    return await shown(ticket, caller, parts)


@router.put("/tickets/{ticket_id}/reopen", responses=CHANGE)
async def reopen(ticket_id: TicketId, caller: Chatting, parts: Using, why: TicketReason | None = None) -> TicketShown:
    """Have a ticket worked on again; long after its end the answer is a new one, which `follows` it."""
    ticket = await ticket_for(ticket_id, caller, parts)
    ticket = await parts.crew.tickets.reopen(ticket.id, caller.person.id, why.reason if why else "")
    return await shown(ticket, caller, parts)


@router.put("/tickets/{ticket_id}/rating", responses=CHANGE)
async def rate(ticket_id: TicketId, given: Rating, caller: Chatting, parts: Using) -> Rated:
    """Say, once, how you liked the help with a ticket of yours."""
    ticket = await ticket_for(ticket_id, caller, parts)
    await parts.crew.tickets.rate(ticket.id, caller.person.id, given.rating, given.comment)
    return Rated(number=ticket.number, rating=given.rating)


@router.post("/ratings", responses=CHANGE)
async def rate_by_link(given: RatingByLink, parts: Using, _by_the_link_s_secret: Public) -> Rated:
    """The same without signing in, by the secret of the link in the letter that asked."""
    ticket = await parts.crew.tickets.rate_by_link(given.token, given.rating, given.comment)
    return Rated(number=ticket.number, rating=given.rating)


def _not_for_others() -> Denied:
    return Denied(_("You can ask for yourself only."), status=403, code="forbidden")
