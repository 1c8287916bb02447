"""What those who help people do with tickets."""

from fastapi import APIRouter

from server import errors
from server.access import Helping
from server.parts import Using
from server.tickets.endpoints import CHANGE, TicketId
from server.tickets.schemas import Merge, TicketChange, TicketReason, TicketShown
from server.tickets.service import helper, shown, ticket_for

router = APIRouter(
    prefix="/api/v1/support/tickets/{ticket_id}", tags=["support"], responses=errors.answers(401, 403, 422)
)


@router.patch("", responses=CHANGE)
async def change(ticket_id: TicketId, wanted: TicketChange, caller: Helping, parts: Using) -> TicketShown:
    """Give a ticket another priority, or into somebody's hands."""
    ticket = await ticket_for(ticket_id, caller, parts)
    assignee = await helper(wanted.assignee, parts) if wanted.assignee else wanted.assignee
    ticket = await parts.crew.tickets.change(ticket.id, caller.person.id, priority=wanted.priority, assignee=assignee)
    return await shown(ticket, caller, parts)


@router.put("/assign", responses=CHANGE)
async def assign(ticket_id: TicketId, caller: Helping, parts: Using) -> TicketShown:
    """Take a ticket on yourself; give it to another with PATCH."""
    ticket = await ticket_for(ticket_id, caller, parts)
    ticket = await parts.crew.tickets.change(ticket.id, caller.person.id, assignee=caller.person.id)
    return await shown(ticket, caller, parts)


@router.put("/wait", responses=CHANGE)
async def wait(ticket_id: TicketId, caller: Helping, parts: Using) -> TicketShown:
    """Wait for the requester: the clocks stand still until they say something."""
    ticket = await ticket_for(ticket_id, caller, parts)
    return await shown(await parts.crew.tickets.wait(ticket.id, caller.person.id), caller, parts)


@router.put("/resolve", responses=CHANGE)
async def resolve(ticket_id: TicketId, caller: Helping, parts: Using, why: TicketReason | None = None) -> TicketShown:
    """Call a ticket resolved: the clocks stop, and it is closed some days later."""
    ticket = await ticket_for(ticket_id, caller, parts)
    ticket = await parts.crew.tickets.resolve(ticket.id, caller.person.id, why.reason if why else "")
    return await shown(ticket, caller, parts)


@router.put("/merge", responses=CHANGE)
async def merge(ticket_id: TicketId, wanted: Merge, caller: Helping, parts: Using) -> TicketShown:
    """Let another ticket of the same requester take this one over; the answer is the other."""
    ticket = await ticket_for(ticket_id, caller, parts)
    into = await ticket_for(wanted.into, caller, parts)
    return await shown(await parts.crew.tickets.merge(ticket.id, into.id, caller.person.id), caller, parts)
