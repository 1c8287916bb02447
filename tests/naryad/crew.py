"""A small agent: it makes the calls that its input names, all at once, each through the gate."""

import json
import operator
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from naryad.checkpoints import open_saver
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate.answer import Call, Caller
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.runs import Runs
from naryad.settings import Settings
from naryad.testing.counter import CounterTools

PRINCIPAL = "local:anna"


class State(TypedDict, total=False):
    """`calls` is a list of [tool, arguments], or `text` the same as JSON; `answers` of [call id, outcome, effect]."""

    input_id: str
    text: str
    calls: list[list[Any]]
    answers: Annotated[list[list[Any]], operator.add]
    outcome: str


class One(TypedDict):
    """One call of the fan-out."""

    id: str
    call: list[Any]


def compile_graph(gate: Gate, saver: BaseCheckpointSaver[str]) -> CompiledStateGraph[State]:
    """Plan, then every call in a node of its own, then the end."""

    async def plan(state: State) -> dict[str, Any]:
        said = state.get("text", "")
        return {
            "outcome": "",
            "text": "",
            **({"calls": json.loads(said) if said.startswith("[") else []} if said else {}),
        }

    def each(state: State) -> list[Send]:
        calls = state.get("calls", [])
        return [Send("act", One(id=f"{state['input_id']}-{n}", call=call)) for n, call in enumerate(calls)]

    async def act(state: One, config: RunnableConfig) -> dict[str, Any]:
        tool, args = state["call"]
        known = config["configurable"]
        caller = Caller(known["agent"], known["thread_id"], known["principal"])
        answer = await gate.call(Call(state["id"], tool, args), caller)
        return {"answers": [[answer.call_id, answer.outcome.value, answer.effect_id]]}

    async def report(state: State) -> dict[str, Any]:
        return {"outcome": "reported"}

    graph = StateGraph(State)
    graph.add_node("plan", plan)
    graph.add_node("act", act)
    graph.add_node("report", report)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", each, ["act"])
    graph.add_edge("act", "report")
    graph.add_edge("report", END)
    return graph.compile(checkpointer=saver)


@dataclass
class Crew:
    """A gate, its world, and the runs of one agent, `ops`."""

    gate: Gate
    counter: CounterTools
    database: Database
    events: EventLog
    graph: CompiledStateGraph[State]
    runs: Runs

    async def start(self, *calls: list[Any], thread: str = "t") -> Any:
        """Give the agent its calls."""
        return await self.runs.submit(thread, "ops", PRINCIPAL, {"calls": list(calls)})


@asynccontextmanager
async def open_crew(
    url: str, folder: Path, *, power_safe: bool = True, tools: Callable[[Path], CounterTools] = CounterTools
) -> AsyncIterator[Crew]:
    """Open a crew on a migrated database; `folder` holds its policy, its checkpoints and the world."""
    settings = Settings(NARYAD_HOME=folder, DATABASE_URL=url.replace("+aiosqlite", "").replace("+psycopg", ""))
    database, counter = Database(url, power_safe=power_safe), tools(folder / "world")
    events = EventLog(database)
    gate = Gate([counter], PolicyFile(folder / "policy.yaml", UTC), database, events)
    try:
        async with open_saver(settings) as saver:
            graph = compile_graph(gate, saver)
            yield Crew(gate, counter, database, events, graph, Runs(database, events, {"ops": graph}, gate))
    finally:
        await database.close()
