"""The wiring of the Support graph."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.support.act import Acting
from graphs.support.answer import Answering
from graphs.support.diagnose import Diagnosing
from graphs.support.escalate import escalate
from graphs.support.guide import Guiding
from graphs.support.state import SupportDeps, SupportInput, SupportState
from graphs.support.talk import talk
from graphs.support.ticket import Ticketing
from graphs.support.triage import Triage
from graphs.support.voice import Voice
from naryad.i18n import speaking

SupportGraph = CompiledStateGraph[SupportState, None, SupportInput, SupportState]
Node = Callable[..., Awaitable[dict[str, Any]]]
ROUTES = ("answer", "diagnose", "guide", "act", "ticket", "escalate", "talk")


def build(deps: SupportDeps, checkpointer: BaseCheckpointSaver[str]) -> SupportGraph:
    """Wire the Support agent.

    Args:
        deps: What the nodes work with.
        checkpointer: Keeps a conversation, an instruction that is gone through, and a call that waits for people.
    """
    triage, voice, acting, diagnosing = Triage(deps), Voice(deps), Acting(deps), Diagnosing(deps)
    guiding, answering, ticketing = Guiding(deps), Answering(deps), Ticketing(deps)

    async def talking(state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Small talk."""
        return await talk(state)

    async def escalating(state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Call a person."""
        return await escalate(state)

    def after_receive(state: SupportState) -> str:
        return END if state["route"] == "silent" else "triage"

    def onward(state: SupportState) -> str:
        """A node that did not reply itself named the one that does."""
        return "say" if state["reply"] else state["route"]

    def after_act(state: SupportState) -> str:
        return "announce" if state["proposal"] else onward(state)

    graph = StateGraph(SupportState, input_schema=SupportInput)
    graph.add_node("receive", triage.receive)
    nodes: dict[str, Node] = {
        "triage": triage.sort,
        "answer": answering.answer,
        "findings": diagnosing.findings,
        "diagnose": diagnosing.plan,
        "guide": guiding.guide,
        "act": acting.propose,
        "announce": acting.announce,
        "perform": acting.perform,
        "ticket": ticketing.ticket,
        "talk": talking,
        "escalate": escalating,
        "say": voice.say,
    }
    for name, node in nodes.items():
        graph.add_node(name, _in_language(node))
    graph.add_node("look", diagnosing.look)
    graph.add_edge(START, "receive")
    graph.add_conditional_edges("receive", after_receive, ["triage", END])
    graph.add_conditional_edges("triage", lambda state: state["route"], list(ROUTES))
    graph.add_conditional_edges("diagnose", diagnosing.after_plan, ["look", "findings"])
    graph.add_edge("look", "findings")
    graph.add_conditional_edges("findings", onward, ["say", "answer"])
    graph.add_conditional_edges("guide", onward, ["say", "answer", "escalate"])
    graph.add_conditional_edges("answer", onward, ["say", "ticket", "escalate"])
    graph.add_conditional_edges("act", after_act, ["announce", "say", "ticket"])
    graph.add_edge("announce", "perform")
    graph.add_conditional_edges("perform", onward, ["say", "ticket"])
    graph.add_conditional_edges("ticket", onward, ["say", "escalate"])
    for name in ("talk", "escalate"):
        graph.add_edge(name, "say")
    graph.add_edge("say", END)
    return graph.compile(checkpointer=checkpointer)


def _in_language(node: Node) -> Any:
    """A node that speaks the person's language."""

    @wraps(node)
    async def speaking_theirs(state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        with speaking(state["said"]["lang"]):
            return await node(state, config)

    return speaking_theirs
