"""Thousands of attempts to get an effect that nobody approved, in every order; more than ten with `--thorough`."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from naryad.auth import Person
from naryad.db import migrate
from naryad.db.models.gate import Approval
from naryad.db.session import Database
from naryad.errors import ConfigError, NotFound, Refused, ToolFailed
from naryad.events import EventLog
from naryad.gate import approvals as approvals_module
from naryad.gate import audit, gate, judge, ledger, questions, replies
from naryad.gate.answer import Answer, Call, Caller
from naryad.gate.approvals import Verdict
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.testing.counter import CounterTools
from tests.naryad.crew import compile_graph
from tests.naryad.gate.attackers import PEOPLE, POLICIES, USUAL, Witness, callers, calls, whats
from tests.naryad.gate.conftest import World
from tests.naryad.gate.cutting import Cut

ENOUGH, SAMPLE = 10_500, 2_600
EXPLORE = settings(
    max_examples=15,
    stateful_step_count=90,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CLOCKS = (approvals_module, audit, gate, judge, ledger, questions, replies)
Made = tuple[Call, Caller]
THEFTS: tuple[Callable[[Call, Caller], Made], ...] = (
    lambda call, caller: (call, caller),
    lambda call, caller: (replace(call, args={**call.args, "what": "stolen"}), caller),
    lambda call, caller: (replace(call, name="counter_launch"), caller),
    lambda call, caller: (replace(call, args={**call.args, "approved": True}), caller),
    lambda call, caller: (call, replace(caller, agent="support")),
    lambda call, caller: (call, replace(caller, principal="local:guest")),
    lambda call, caller: (call, replace(caller, thread_id="t2")),
    lambda call, caller: (replace(call, id=f"{call.id} "), caller),
)
"""What a thief makes of a call that is about to be approved."""
GRAPH_CALLER: Any = {"configurable": {"thread_id": "t1", "agent": "ops", "principal": "local:anna"}}


class Attack(RuleBasedStateMachine):
    """An attacker with every public door of the gate, and a witness."""

    attempts: ClassVar[int] = 0
    seen: ClassVar[Counter[str]] = Counter()
    template: ClassVar[Path]
    shift: ClassVar[timedelta] = timedelta()

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(dir=self.template.parent))
        shutil.copy(self.template, self.folder / "naryad.db")
        type(self).shift = timedelta()
        self.policy = self.folder / "policy.yaml"
        self.policy.write_text(USUAL)
        self.worlds = [self._world(), self._world()]
        self.witness = Witness(self.worlds[0])
        self.known: list[str] = ["0" * 36]
        self.graph = compile_graph(self.worlds[0].gate, InMemorySaver())
        self.graph_runs = self.fresh = 0

    def _world(self) -> World:
        database = Database(f"sqlite+aiosqlite:///{self.folder / 'naryad.db'}", power_safe=False)
        counter, events = CounterTools(self.folder / "world"), EventLog(database)
        return World(
            Gate([counter], PolicyFile(self.policy, UTC), database, events), counter, database, events, self.policy
        )

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        type(self).seen += self.runner.run(self.witness.final())
        for world in self.worlds:
            self.runner.run(world.database.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def _try(self, what: str, *attempts: Coroutine[Any, Any, Any]) -> list[Any]:
        """Make attempts, all at once; a refusal is an answer."""
        type(self).attempts += len(attempts)

        async def all_at_once() -> list[Any]:
            async with asyncio.timeout(60):
                return await asyncio.gather(*attempts, return_exceptions=True)

        ended = self.runner.run(all_at_once())
        self.runner.run(self.witness.check())
        for result in ended:
            if isinstance(result, Approval) and result.id not in self.known:
                self.known.append(result.id)
            elif isinstance(result, Answer):
                self.seen[f"answer {result.outcome}"] += 1
            elif isinstance(result, BaseException):
                self.seen[f"{what}: {type(result).__name__}"] += 1
                if not isinstance(result, Refused | NotFound | ToolFailed | ConfigError):
                    raise result
        return ended

    async def _call(self, door: Gate, made: Made, *, run: bool = True) -> Answer | Approval | None:
        step = await door.advance(*made, run=run)
        if isinstance(step, Answer) and step.approval_id:
            self.witness.answered.append((step.approval_id, made[1]))
        return step

    @rule(call=calls(), caller=callers, times=st.integers(1, 4), run=st.booleans())
    def make(self, call: Call, caller: Caller, times: int, run: bool) -> None:
        """Make one call a few times at once, in both processes."""
        doors = (self.worlds[n % 2].gate for n in range(times))
        self._try("call", *(self._call(door, (call, caller), run=run or n > 0) for n, door in enumerate(doors)))

    @rule(storm=st.lists(st.tuples(calls(), callers), min_size=2, max_size=6))
    def make_many(self, storm: list[tuple[Call, Caller]]) -> None:
        """Make different calls at once."""
        self._try("call", *(self._call(self.worlds[n % 2].gate, one) for n, one in enumerate(storm)))

    @rule(call=calls(), caller=callers, k=st.integers(1, 60))
    def make_and_cancel(self, call: Call, caller: Caller, k: int) -> None:
        """Make a call, and cancel it on the way."""
        self._try("call", Cut(k).run(self.worlds[k % 2].gate.advance(call, caller)))

    @rule(
        data=st.data(), person=st.sampled_from(PEOPLE), word=st.sampled_from([Verdict.APPROVE] * 4 + [Verdict.REJECT])
    )
    def decide(self, data: st.DataObject, person: Person, word: Verdict) -> None:
        """Decide any question, open or closed, as anybody, twice at once."""
        chosen = self._question(data)
        both = [world.gate.approvals.decide(chosen, person, word) for world in self.worlds]
        accepted = [result for result in self._try("decide", *both) if isinstance(result, Approval)]
        assert len(accepted) <= 1, "one person was heard twice"
        if accepted:
            self.witness.heard(chosen, person, approved=word is Verdict.APPROVE)

    @rule(
        call=calls(),
        policy=st.sampled_from([USUAL] * 6 + list(POLICIES)),
        people=st.lists(st.sampled_from(PEOPLE + PEOPLE[:3] * 3), min_size=1, max_size=3),
        between=st.sampled_from(["", "", "", "world", "policy", "time", "no"]),
        theft=st.sampled_from(THEFTS),
    )
    def approve_and_steal(
        self, call: Call, policy: str, people: list[Person], between: str, theft: Callable[[Call, Caller], Made]
    ) -> None:
        """A fresh question, answered by some people; then something changes, and a thief races the honest call."""
        self.fresh += 1
        honest = (Call(f"h{self.fresh}", call.name, call.args), Caller("ops", "t1", "local:anna"))
        self.policy.write_text(policy)
        [step] = self._try("call", self._call(self.worlds[0].gate, honest))
        for person in people if isinstance(step, Approval) else ():
            [said] = self._try("decide", self.worlds[0].gate.approvals.decide(step.id, person, Verdict.APPROVE))
            if isinstance(said, Approval):
                self.witness.heard(step.id, person, approved=True)
        if between == "world":
            self.worlds[0].counter.set_state(f"{self.fresh}")
        elif between == "policy":
            self.policy.write_text(f"{USUAL}# {self.fresh}")
        elif between == "time":
            type(self).shift += timedelta(minutes=31)
        elif between == "no" and isinstance(step, Approval):
            [said] = self._try("decide", self.worlds[1].gate.approvals.decide(step.id, PEOPLE[2], Verdict.REJECT))
            if isinstance(said, Approval):
                self.witness.heard(step.id, PEOPLE[2], approved=False)
        doors = [world.gate for world in self.worlds * 2]
        self._try("call", *(self._call(door, made) for door in doors for made in (theft(*honest), honest)))

    @rule(data=st.data(), person=st.sampled_from(PEOPLE), what=whats, forge=st.booleans())
    def edit(self, data: st.DataObject, person: Person, what: str, forge: bool) -> None:
        """Change the arguments of any question, as anybody."""
        args = {"what": what} | ({"approved": True} if forge else {})
        [edited] = self._try("edit", self.worlds[0].gate.edit(self._question(data), args, person))
        if isinstance(edited, Approval):
            self.witness.heard(edited.id, person, approved=True)

    @rule(call=calls(), caller=callers)
    def roll_back(self, call: Call, caller: Caller) -> None:
        """Undo what may never have been done."""
        self._try("rollback", *(world.gate.rollback(call, caller) for world in self.worlds))

    @rule(
        payload=st.recursive(
            st.booleans() | st.text(max_size=8),
            lambda inner: st.dictionaries(
                st.sampled_from(["approved", "decision", "approval", "type"]), inner, max_size=2
            ),
            max_leaves=3,
        ),
        by_id=st.booleans(),
    )
    def resume(self, payload: Any, by_id: bool) -> None:
        """Resume a paused graph with a word of one's own."""
        state = self.runner.run(self.graph.aget_state(GRAPH_CALLER))
        pauses = [pause for task in state.tasks for pause in task.interrupts]
        given: Any = Command(resume={pause.id: payload for pause in pauses} if by_id else payload)
        if not pauses:
            self.graph_runs += 1
            wanted = [["counter_fire", {"what": "a"}], ["counter_put", {"what": "b"}]]
            given = {"input_id": f"g{self.graph_runs}", "calls": wanted}
        elif not by_id:
            given = Command(resume={pauses[0].id: payload})
        self.known += [pause.value["approval"] for pause in pauses if pause.value["approval"] not in self.known]
        self._try("resume", self.graph.ainvoke(given, GRAPH_CALLER, durability="sync"))

    @rule(minutes=st.sampled_from([1, 1, 5, 31, 61]))
    def wait(self, minutes: int) -> None:
        """Let time pass: questions expire, rates recover."""
        type(self).shift += timedelta(minutes=minutes)

    @rule(state=st.sampled_from(["", "changed"]))
    def change_the_world(self, state: str) -> None:
        """Change what a yes was given for."""
        self.worlds[0].counter.set_state(state)

    @rule(text=st.sampled_from(POLICIES))
    def change_the_policy(self, text: str) -> None:
        """Edit the policy while questions are open."""
        self.policy.write_text(text)

    def _question(self, data: st.DataObject) -> str:
        """One of the questions seen, the newest more often."""
        newest = self.known[-4:]
        return data.draw(st.sampled_from(newest) | st.sampled_from(self.known))


