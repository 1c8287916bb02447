"""Runs: what breaks is tried again, and does not take its thread along."""

from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from naryad.db.session import Database
from naryad.events import EventLog
from naryad.runs import Runs


class State(TypedDict):
    input_id: str
    text: str
    outcome: str


async def test_a_bug_ends_its_input_and_not_the_thread(database: Database, tmp_path: Path) -> None:
    """The broken step is tried again alone; once other input waits behind it, that is taken instead."""
    tried: list[str] = []

    async def step(state: State) -> dict[str, Any]:
        tried.append(state["text"])
        return {"outcome": {"good": "fine"}[state["text"]]}

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_edge("step", END)
    events = EventLog(database)
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        runs = Runs(database, events, {"a": graph.compile(checkpointer=saver)})
        with pytest.raises(KeyError):
            await runs.submit("t", "a", "p", {"text": "bad"})
        with pytest.raises(KeyError):
            await runs.drive("t")
        assert await runs.unfinished() == ["t"]
        done = await runs.submit("t", "a", "p", {"text": "good"})
        assert (tried, done.values["outcome"]) == (["bad", "bad", "good"], "fine")
        assert await runs.unfinished() == []
    kinds = [event.type for event in await events.since("t")]
    assert kinds == ["run.failed", "run.failed", "run.finished", "run.finished"]
