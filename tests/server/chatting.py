"""A server on a real socket, with an agent that talks as it is told; and what reads its streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import httpx
import uvicorn
from fastapi import FastAPI
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from agents.registry import Crew
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.events import EventLog, EventType
from naryad.gate.answer import Call, Caller
from naryad.gate.gate import Gate
from naryad.handoffs import Handoffs
from naryad.incidents import Incidents
from naryad.runs import Runs
from naryad.runtime import open_runtime
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from naryad.tickets.tickets import Tickets


class State(TypedDict, total=False):
    """`text` is a list of steps as JSON: what to say, how often and how slowly; which file to wait for; what to do."""

    input_id: str
    text: str
    outcome: str


def talker(gate: Gate, events: EventLog, saver: Any) -> Any:
    """A graph of one agent that does what its input says, step by step; any other text is said back."""

    async def talk(state: State, config: RunnableConfig) -> dict[str, Any]:
        known = config["configurable"]
        thread, text = known["thread_id"], state.get("text", "")
        steps = json.loads(text) if text.startswith("[") else [{"message": f"You said: {text}"}]
        for number, step in enumerate(steps):
            if "say" in step:
                async with events.joined(thread) as emit:
                    for word in range(step.get("times", 1)):
                        await emit(EventType.TOKEN, {"text": f"{step['say']}{word} ", "attempt": 1})
                        await asyncio.sleep(step.get("pause", 0))
            while "until" in step and not Path(step["until"]).exists():
                await asyncio.sleep(0.05)
            if "reset" in step:
                await events.append(thread, EventType.RESET, attempt=1, reason=step["reset"])
            if "message" in step:
                await events.append(thread, EventType.MESSAGE, text=step["message"])
            if "fire" in step:
                call = Call(f"{state['input_id']}-{number}", "counter_fire", {"what": step["fire"]})
                await gate.call(call, Caller(known["agent"], thread, known["principal"]))
            if "break" in step:
                raise RuntimeError(step["break"])
        return {"outcome": "said"}

    graph = StateGraph(State)
    graph.add_node("talk", talk)
    graph.add_edge(START, "talk")
    graph.add_edge("talk", END)
    return graph.compile(checkpointer=saver)


@asynccontextmanager
async def talking_crew(settings: Settings) -> AsyncIterator[Crew]:
    """A crew whose one agent, `ops`, talks as it is told."""
    async with open_runtime(settings) as runtime:
        gate = Gate([CounterTools(settings.home / "world")], runtime.policy, runtime.database, runtime.events)
        graphs = {"ops": talker(gate, runtime.events, runtime.checkpointer)}
        incidents = Incidents(runtime.database, runtime.events)
        tickets = Tickets(runtime.database, runtime.events)
        handoffs = Handoffs(runtime.database, runtime.events, tickets)
        runs = Runs(runtime.database, runtime.events, graphs, gate)
        # Nothing followed: indexing the shipped documents takes longer than most tests.
        knowledge = KnowledgeBase(runtime.database, KnowledgeSettings(folders=()))
        yield Crew(runtime, gate, runs, incidents, knowledge, tickets, handoffs)


def steps(*told: dict[str, Any]) -> str:
    """An input of the talker."""
    return json.dumps(told)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application that is open already on a free port; gives its address."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[assignment, method-assign]  # they are pytest's
    with socket.socket(proto=socket.IPPROTO_TCP) as opened:  # said, or each answer waits 40 ms for Nagle
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        opened.setblocking(False)
        serving = asyncio.create_task(server.serve(sockets=[opened]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{opened.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


class _no_signals:  # noqa: N801  # stands for a method
    def __enter__(self) -> None: ...

    def __exit__(self, *_error: object) -> None: ...


@dataclass(frozen=True)
class Frame:
    """One event of an SSE stream."""

    id: int
    type: str
    data: dict[str, Any]


async def frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    """The events of an SSE stream, comments left out."""
    found: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "data" in found:
            yield Frame(int(found.get("id", 0)), found["event"], json.loads(found["data"]))
            found = {}


async def read(client: httpx.AsyncClient, method: str, path: str, **sent: Any) -> list[Frame]:
    """A stream to its end."""
    async with client.stream(method, path, **sent) as answer:
        assert answer.status_code == 200, await answer.aread()
        return [frame async for frame in frames(answer)]
