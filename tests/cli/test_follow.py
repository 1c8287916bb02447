"""Following a run: questions are asked here, and may be decided elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import follow
from naryad.auth import Person, Role
from naryad.db import migrate
from naryad.db.models.gate import Approval
from naryad.db.session import Database
from naryad.gate.approvals import Verdict
from tests.naryad import crew as small

BORIS = Person("local:boris", frozenset({Role.ADMIN}))
POLICY = """version: 1
rules:
  - {name: two, tools: [counter_put], action: ask, ask: {roles: [operator, admin], quorum: 2, expires: 30m}}
  - {name: one, action: ask, ask: {roles: [operator, admin], quorum: 1, expires: 30m}}
"""


class Followed:
    """A small crew, what was asked at its terminal, and what was shown."""

    def __init__(self, crew: small.Crew) -> None:
        self.crew = crew
        self.asked: list[str] = []
        self.withdrawn: list[str] = []
        self.shown: list[str] = []

    async def run(self, answer: Any, *calls: list[Any]) -> Any:
        async def asking(asked: Approval) -> tuple[bool, str] | None:
            self.asked.append(asked.id)
            try:
                said: tuple[bool, str] | None = await answer(asked)
            except asyncio.CancelledError:
                self.withdrawn.append(asked.id)
                raise
            return said

        view: Any = SimpleNamespace(
            gate=self.crew.gate, runs=self.crew.runs, runtime=SimpleNamespace(events=self.crew.events)
        )
        work = self.crew.start(*calls)
        return await follow.follow(view, "t", work, answer=asking, on_event=lambda event: self.shown.append(event.type))

    async def elsewhere(self, asked: Approval, verdict: Verdict) -> None:
        await self.crew.gate.approvals.decide(asked.id, BORIS, verdict)

    @property
    def effects(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.crew.counter.effects]


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"
    database = Database(url)
    await migrate.upgrade(database)
    await database.close()
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    async with small.open_crew(url, tmp_path) as crew:
        yield Followed(crew)


async def test_a_yes_at_the_terminal_lets_the_call_run(followed: Followed) -> None:
    """The question is asked once, the effect happens once, and every event is shown once."""

    async def yes(_asked: Approval) -> tuple[bool, str]:
        return True, ""

    state = await followed.run(yes, ["counter_fire", {"what": "x"}])
    assert (state.waiting_for, followed.effects, len(followed.asked)) == ((), ["fire x"], 1)
    assert followed.shown.count("approval.requested") == followed.shown.count("approval.decided") == 1
    assert followed.shown[-1] == "run.finished"


@pytest.mark.parametrize(("verdict", "effects"), [(Verdict.APPROVE, ["fire x"]), (Verdict.REJECT, [])])
async def test_a_question_decided_elsewhere_is_withdrawn(
    followed: Followed, verdict: Verdict, effects: list[str]
) -> None:
    """The terminal does not go on waiting for an answer that nobody needs; what was decided is followed on."""

    async def never(asked: Approval) -> None:
        await followed.elsewhere(asked, verdict)
        await asyncio.Event().wait()

    state = await followed.run(never, ["counter_fire", {"what": "x"}])
    assert (state.waiting_for, followed.effects) == ((), effects)
    assert followed.withdrawn == followed.asked


async def test_an_answer_that_comes_too_late_changes_nothing(followed: Followed) -> None:
    """Decided elsewhere in the same moment: the other decision stands, and the command ends with its outcome."""

    async def late(asked: Approval) -> tuple[bool, str]:
        await followed.elsewhere(asked, Verdict.REJECT)
        return True, ""

    state = await followed.run(late, ["counter_fire", {"what": "x"}])
    assert (state.waiting_for, followed.effects) == ((), [])


async def test_where_two_must_agree_one_yes_leaves_the_question_open(followed: Followed) -> None:
    """The person is not asked again what they have answered, and nothing has run."""

    async def yes(_asked: Approval) -> tuple[bool, str]:
        return True, ""

    state = await followed.run(yes, ["counter_put", {"what": "x"}])
    assert (list(state.waiting_for), followed.effects) == (followed.asked, [])


async def test_a_question_without_an_answer_stays_open(followed: Followed) -> None:
    """Whoever leaves without a word has decided nothing."""

    async def leave(_asked: Approval) -> None:
        return None

    state = await followed.run(leave, ["counter_fire", {"what": "x"}])
    assert (list(state.waiting_for), followed.effects) == (followed.asked, [])
    (asked,) = await followed.crew.gate.approvals.listed()
    assert asked.status == "pending"


async def test_the_run_is_followed_while_another_process_drives_it(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever decided elsewhere drives the thread on; this terminal waits for them instead of giving up."""
    monkeypatch.setattr(follow, "OTHER_POLL_S", 0.01)
    other: list[asyncio.Task[Any]] = []

    async def never(asked: Approval) -> None:
        await followed.elsewhere(asked, Verdict.APPROVE)
        other.append(asyncio.create_task(followed.crew.runs.drive("t")))
        await asyncio.Event().wait()

    state = await followed.run(never, ["counter_fire", {"what": "x", "seconds": 0.5}])
    await other[0]
    assert (state.values["outcome"], followed.effects) == ("reported", ["fire x"])
