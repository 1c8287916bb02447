"""How the gate words its answers, and records those that ran nothing or changed nothing."""

from typing import Any

from sqlmodel import Session

from naryad import masking
from naryad.clock import now
from naryad.db.models.gate import Effect
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.events import EventLog, EventType
from naryad.gate.answer import OUTCOMES, Answer, Call, Caller, Outcome, cut, render
from naryad.gate.audit import Audit
from naryad.gate.outputs import OutputTools
from naryad.gate.policy import Rule
from naryad.gate.provenance import foreign, seen
from naryad.gate.request import Request
from naryad.i18n import _


class Replies:
    """Builds answers; long texts are cut, with a handle to the rest."""

    def __init__(self, database: Database, audit: Audit, events: EventLog, outputs: OutputTools) -> None:
        self._database, self._audit, self._events, self._outputs = database, audit, events, outputs

    async def of_effect(self, request: Request, effect: Effect) -> Answer:
        """The recorded outcome of an effect, the same however often it is asked for."""
        result = render(effect.result).text if effect.result is not None else ""
        said = "\n".join(filter(None, [effect.message, result])) or _("Done.")
        text = await self._reduced(request, said)
        outcome = OUTCOMES[effect.status]
        return Answer(effect.call_id, effect.tool, outcome, text, effect.result, effect.approval_id, effect.id)

    async def looking(self, request: Request, rule: Rule) -> bool:
        """Say that a tool without effect starts; False when the rule's rate is spent."""
        thread_id, call, rate = request.caller.thread_id, request.call, rule.rate
        facts = {"call": call.id, "tool": call.name}

        def begin(session: Session) -> bool:
            if rate:
                if self._audit.spent(session, rule.name, rate.count, now() - rate.per):
                    return False
                self._audit.record(session, "call.admitted", thread_id, rule=rule.name, **facts)
            self._events.put(session, thread_id, EventType.TOOL_STARTED, **facts, args=request.plain)
            return True

        begun = await self._database.transact(begin, durable=False)
        self._events.wake(thread_id)
        return begun

    async def of_look(self, request: Request, rule: Rule, outcome: Outcome, text: str, data: Any) -> Answer:
        """The answer of a tool without effect, and its audit line."""
        call, caller = request.call, request.caller
        text = masking.secrets(storable(text))
        facts = {"call": call.id, "tool": call.name, "outcome": outcome}
        shown = seen(caller.thread_id, call.id, request.tool, text if data is None else data)

        def end(session: Session) -> None:
            session.merge(shown)
            self._audit.record(
                session, "call.read", caller.thread_id, rule=rule.name, agent=caller.agent, args=request.plain, **facts
            )
            self._events.put(session, caller.thread_id, EventType.TOOL_FINISHED, **facts)

        await self._database.transact(end, durable=False)
        self._events.wake(caller.thread_id)
        return Answer(call.id, call.name, outcome, await self._reduced(request, text), data)

    async def refusal(self, call: Call, caller: Caller, outcome: Outcome, text: str, *, theirs: bool = False) -> Answer:
        """A no: nothing ran. Whether the words are `theirs` is whether a tool chose them, and so perhaps anybody."""
        text = masking.secrets(storable(text))
        facts = {"call": call.id, "tool": call.name, "outcome": outcome, "why": text}

        def refuse(session: Session) -> None:
            if theirs:
                session.merge(foreign(caller.thread_id, call.id, call.name, text))
            self._audit.record(session, "call.refused", caller.thread_id, agent=caller.agent, **facts)
            self._events.put(session, caller.thread_id, EventType.TOOL_FINISHED, **facts)

        await self._database.transact(refuse, durable=False)
        self._events.wake(caller.thread_id)
        return Answer(call.id, call.name, outcome, text)

    async def _reduced(self, request: Request, text: str) -> str:
        budget = request.tool.card.budget_chars
        if len(text) <= budget:
            return text
        return cut(text, budget, await self._outputs.keep(request.caller.thread_id, text))
