"""Doing something for a person: one call, proposed by a form or a model, and nothing without the gate."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from graphs.ops.state import caller
from graphs.support import cited, earlier
from graphs.support.answer import LANGUAGE
from graphs.support.forms import form
from graphs.support.state import STAFF, Proposal, SupportDeps, SupportState, tried
from graphs.support.voice import Voice
from knowledge_base.answer import Passage
from naryad import prompts
from naryad.db.models.gate import Approval
from naryad.errors import LLMUnavailable
from naryad.gate.answer import Answer, Call, Outcome
from naryad.i18n import _
from naryad.llm.chain import Purpose
from naryad.tooling import Risk, Tool

SERVICES = 100


class Acting:
    """The nodes from a wish to its end."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps, self._voice = deps, Voice(deps)

    async def propose(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Make the wish one call of one tool; what nobody can do at once becomes a ticket."""
        if ready := form(state["said"]["text"], self._deps.ops):
            return {"proposal": ready}
        audience = await self._deps.audience(caller(config).principal)
        passages = await self._deps.knowledge.search(state["question"], audience, k=3)
        said = state["said"]
        services = [service.name for service in self._deps.ops.catalogue.services][:SERVICES]
        known = {"origin": said["origin"], "earlier": earlier.shown(state), "services": services}
        asked = cited.asked(f"{said['subject']}\n{said['text']}".strip(), passages, **known)
        system = prompts.load("support", "act").render(language=LANGUAGE[said["lang"]])
        try:
            reply = await self._deps.ops.chain.complete(
                [SystemMessage(system), HumanMessage(asked)], tools=self._offered(), purpose=Purpose.ANALYSIS
            )
        except LLMUnavailable:
            return self._ticket(_("I cannot do this myself."))
        offered = {tool.name for tool in self._offered()}
        wanted = next((call for call in reply.tool_calls if call["name"] in offered), None)
        if wanted is None:
            return self._ticket(_("I cannot do this myself."))
        provenance = sources(wanted["args"], state, caller(config).principal, passages)
        return {"proposal": Proposal(tool=wanted["name"], args=wanted["args"], provenance=provenance)}

    async def announce(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Say that people are asked, if they are: before the run waits for them."""
        step = await self._deps.ops.gate.advance(self._call(state), caller(config), run=False)
        if isinstance(step, Approval):
            told = _("This needs an approval: «{question}». I have asked for it and will tell you what comes of it.")
            text = told.format(question=step.question)
            await self._voice.tell(caller(config).thread_id, state["input_id"], "waits", text, approval=step.id)
        return {}

    async def perform(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Make the call, once it may be made, and tell what came of it."""
        who, call = caller(config), self._call(state)
        answer = await self._deps.ops.gate.call(call, who)
        staff = bool(STAFF & await self._deps.audience(who.principal))
        update = {"proposal": None, "tried": tried(state, f"{call.name}: {_came(answer).value}")}
        if answer.outcome in (Outcome.INVALID, Outcome.DENIED):
            return {**update, **self._ticket(_("I may not do this myself."))}
        return {**update, "reply": _told(answer, staff=staff), "outcome": f"act_{_came(answer).value}"}

    def _ticket(self, why: str) -> dict[str, Any]:
        return {"before": why, "route": "ticket", "proposal": None}

    def _call(self, state: SupportState) -> Call:
        proposal = state["proposal"]
        assert proposal is not None
        return Call(f"{state['input_id']}-act", proposal["tool"], proposal["args"], proposal["provenance"])

    def _offered(self) -> list[Tool]:
        """What changes the world, about which people are asked; our own records are kept by code, from plain words.

        Looking is done by code as well, which knows what a person may see of it.
        """
        return [tool for tool in self._deps.ops.gate.tools.values() if tool.card.risk is Risk.DESTRUCTIVE]


def sources(
    args: Mapping[str, Any], state: SupportState, principal: str, passages: Sequence[Passage]
) -> dict[str, str]:
    """Where each argument's value stands, for whoever decides: in a document, in somebody's words, or nowhere."""
    said = state["said"]
    own = f"{said['subject']}\n{said['text']}"
    spoken = {"mail": f"letter from {principal}", "phone": f"call from {principal}"}.get(
        said["origin"], f"words of {principal}"
    )
    places = [
        (earlier.document(one.document_id, one.lang, one.version), "\n".join([one.title, *one.path, one.text]))
        for one in passages
    ]
    # An order may have been read in an earlier turn, and only be obeyed in this one.
    places += [(spoken, own), *earlier.places(state, spoken)]
    return {name: _source(value, places) for name, value in args.items()}


def _source(value: Any, places: Sequence[tuple[str, str]]) -> str:
    wanted = [text.lower() for text in _texts(value) if text.strip()]
    found = [f"as in {name}" for name, text in places if any(one in text.lower() for one in wanted)]
    # What stands nowhere letter by letter may be decoded from any of what was read.
    return ", ".join(dict.fromkeys(["model", *(found or [f"after reading {name}" for name, _text in places])]))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value if isinstance(value, str) else json.dumps(value)]


def _came(answer: Answer) -> Outcome:
    """How it ended: a tool that ran may still say that what it ran did not succeed."""
    failed = isinstance(answer.data, dict) and answer.data.get("ok") is False
    return Outcome.FAILED if answer.ok and failed else answer.outcome


def _told(answer: Answer, *, staff: bool) -> str:
    """What came of it; the tool's own words may hold what only the staff may see."""
    text = {
        Outcome.DONE: _("Done."),
        Outcome.REJECTED: _("This was not approved, so nothing was changed."),
        Outcome.ROLLED_BACK: _("It did not help and was undone."),
        Outcome.UNKNOWN: _("It was begun, but whether it took effect is not known. A person must look at it."),
    }.get(_came(answer), _("It did not succeed."))
    return f"{text}\n{answer.text}" if staff else text
