"""Tickets for the person: opened, added to, and told about, by the tools that serve nobody but whom the run is for."""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from graphs.ops.state import caller
from graphs.support import escalate
from graphs.support.signs import Sign, Whole, Words
from graphs.support.state import SupportDeps, SupportState
from naryad.db.models.ticket import TicketStatus
from naryad.gate.answer import Answer, Call
from naryad.i18n import N_, _

SUBJECT_CHARS = 120
SHOWN = 5
STATUSES = {
    TicketStatus.NEW: N_("nobody works on it yet"),
    TicketStatus.OPEN: N_("it is being worked on"),
    TicketStatus.WAITING: N_("it waits for your answer"),
    TicketStatus.RESOLVED: N_("it is resolved"),
    TicketStatus.CLOSED: N_("it is closed"),
    TicketStatus.MERGED: N_("it went into another ticket"),
}


class Ticketing:
    """The node for tickets."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def ticket(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Tell of tickets where that is asked; else open one, or add to the one that the conversation has."""
        words = Words(state["said"]["text"])
        known = {"offered": "", "outcome": "ticket"}
        if words.number and not words.has(Sign.TICKET_COMMENT):
            found = await self._call(state, config, "status", number=words.number)
            return known | {"reply": _line(found.data) if found.ok else found.text}
        if words.has(Sign.TICKET_STATUS):
            found = await self._call(state, config, "mine", closed=False)
            lines = [_line(one) for one in (found.data or [])[:SHOWN]] if found.ok else [found.text]
            return known | {"reply": "\n".join(lines) or _("You have no open tickets.")}
        return known | await self._written(state, config, words)

    async def _written(self, state: SupportState, config: RunnableConfig, words: Words) -> dict[str, Any]:
        # A bare «yes» or «ticket» is about what was asked before.
        bare = words.only(Whole.YES) or words.only(Whole.TICKET) or words.nothing_but(Sign.TICKET_NEW)
        text = (state.get("open_question", "") or _last(state)) if bare else state["said"]["text"]
        if not text:
            return {"reply": _("Tell me what the ticket is about: what you want, or what does not work.")}
        made = await self._made(state, config, words, text)
        if not made.ok:
            return {"route": "escalate", "reason": escalate.NO_TICKET, "outcome": ""}
        told = N_("I opened the ticket #{number}: «{subject}».")
        if made.tool != "tickets_create":
            told = N_("Your ticket is #{number}: «{subject}». I added what you wrote.")
        return {"reply": _(told).format(**made.data), "open_question": "", "facts": {"ticket": made.data["number"]}}

    async def _made(self, state: SupportState, config: RunnableConfig, words: Words, text: str) -> Answer:
        who = caller(config)
        before = await self._deps.tickets.of_thread(who.thread_id)
        own = before if before and before.requester == who.principal else None
        if own and not words.number:
            # The gate learns by it that the number is one of ours, and nobody's invention.
            seen = await self._call(state, config, "status", number=own.number)
            if text in own.text or not seen.ok:
                return seen
        if number := words.number or (own.number if own else None):
            return await self._call(state, config, "comment", number=number, text=text)
        subject = " ".join((state["said"]["subject"] or text).split())[:SUBJECT_CHARS]
        return await self._call(state, config, "create", subject=subject, text=text)

    async def _call(self, state: SupportState, config: RunnableConfig, name: str, **args: Any) -> Answer:
        # Made of what the person wrote, which is no reason to let it pass unseen: the policy decides.
        call = Call(f"{state['input_id']}-ticket-{name}", f"tickets_{name}", args)
        return await self._deps.ops.gate.call(call, caller(config))


def _line(ticket: Mapping[str, Any]) -> str:
    text, status = _("Ticket #{number} «{subject}»: {status}."), _(STATUSES[TicketStatus(ticket["status"])])
    return text.format(number=ticket["number"], subject=ticket["subject"], status=status)


def _last(state: SupportState) -> str:
    earlier = state.get("earlier", [])
    return earlier[-1]["asked"] if earlier else ""