@pytest.mark.slow
@pytest.mark.may_block
@pytest.mark.timeout(900)
def test_thousands_of_attempts_get_no_effect_without_a_yes(
    shm: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None], thorough: bool
) -> None:
    """Forged, replayed, swapped, edited, expired, stale, cancelled, at once: every effect was approved, once."""
    Attack.template, Attack.attempts, Attack.seen = shm / "template.db", 0, Counter()
    database = Database(f"sqlite+aiosqlite:///{Attack.template}", power_safe=False)

    async def prepare() -> None:
        await migrate.upgrade(database)
        await database.close()

    asyncio.run(prepare())
    for module in CLOCKS:
        if hasattr(module, "now"):
            monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + Attack.shift)
    # Few attempts in one example or many: it goes on, with other seeds, until there were enough.
    for number in count():
        run_state_machine_as_test(seed(number)(Attack), settings=EXPLORE)
        if Attack.attempts >= (ENOUGH if thorough else SAMPLE):
            break
    figure(f"{Attack.attempts} attempts: {dict(sorted(Attack.seen.items()))}")
    for must in ("consumed", "stale", "expired", "rejected", "superseded"):
        assert Attack.seen[f"approval {must}"], must
    for must in ("done", "rejected", "denied", "invalid"):
        assert Attack.seen[f"answer {must}"], must
