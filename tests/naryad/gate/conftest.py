"""A real gate on a real database, with effects that can be counted."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest

from naryad.auth import Person, Role
from naryad.db import migrate
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.answer import Call, Caller
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.testing.counter import CounterTools

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
BORIS = Person("local:boris", frozenset({Role.ADMIN}))
GUEST = Person("local:guest", frozenset({Role.USER}))
OPS = Caller("ops", "thread-1", "local:anna")


def fire(what: str = "x", call_id: str = "c1") -> Call:
    return Call(call_id, "counter_fire", {"what": what})


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
        return [line.partition(" ")[2] for line in self.counter.effects]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}")
    await migrate.upgrade(database)
    path = tmp_path / "policy.yaml"
    path.write_text(policy.DEFAULT.read_text())
    counter, events = CounterTools(tmp_path / "world"), EventLog(database)
    yield World(Gate([counter], PolicyFile(path, UTC), database, events), counter, database, events, path)
    await database.close()
