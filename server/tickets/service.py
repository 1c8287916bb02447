"""What the ticket endpoints share: who sees a ticket, and how it is shown."""

from naryad.accounts.accounts import person
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.ticket import Author, Ticket
from naryad.errors import Refused
from naryad.i18n import _
from naryad.tickets.attachments import Attachments
from naryad.tickets.finding import missing
from server.access import Caller
from server.parts import Parts
from server.tickets.schemas import EntryShown, FileShown, TicketShown

HELPERS = frozenset({Role.OPERATOR, Role.MANAGER})
FIRST_LINES = 200


def files_of(parts: Parts) -> Attachments:
    """The files of tickets."""
    return Attachments.of(parts.crew.tickets, parts.settings)


def helps(caller: Caller) -> bool:
    """Whether the caller is one of those who help people, and so sees every ticket."""
    return bool(HELPERS & caller.person.roles)


async def ticket_for(named: str, caller: Caller, parts: Parts) -> Ticket:
    """A ticket that the caller may see; raises the same `NotFound` where there is none and where it is not theirs."""
    ticket = await parts.crew.tickets.get(named)
    if ticket.requester != caller.person.id and not helps(caller):
        raise missing(named)
    return ticket


def part_of(ticket: Ticket, caller: Caller) -> Author:
    """In what part the caller speaks in a ticket."""
    return Author.REQUESTER if ticket.requester == caller.person.id else Author.STAFF


async def helper(account_id: str, parts: Parts) -> str:
    """The principal of an account that may be given tickets.

    Raises:
        NotFound: There is no such account.
        Refused: It helps nobody.
    """
    assignee = person(await parts.accounts.get(account_id))
    if not HELPERS & assignee.roles:
        raise Refused(_("Only an operator, a manager or an administrator can be given a ticket."))
    return assignee.id


async def shown(ticket: Ticket, caller: Caller, parts: Parts) -> TicketShown:
    """Everything about a ticket that the caller may see."""
    internal = helps(caller)
    entries = await parts.crew.tickets.journal(ticket.id, internal=internal, limit=FIRST_LINES)
    files = await files_of(parts).listed(ticket.id, internal=internal)
    more = entries[-1].id if len(entries) == FIRST_LINES else None
    lists = {"entries": [EntryShown.of(entry) for entry in entries], "files": [FileShown.of(file) for file in files]}
    return TicketShown.of(ticket, now(), **lists, more_entries=more)
