"""The model's way to a cause: look by tools, within a budget, then conclude."""

import json
from collections import Counter
from typing import Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Send

from graphs.ops import conclude
from graphs.ops.intake import around
from graphs.ops.state import SUMMARY_CHARS, Evidence, OpsDeps, OpsState, caller, observed, one_line
from graphs.texts import both
from naryad import prompts
from naryad.canonical import encode
from naryad.errors import LLMUnavailable
from naryad.gate.answer import Call, Outcome
from naryad.i18n import N_
from naryad.llm.chain import Purpose
from naryad.tooling import Risk, Tool

MAX_TURNS = 12
MAX_TOKENS = 60_000
MAX_SAME_CALL = 3
MAX_CALLS = 8
"""Most calls of one turn; the model is not told of those beyond, as if it had not made them."""
MAX_SERVICES, MAX_NAMES = 30, 300
"""How many services a model is told of: those concerned first, the others by their names."""
_NOT_OFFERED = frozenset({"ansible_check"})
"""Runs on real hosts and shows differences of any file there: what was concluded is checked, nothing before that."""


class Look(TypedDict):
    """One tool call on its way to its own node run."""

    call: ToolCall
    evidence_id: str


class Thinking:
    """The nodes of the tool loop."""

    def __init__(self, deps: OpsDeps) -> None:
        self._deps = deps

    def case(self, state: OpsState) -> HumanMessage:
        """What is known so far, as the model's first message. Everything observed is data, not instruction."""
        concerned = around(state["asked"], self._deps.catalogue)
        services = [*concerned, *(s for s in self._deps.catalogue.services if s not in concerned)]
        told = {
            "alert": state["asked"]["alert"],
            "request": state["asked"]["text"],
            "earlier": state.get("earlier", []),
            "services": [s.model_dump(mode="json", exclude_defaults=True) for s in services[:MAX_SERVICES]],
            "other_services": [s.name for s in services[MAX_SERVICES:]][:MAX_NAMES],
        }
        seen = "\n".join(f"[{e['id']}] {e['tool']} {encode(e['args'])}\n{e['text']}" for e in state["evidence"])
        return HumanMessage(f"{json.dumps(told, ensure_ascii=False)}\n\nObservations:\n{seen}")

    async def think(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Ask the model for its next step, unless it has concluded."""
        if state.get("conclusion"):
            return {}
        history = state["messages"]
        if reason := self._exhausted(state):
            return {"reason": reason}
        system = SystemMessage(prompts.load("ops", "diagnose").render())
        try:
            async with self._deps.events.joined(caller(config).thread_id) as emit:
                reply = await self._deps.chain.complete(
                    [system, *history], tools=self._offered(), purpose=Purpose.ANALYSIS, emit=emit
                )
        except LLMUnavailable as error:
            return {"reason": both(N_("No runbook fits. {why}"), why=error.message)}
        reply = reply.model_copy(update={"tool_calls": reply.tool_calls[:MAX_CALLS]})
        used = reply.usage_metadata["total_tokens"] if reply.usage_metadata else 0
        return {"messages": [reply], "tokens": state.get("tokens", 0) + used}

    async def look(self, state: Look, config: RunnableConfig) -> dict[str, Any]:
        """Make one of the model's calls through the gate."""
        wanted, evidence_id = state["call"], state["evidence_id"]
        call_id = wanted["id"] or ""
        if wanted["name"] not in {tool.name for tool in self._offered()}:
            refusal = f"There is no tool {wanted['name']!r} here; a change is proposed with {conclude.NAME}."
            return {"messages": [ToolMessage(refusal, tool_call_id=call_id, status="error")]}
        call = Call(call_id, wanted["name"], wanted["args"])
        answer = await self._deps.gate.call(call, caller(config))
        if call.name == conclude.NAME:
            return {"messages": [answer.message()], **({"conclusion": dict(call.args)} if answer.ok else {})}
        if answer.outcome is Outcome.INVALID:
            return {"messages": [answer.message()]}
        seen = ToolMessage(f"[{evidence_id}] {answer.text}", tool_call_id=call_id, name=call.name)
        return {"messages": [seen], "evidence": [observed(evidence_id, call, answer, data_chars=SUMMARY_CHARS)]}

    def after_think(self, state: OpsState) -> list[Send] | str:
        """One node run per call, so that each could be paused and resumed by itself."""
        if state.get("reason"):
            return "report"
        if state.get("conclusion"):
            return "plan"
        last = state["messages"][-1]
        calls = last.tool_calls if isinstance(last, AIMessage) else []
        first = max((int(item["id"][1:]) for item in state["evidence"]), default=0) + 1
        return [Send("look", Look(call=c, evidence_id=f"e{n}")) for n, c in enumerate(calls, first)] or "plan"

    def _offered(self) -> list[Tool]:
        tools = self._deps.gate.tools.values()
        return [tool for tool in tools if tool.card.risk is Risk.READ and tool.name not in _NOT_OFFERED]

    def _exhausted(self, state: OpsState) -> dict[str, str] | None:
        history: list[AnyMessage] = state["messages"]
        turns = [message for message in history if isinstance(message, AIMessage)]
        calls = Counter(
            json.dumps([c["name"], c["args"]], sort_keys=True) for message in turns for c in message.tool_calls
        )
        if len(turns) >= MAX_TURNS:
            return both(N_("The model did not find the cause in {turns} turns."), turns=MAX_TURNS)
        if state.get("tokens", 0) >= MAX_TOKENS:
            return both(N_("The model used up its budget of {tokens} tokens."), tokens=MAX_TOKENS)
        if calls and max(calls.values()) >= MAX_SAME_CALL:
            return both(N_("The model repeats the same call and makes no progress."))
        return None


def cited(stated: list[dict[str, Any]], evidence: list[Evidence]) -> list[tuple[str, list[str]]]:
    """The claims that rest on observations that were really made; the others are dropped."""
    made = {item["id"] for item in evidence if item["ok"]}
    kept = [(one_line(claim["text"]), [e for e in claim["evidence"] if e in made]) for claim in stated]
    return [(text, ids) for text, ids in kept if ids]
