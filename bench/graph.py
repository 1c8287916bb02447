"""What one step of a graph costs: a bare LangGraph node against one that makes a call through the gate.

Both with the checkpoints that runs have: SQLite on a real disk, `durability="sync"`.
"""

import asyncio
import tempfile
import time
from datetime import UTC
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypedDict

from bench.gate import CALLER, Nothing
from naryad import checkpoints
from naryad.db import migrate
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.answer import Call
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.settings import Settings

STEPS, RUNS = 10, 20


class State(TypedDict):
    """Where the walk stands."""

    run: int
    step: int


def run() -> dict[str, Any]:
    """Milliseconds a step, p50 and p95 over runs, bare and through the gate, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="naryad-bench-", dir=Path.home()) as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> dict[str, Any]:
    from langgraph.graph import END, START, StateGraph

    database = Database(f"sqlite+aiosqlite:///{folder / 'naryad.db'}")
    await migrate.upgrade(database)
    gate = Gate([Nothing()], PolicyFile(policy.DEFAULT, UTC), database, EventLog(database))

    async def bare(state: State) -> dict[str, int]:
        return {"step": state["step"] + 1}

    async def gated(state: State) -> dict[str, int]:
        await gate.call(Call(f"{state['run']}-{state['step']}", "nothing_look", {"number": state["step"]}), CALLER)
        return {"step": state["step"] + 1}

    def more(state: State) -> str:
        return "walk" if state["step"] < STEPS else END

    figures: dict[str, Any] = {}
    async with checkpoints.open_saver(Settings(NARYAD_HOME=folder)) as saver:
        for name, node in (("bare_step", bare), ("gated_step", gated)):
            graph = StateGraph(State)
            graph.add_node("walk", node)
            graph.add_edge(START, "walk")
            graph.add_conditional_edges("walk", more, ["walk", END])
            walk: Any = graph.compile(checkpointer=saver)
            taken = []
            for number in range(RUNS + 2):
                begun = time.perf_counter()
                config = {"configurable": {"thread_id": f"{name}-{number}"}}
                await walk.ainvoke({"run": number, "step": 0}, config, durability="sync")
                taken.append((time.perf_counter() - begun) * 1000 / STEPS)
            kept = taken[2:]
            figures[name] = {"p50_ms": round(median(kept), 3), "p95_ms": round(quantiles(kept, n=20)[-1], 3)}
    await database.close()
    figures["gate_adds_ms"] = round(figures["gated_step"]["p50_ms"] - figures["bare_step"]["p50_ms"], 3)
    figures["ratio"] = round(figures["gated_step"]["p50_ms"] / figures["bare_step"]["p50_ms"], 2)
    return {"steps": STEPS, "runs": RUNS, **figures}
