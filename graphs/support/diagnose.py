"""Looking at the services that a person has trouble with, by the tools and runbooks of Ops; nothing is changed."""

from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Overwrite, Send

from graphs.ops.asked import received
from graphs.ops.intake import around, candidates, looks, subject
from graphs.ops.runbook import choose
from graphs.ops.signs import signs
from graphs.ops.state import Evidence, PlannedLook, caller, observed
from graphs.support.state import STAFF, SupportDeps, SupportState, tried
from naryad.db.models.incident import IncidentStatus, Severity
from naryad.gate.answer import Call
from naryad.i18n import _

MOST = 20
"""Looks for one person's trouble."""


class Look(PlannedLook):
    """One look on its way to its own node run; its events go to `thread_id`."""

    thread_id: str


class Diagnosing:
    """The nodes that look and tell what was seen."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def plan(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Choose what to look at; who is no staff must not see it in the events of their thread either."""
        who = caller(config)
        staff = STAFF & await self._deps.audience(who.principal)
        thread_id = who.thread_id if staff else f"{who.thread_id}/looks"
        wanted = looks(received(None, state["question"]), self._deps.ops)[:MOST]
        return {"looks": [{**look, "thread_id": thread_id, "input_id": state["input_id"]} for look in wanted]}

    def after_plan(self, state: SupportState) -> list[Send] | str:
        """Every look at once, each through the gate."""
        return [Send("look", look) for look in state["looks"]] or "findings"

    async def look(self, state: Look, config: RunnableConfig) -> dict[str, Any]:
        """One look."""
        call = Call(f"{state['input_id']}-{state['id']}", state["tool"], state["args"])
        who = replace(caller(config), thread_id=state["thread_id"])
        answer = await self._deps.ops.gate.call(call, who)
        return {"evidence": [observed(state["id"], call, answer)]}

    async def findings(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Tell what was seen: to the staff as it is, to others in plain words; a real fault becomes an incident."""
        who, evidence = caller(config), state["evidence"]
        asked = received(None, state["question"])
        chosen = choose(candidates(asked, self._deps.ops), evidence)
        failing = [s.name for s in around(asked, self._deps.ops.catalogue) if _answers(s.health_url, evidence) is False]
        names = ", ".join(service.name for service in subject(asked, self._deps.ops.catalogue))
        looked = {
            "looks": [],
            "evidence": Overwrite([]),
            "tried": tried(state, _("Looked at {services}.").format(services=names)),
        }
        if not failing and not chosen:
            well = _("I looked at {services}: it answers as it should.").format(services=names)
            return {**looked, "before": well, "route": "answer"}
        lang = state["said"]["lang"]
        seen = [chosen[0]["text"][lang], *signs(evidence)] if chosen else signs(evidence)
        told = [_("I looked at {services}: there is a fault.").format(services=", ".join(failing) or names)]
        if STAFF & await self._deps.audience(who.principal):
            told += [f"  • {line}" for line in seen]
        told.append(await self._incident(failing[0] if failing else names, seen, who.principal))
        return {
            **looked,
            "reply": "\n".join(told),
            "outcome": "diagnosed",
            "open_question": state["question"],
        }

    async def _incident(self, service: str, seen: list[str], principal: str) -> str:
        """Report the fault, unless it is known, in no words of a stranger; returns what the person is told of it."""
        for status in (
            IncidentStatus.OPEN,
            IncidentStatus.ACKNOWLEDGED,
            IncidentStatus.WAITING,
            IncidentStatus.ESCALATED,
        ):
            if await self._deps.ops.incidents.listed(status, service=service, limit=1):
                return _("It is known, and is being worked on.")
        name = _("{service}: a user noticed a fault").format(service=service)
        await self._deps.ops.incidents.report(name, "\n".join(seen), service, Severity.HIGH, by=principal, run=True)
        return _("I reported it as an incident: whoever is on duty will be told, and it is being looked into.")


def _answers(url: str, evidence: list[Evidence]) -> bool | None:
    """What a probe saw of a service; None where there was none, or it could not look."""
    found = [
        item for item in evidence if item["tool"] == "probe_http" and item["args"].get("url") == url and item["data"]
    ]
    return bool(found[0]["data"]["ok"]) if found and url else None
