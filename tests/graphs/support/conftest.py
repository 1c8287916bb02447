"""A company with the shipped documents, one service, and a Support agent as the registry wires it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.registry import Crew, open_crew
from naryad.auth import Person, Role
from naryad.events import EventType
from naryad.gate.approvals import Verdict
from naryad.runs import RunState
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from tests.graphs.world import URL, Ansible, Company, Host, Probe

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
BORIS = "account:boris"
WEB = {"name": "web", "unit": "web", "process": "web", "port": 1, "health_url": URL, "log": "/var/log/web.log"}
Open = Callable[..., AbstractAsyncContextManager["Desk"]]


@dataclass
class Desk:
    """One person's conversation with Support."""

    crew: Crew
    company: Company
    counter: CounterTools
    principal: str = BORIS
    thread_id: str = "t"

    async def say(self, text: str, **more: Any) -> str:
        """Say something; returns what is answered to it."""
        before = len(await self.told())
        await self.put(text, **more)
        return "\n".join((await self.told())[before:])

    async def put(self, text: Any, **more: Any) -> RunState:
        return await self.crew.runs.submit(self.thread_id, "support", self.principal, {"text": text, **more})

    async def told(self) -> list[str]:
        events = await self.crew.runtime.events.since(self.thread_id, kinds=(EventType.MESSAGE,))
        return [event.data["text"] for event in events]

    async def facts(self) -> dict[str, Any]:
        event = await self.crew.runtime.events.last(self.thread_id, EventType.MESSAGE)
        assert event
        return event.data

    async def outcome(self) -> str:
        ended = await self.crew.runtime.events.last(self.thread_id, EventType.RUN_FINISHED)
        assert ended
        return str(ended.data["outcome"])

    async def decide(self, state: RunState, verdict: Verdict = Verdict.APPROVE) -> RunState:
        for approval_id in state.waiting_for:
            await self.crew.gate.approvals.decide(approval_id, ANNA, verdict, "")
        return await self.crew.runs.drive(self.thread_id)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A home whose knowledge base holds the shipped documents, and their index: making it takes seconds."""
    home = tmp_path_factory.mktemp("filled")

    async def fill() -> Any:
        async with open_crew(Settings(NARYAD_HOME=home, NARYAD_MODEL="none")) as crew:
            await crew.knowledge.pull()
            await crew.knowledge.refresh()
            return crew.knowledge._now

    return home, asyncio.run(fill())


@pytest.fixture
def desk(filled: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the company; opening it again finds the same conversations, as after a restart."""
    home, company = tmp_path / "company", Company(works=True)
    shutil.copytree(filled[0], home)
    (home / "services.yaml").write_text(yaml.safe_dump({"services": [WEB]}), encoding="utf-8")
    counter = CounterTools(tmp_path / "world")
    toolsets = [Probe(company), Host(company), Ansible(company), counter]
    monkeypatch.setattr("tools.registry.build", lambda *_given, **_named: toolsets)

    @asynccontextmanager
    async def opened(script: str = "", principal: str = BORIS, thread: str = "t", **named: Any) -> AsyncIterator[Desk]:
        (home / "script.yaml").write_text(script or "[]", encoding="utf-8")
        model = f"scripted:{home / 'script.yaml'}" if script else "none"
        wanted: dict[str, Any] = {"NARYAD_HOME": home, "NARYAD_MODEL": model, "ENABLE_CACHING": False} | named
        settings = Settings(**wanted)
        async with open_crew(settings) as crew:
            crew.knowledge._now = filled[1]
            yield Desk(crew, company, counter, principal, thread)

    return opened
