"""A real gate on a real database, with effects that can be counted."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.answer import Answer, Call, Caller
from naryad.gate.approvals import Verdict
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.testing.counter import CounterTools
from naryad.tooling import Toolset

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
BORIS = Person("local:boris", frozenset({Role.ADMIN}))
GUEST = Person("local:guest", frozenset({Role.USER}))
OPS = Caller("ops", "thread-1", "local:anna")


def fire(what: str = "x", call_id: str = "c1") -> Call:
    return Call(call_id, "counter_fire", {"what": what})


@pytest.fixture(autouse=True)
def english(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARYAD_LANG", "en")


@dataclass
class World:
    """A gate and what it acts on."""

    gate: Gate
    counter: CounterTools
    database: Database
    events: EventLog
    policy: Path

    @property
    def effects(self) -> list[str]:
        """`<tool> <what>` of every effect that really happened."""
        return [line.partition(" ")[2] for line in self.counter.effects]

    async def ask(self, call: Call | None = None, caller: Caller = OPS) -> Approval:
        step = await self.gate.advance(call or fire(), caller)
        assert isinstance(step, Approval)
        return step

    async def answer(self, call: Call | None = None, caller: Caller = OPS) -> Answer:
        step = await self.gate.advance(call or fire(), caller)
        assert isinstance(step, Answer)
        return step

    async def approved(self, call: Call | None = None, caller: Caller = OPS) -> Approval:
        asked = await self.ask(call, caller)
        return await self.gate.approvals.decide(asked.id, ANNA, Verdict.APPROVE)

    async def audited(self) -> list[str]:
        return [row.event for row in await self.gate.audit.rows(limit=1000)]


@pytest.fixture
def shm(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is killed with `kill -9` need not wait for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="naryad-", dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


_figures = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Say a figure at the end of the test run: what was tried, and how often."""
    return pytestconfig.stash.setdefault(_figures, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_figures, []):
        terminalreporter.write_line(f"gate: {line}")


Build = Callable[..., World]


@pytest.fixture
async def build(tmp_path: Path, url: str) -> AsyncIterator[Build]:
    """Make gates on the same database and the same world, as separate processes would have them."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy.DEFAULT.read_text())
    opened = []

    def make(*toolsets: Toolset) -> World:
        database, counter = Database(url), CounterTools(tmp_path / "world")
        opened.append(database)
        events = EventLog(database)
        gate = Gate([counter, *toolsets], PolicyFile(path, UTC), database, events)
        return World(gate, counter, database, events, path)

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def world(build: Build) -> World:
    return build()
