"""A server on a small crew, whose one agent makes the calls that its input names; and people of every role."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from agents.registry import Crew
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.accounts.tokens import Access
from naryad.auth import Role
from naryad.gate.gate import Gate
from naryad.handoffs import Handoffs
from naryad.incidents import Incidents
from naryad.runs import Runs
from naryad.runtime import open_runtime
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from naryad.tickets.tickets import Tickets
from server.parts import Parts
from tests.naryad.accounts.conftest import quick_hashes
from tests.naryad.crew import compile_graph
from tests.server.applications import create

__all__ = ["quick_hashes"]

PASSWORD = "correct horse battery"
Signed = Callable[..., Awaitable["SignedIn"]]


@asynccontextmanager
async def counter_crew(settings: Settings) -> AsyncIterator[Crew]:
    """The crew of `tests.naryad.crew`, as a server opens it."""
    async with open_runtime(settings) as runtime:
        gate = Gate([CounterTools(settings.home / "world")], runtime.policy, runtime.database, runtime.events)
        graphs = {"ops": compile_graph(gate, runtime.checkpointer)}
        incidents = Incidents(runtime.database, runtime.events)
        tickets = Tickets(runtime.database, runtime.events)
        handoffs = Handoffs(runtime.database, runtime.events, tickets)
        runs = Runs(runtime.database, runtime.events, graphs, gate)
        # Nothing followed: indexing the shipped documents takes longer than most tests.
        knowledge = KnowledgeBase(runtime.database, KnowledgeSettings(folders=()))
        yield Crew(runtime, gate, runs, incidents, knowledge, tickets, handoffs)


@dataclass(frozen=True)
class SignedIn:
    """A person with the header that proves it."""

    id: str
    email: str
    token: str
    role: Role = Role.USER

    async def again(self, parts: Parts) -> "SignedIn":
        """The same person on another device, the second factor shown."""
        device, _refresh = await parts.devices.open(self.id, second_factor=True)
        return replace(self, token=parts.signer.sign(Access(self.id, self.role, device.id, True)))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(NARYAD_HOME=alone, NARYAD_OPEN_REGISTRATION=True, RATE_LIMIT_PER_MINUTE=100_000)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    made = create(settings, counter_crew)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
def parts(app: FastAPI) -> Parts:
    opened: Parts = app.state.parts
    return opened


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.fixture
def sign_in(parts: Parts) -> Signed:
    """Make an account of a role and sign it in."""
    made = 0

    async def person(role: Role = Role.OPERATOR, *, second_factor: bool = False) -> SignedIn:
        nonlocal made
        made += 1
        account = await parts.accounts.create(f"{role}{made}@example.ru", PASSWORD, role)
        device, _refresh = await parts.devices.open(account.id, second_factor=second_factor)
        token = parts.signer.sign(Access(account.id, account.role, device.id, second_factor))
        return SignedIn(account.id, account.email, token, account.role)

    return person
