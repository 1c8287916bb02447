"""A finished run keeps its last state and nothing of the way there."""

import operator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

from naryad import checkpoints
from naryad.settings import Settings
from tests.servers import Postgres


class State(TypedDict):
    steps: Annotated[list[str], operator.add]
    other: str


def walk(name: str) -> Any:
    async def step(state: State) -> dict[str, Any]:
        return {"steps": [name * 1000]}

    return step


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
async def test_a_pruned_thread_goes_on_from_its_last_state(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Pruning leaves one checkpoint of the thread, all its values, and other threads alone."""
    url = ""
    if backend == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.url(server.database())
    graph = StateGraph(State)
    for name in "abc":
        graph.add_node(name, walk(name))
    for before, after in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        graph.add_edge(before, after)
    async with checkpoints.open_saver(Settings(NARYAD_HOME=tmp_path, DATABASE_URL=url)) as saver:
        ready: Any = graph.compile(checkpointer=saver)
        for thread in ("one", "two"):
            await ready.ainvoke({"steps": [], "other": "kept"}, {"configurable": {"thread_id": thread}})
        await checkpoints.prune(saver, "one")
        counts = {
            thread: len([c async for c in saver.alist({"configurable": {"thread_id": thread}})])
            for thread in ("one", "two")
        }
        assert (counts["one"], counts["two"] > 3) == (1, True)
        state = await ready.aget_state({"configurable": {"thread_id": "one"}})
        assert (len(state.values["steps"]), state.values["other"], state.next) == (3, "kept", ())
        again = await ready.ainvoke({"steps": ["x"]}, {"configurable": {"thread_id": "one"}})
        assert (len(again["steps"]), again["other"]) == (7, "kept")
