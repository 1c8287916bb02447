"""Ticket tools: what an agent does for the person it talks with, and for nobody else."""

from typing import Annotated, Any

from pydantic import Field

from naryad.behalf import behalf
from naryad.db.models.ticket import Author, Priority, Ticket
from naryad.errors import NotFound, ToolFailed
from naryad.i18n import N_, _
from naryad.tickets.desk import SUBJECT_CHARS
from naryad.tickets.finding import UNDER_WORK, missing
from naryad.tickets.tickets import Tickets
from naryad.tooling import Risk, Settled, Toolset, effect_key, tool

Number = Annotated[int, Field(ge=1, lt=2**31)]
Subject = Annotated[str, Field(min_length=1, max_length=SUBJECT_CHARS, pattern=r"^[^\x00-\x1f]*$")]
Words = Annotated[str, Field(min_length=1, max_length=8_000)]
LISTED, LAST = 20, 10
OWN = ("number", "status", "priority", "created_at", "resolve_by", "by", "at")
"""What stands in an answer that nobody but the product writes."""


class TicketTools(Toolset):
    """The tickets of whoever the run is for: the gate says who that is, never a model.

    Args:
        tickets: Where they are.
    """

    prefix = "tickets"

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    @tool(Risk.READ, own=OWN)
    async def mine(self, closed: bool = False) -> list[dict[str, Any]]:
        """The user's own tickets that are being worked on, the newest first: number, subject, status, priority.

        Args:
            closed: Also those that are over.
        """
        status = () if closed else UNDER_WORK
        found = await self._tickets.listed(requester=behalf().principal, status=status, limit=LISTED)
        return [_line(ticket) for ticket in found]

    @tool(Risk.READ, own=OWN)
    async def status(self, number: Number) -> dict[str, Any]:
        """How one of the user's own tickets stands, with what was last said in it.

        Args:
            number: The ticket's number, such as 12 for #12.
        """
        ticket = await self._own(number)
        said = [entry for entry in await self._tickets.journal(ticket.id) if entry.text]
        return _line(ticket) | {
            "text": ticket.text,
            "resolve_by": ticket.resolve_by,
            "said": [{"by": entry.author.value, "at": entry.at, "text": entry.text} for entry in said[-LAST:]],
        }

    async def _create_preview(self, subject: str, text: str, priority: Priority = Priority.MEDIUM) -> str:
        known = await self._tickets.listed(requester=behalf().principal, status=UNDER_WORK, limit=LISTED)
        lines = [f"{subject} ({priority.value})", "", text, ""]
        lines += [_("They have ticket #{number} already: {subject}").format(**_line(ticket)) for ticket in known]
        return "\n".join(lines).strip()

    async def _create_state(self, subject: str, text: str, priority: Priority = Priority.MEDIUM) -> str:
        known = await self._tickets.of_thread(behalf().thread_id)
        return known.id if known else ""

    async def _create_fate(self, key: str, subject: str, text: str, priority: Priority = Priority.MEDIUM) -> Settled:
        made = await self._tickets.with_key(_key(key))
        return Settled.HAPPENED if made else Settled.NOT_STARTED

    @tool(
        Risk.WRITE,
        confirm=N_("Make a ticket «{subject}»?"),
        preview=_create_preview,
        precondition=_create_state,
        reconcile=_create_fate,
        own=OWN,
        targets=(),  # whose it is cannot be said
    )
    async def create(self, subject: Subject, text: Words, priority: Priority = Priority.MEDIUM) -> dict[str, Any]:
        """Make a ticket for the user, when people must look after it. Answers with its number: tell it to the user.

        Args:
            subject: What it is about, in one line.
            text: What is wrong or wanted, and what was tried, in the user's language.
            priority: critical, high, medium or low.
        """
        of = behalf()
        ticket = await self._tickets.create(
            subject=subject,
            text=text,
            requester=of.principal,
            by=f"agent:{of.agent}",
            priority=priority,
            thread_id=of.thread_id,
            **_reached(of.principal),
            key=_key(effect_key()),
        )
        return _line(ticket)

    async def _comment_preview(self, number: int, text: str) -> str:
        ticket = await self._own(number)
        return f"#{number} {ticket.subject} ({_(ticket.status.value)})\n\n{text}"

    async def _comment_state(self, number: int, text: str) -> str:
        ticket = await self._own(number)
        return f"{ticket.id}:{ticket.status}"

    async def _comment_fate(self, key: str, number: int, text: str) -> Settled:
        said = await self._tickets.entry_with_key(_key(key))
        return Settled.HAPPENED if said else Settled.NOT_STARTED

    @tool(
        Risk.WRITE,
        confirm=N_("Write into ticket #{number}: {text}?"),
        preview=_comment_preview,
        precondition=_comment_state,
        reconcile=_comment_fate,
        own=OWN,
        targets=("number",),
    )
    async def comment(self, number: Number, text: Words) -> dict[str, Any]:
        """Add what the user says to one of their own tickets; one that is over is reopened by it.

        Args:
            number: The ticket's number, such as 12 for #12.
            text: What the user says, in their words.
        """
        ticket, of = await self._own(number), behalf()
        entry = await self._tickets.comment(
            ticket.id, f"agent:{of.agent}", text, author=Author.REQUESTER, key=_key(effect_key())
        )
        return _line(await self._tickets.of_id(entry.ticket_id))

    async def _own(self, number: int) -> Ticket:
        try:
            ticket = await self._tickets.get(str(number))
            if ticket.requester != behalf().principal:
                raise missing(str(number))
        except NotFound as error:
            raise ToolFailed(error.message) from error
        return ticket


def _key(effect: str) -> str:
    return f"effect:{effect}"


def _reached(principal: str) -> dict[str, str]:
    """How somebody came, and how to reach them, as their principal tells."""
    kind, _colon, address = principal.partition(":")
    if kind in ("mail", "phone"):
        return {"channel": kind, "contact": address}
    return {"channel": "telegram" if kind.startswith("telegram") else "chat"}


def _line(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "subject": ticket.subject,
        "status": ticket.status.value,
        "priority": ticket.priority.value,
        "created_at": ticket.created_at,
    }
