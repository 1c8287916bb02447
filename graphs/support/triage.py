"""Where an input goes: by its plain signs, then by a model where there is one, else to the knowledge base."""

import asyncio
import json
import re
from typing import Any, Literal

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, Field, ValidationError

from graphs.ops.intake import named
from graphs.ops.state import caller
from graphs.support import earlier, escalate
from graphs.support.guide import move
from graphs.support.meanwhile import heard
from graphs.support.said import said, whole
from graphs.support.signs import Sign, Whole, Words
from graphs.support.state import SupportDeps, SupportState, fresh
from naryad import prompts
from naryad.errors import LLMUnavailable
from naryad.llm.chain import Purpose

SHORT = 12
"""Words in which «it did not help» is about what was said before, and nothing new."""
NOT_HELPED = 2
_TALK = (Whole.GREETING, Whole.THANKS, Whole.FAREWELL, Whole.YES, Whole.NO, Whole.STOP)


class Sorted(BaseModel):
    """What a model makes of an input."""

    route: Literal["answer", "guide", "diagnose", "act", "ticket", "escalate", "talk"]
    question: str = Field("", max_length=1_000)


class Triage:
    """The nodes that take an input in and sort it."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def receive(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Begin anew; while a person answers, only note what the user says."""
        before = state.get("said", {}).get("lang", "")
        came = (state.get("text"), state.get("subject"), state.get("origin"))
        words = await asyncio.to_thread(said, *came, before)
        update = {**fresh(), "said": words, "question": whole(words)}
        thread_id = caller(config).thread_id
        if await self._deps.handoffs.note(thread_id, state["input_id"], words["text"]):
            return {**update, "route": "silent", "outcome": "with_person"}
        return update | await heard(self._deps.handoffs, thread_id, state)

    async def sort(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Choose the node that deals with it."""
        plain = await asyncio.to_thread(self._plainly, state)
        return plain or await self._by_model(state) or {"route": "answer"}

    def _plainly(self, state: SupportState) -> dict[str, Any] | None:
        """What the words say by themselves; None where they leave it open."""
        words, guide = Words(state["said"]["text"]), state.get("guide")
        if not words.count:
            return {"route": "talk"}
        if words.has(Sign.PERSON) or words.only(Whole.PERSON):
            return {"route": "escalate", "reason": escalate.WISH}
        if words.has(Sign.ANGER):
            return {"route": "escalate", "reason": escalate.ANGER}
        if guide and self._about_step(state, words):
            return {"route": "guide"}
        return self._of_conversation(state, words) or self._of_wish(state, words)

    def _about_step(self, state: SupportState, words: Words) -> bool:
        """Whether it goes on with the instruction, and not with an answer or an offer that came since."""
        wanted = move(words)
        if state.get("last") == "guiding" or wanted == "stop":
            return bool(wanted)
        offered = state.get("offered") and (words.only(Whole.YES) or words.only(Whole.NO))
        return bool(wanted) and not offered and wanted not in ("failed", "helped")

    def _of_conversation(self, state: SupportState, words: Words) -> dict[str, Any] | None:
        """What only goes on with what was said before."""
        offered, told = state.get("offered", ""), bool(state.get("earlier"))
        again = words.count <= SHORT and (words.has(Sign.NOT_HELPED) or words.nothing_but(Sign.STILL_NOT))
        if again and told:
            failed = state.get("failed", 0) + 1
            if failed >= NOT_HELPED:
                return {"route": "escalate", "reason": escalate.NOT_HELPED, "failed": failed}
            if state.get("suggested"):
                return {"route": "guide", "hint": "suggested", "failed": failed}
            return {"route": "talk", "hint": "sorry", "failed": failed}
        if offered and words.only(Whole.YES):
            return {"route": offered, "hint": "suggested"}
        if words.has(Sign.GUIDE):
            known = state.get("suggested") and words.nothing_but(Sign.GUIDE)
            return {"route": "guide", "guide": None, "hint": "suggested" if known else ""}
        if any(words.only(one) for one in _TALK) or words.nothing_but(Sign.DONE):
            return {"route": "talk"}
        if words.count <= SHORT and words.nothing_but(Sign.HELPED) and told:
            return {"route": "talk"}
        return None

    def _of_wish(self, state: SupportState, words: Words) -> dict[str, Any] | None:
        """What is wanted now."""
        if words.has(Sign.TICKET_STATUS) or words.only(Whole.TICKET) or words.has(Sign.TICKET_COMMENT) or words.number:
            return {"route": "ticket"}
        if words.has(Sign.TICKET_NEW) and not words.asks:
            return {"route": "ticket"}
        if words.has(Sign.ACT) and not words.asks:
            return {"route": "act"}
        if words.has(Sign.TROUBLE) and named(state["question"], self._deps.ops.catalogue):
            return {"route": "diagnose"}
        return None

    async def _by_model(self, state: SupportState) -> dict[str, Any] | None:
        asked = {
            "request": state["question"],
            "earlier": earlier.shown(state),
            "services": [service.name for service in self._deps.ops.catalogue.services][:100],
        }
        system = prompts.load("support", "triage").render()
        try:
            reply = await self._deps.ops.chain.complete(
                [SystemMessage(system), HumanMessage(json.dumps(asked, ensure_ascii=False))],
                purpose=Purpose.ANALYSIS,
                max_tokens=300,
            )
            found = re.search(r"{.*}", reply.text, re.DOTALL)
            chosen = Sorted.model_validate_json(found[0] if found else "")
        except (LLMUnavailable, ValidationError):
            return None
        if chosen.route == "diagnose":
            return {"route": "diagnose" if named(state["question"], self._deps.ops.catalogue) else "answer"}
        # Its words may make a question whole for the search; only what the person wrote is acted on.
        return {"route": chosen.route, "question": chosen.question.strip() or state["question"]}
