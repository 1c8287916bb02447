"""The wiring of the Ops graph."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Overwrite, Send

from graphs.ops.asked import received, title
from graphs.ops.intake import candidates, looks, subject
from graphs.ops.repair import Repair
from graphs.ops.report import Report
from graphs.ops.runbook import choose
from graphs.ops.state import OpsDeps, OpsInput, OpsState, PlannedLook, caller, fresh, moment, observed
from graphs.ops.think import Thinking
from graphs.texts import both
from naryad.events import EventType
from naryad.gate.answer import Call
from naryad.i18n import N_, language

OpsGraph = CompiledStateGraph[OpsState, None, OpsInput, OpsState]


def build(deps: OpsDeps, checkpointer: BaseCheckpointSaver[str]) -> OpsGraph:
    """Wire the Ops agent.

    Args:
        deps: What the nodes work with.
        checkpointer: Keeps a paused incident until it is resumed.
    """
    thinking, repair, report = Thinking(deps), Repair(deps), Report(deps)

    async def intake(state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Begin anew, open the incident and decide what to look at."""
        asked = received(state.get("alert"), state.get("text"))
        found = subject(asked, deps.catalogue)
        update: dict[str, Any] = {**fresh(), "asked": asked, "looks": looks(asked, deps)}
        if len(found) == 1:
            update["service"] = found[0].name
        if asked["alert"]:
            incident = await report.open(caller(config), state["input_id"], asked)
            update["incident_id"] = incident.id
            name = title(asked)
            update["timeline"] = Overwrite([moment("alerted", {"ru": name, "en": name})])
        return update

    def gather(state: OpsState) -> list[Send] | str:
        """Every look at once, each through the gate."""
        return [Send("gather", {**look, "input_id": state["input_id"]}) for look in state["looks"]] or "diagnose"

    async def see(state: PlannedLook, config: RunnableConfig) -> dict[str, Any]:
        """One look."""
        call = Call(f"{state['input_id']}-{state['id']}", state["tool"], state["args"])
        answer = await deps.gate.call(call, caller(config))
        return {"evidence": [observed(state["id"], call, answer)]}

    async def diagnose(state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Try the runbooks; what they do not know goes to the model."""
        chosen = choose(candidates(state["asked"], deps), state["evidence"])
        if chosen:
            claim, plan = chosen
            text = both(N_("Cause: {cause}"), cause=claim["text"])
            await deps.events.append(caller(config).thread_id, EventType.STATUS, text=text[language()])
            return {"claims": [claim], "plan": plan, "timeline": [moment("diagnosed", text)]}
        return {"messages": [thinking.case(state)]}

    def after_diagnose(state: OpsState) -> str:
        return "plan" if state.get("plan") else "think"

    def after_plan(state: OpsState) -> str:
        if state.get("reason") or state.get("outcome"):
            return "report"
        return "preview" if state.get("plan") else "think"

    def after_preview(state: OpsState) -> str:
        if state.get("reason"):
            return "report"
        return "approve" if state.get("plan") else "think"

    def after_approve(state: OpsState) -> str:
        return "report" if state.get("reason") or state.get("outcome") else "execute"

    def after_execute(state: OpsState) -> str:
        return undo_or_report(state) if state.get("reason") else "verify"

    def undo_or_report(state: OpsState) -> str:
        plan = state.get("plan")
        return "rollback" if state.get("undo") and plan and plan["rollback"] else "report"

    graph = StateGraph(OpsState, input_schema=OpsInput)
    graph.add_node("intake", intake)
    graph.add_node("gather", see)
    graph.add_node("diagnose", diagnose)
    graph.add_node("think", thinking.think)
    graph.add_node("look", thinking.look)
    graph.add_node("plan", repair.plan)
    graph.add_node("preview", repair.preview)
    graph.add_node("approve", repair.approve)
    graph.add_node("execute", repair.execute)
    graph.add_node("verify", repair.verify)
    graph.add_node("rollback", repair.rollback)
    graph.add_node("report", report.write)
    graph.add_edge(START, "intake")
    graph.add_conditional_edges("intake", gather, ["gather", "diagnose"])
    graph.add_edge("gather", "diagnose")
    graph.add_conditional_edges("diagnose", after_diagnose, ["plan", "think"])
    graph.add_conditional_edges("think", thinking.after_think, ["look", "plan", "report"])
    # No condition here: each look of a turn sees its own writes only, and they would go on in two directions at once.
    graph.add_edge("look", "think")
    graph.add_conditional_edges("plan", after_plan, ["preview", "report", "think"])
    graph.add_conditional_edges("preview", after_preview, ["approve", "report", "think"])
    graph.add_conditional_edges("approve", after_approve, ["execute", "report"])
    graph.add_conditional_edges("execute", after_execute, ["verify", "rollback", "report"])
    graph.add_conditional_edges("verify", undo_or_report, ["rollback", "report"])
    graph.add_edge("rollback", "report")
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer)
