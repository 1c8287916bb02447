"""Kills a process at every step of the gate, one step after the other, and lets another take up the work.

`python -m tests.naryad.gate.kill_points SCENARIO FOLDER EVERY` kills at each EVERY-th step and at all beside an effect,
once beyond the end, and prints one JSON object a line: where the process was killed, and what came of it. Each process
that is killed is a real one, forked from this one while it has no other thread.
"""

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy.orm import Session
from sqlmodel import select

from naryad import checkpoints
from naryad.auth import Person, Role
from naryad.db import migrate
from naryad.db.models.gate import Approval, Decision, Effect
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.session import Database
from naryad.events import EventType
from naryad.gate import policy
from naryad.gate.approvals import Verdict
from naryad.testing.counter import CounterTools
from tests.naryad.crew import Crew, open_crew

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))

SCENARIOS: dict[str, list[list[Any]]] = {
    "fire": [["counter_fire", {"what": "x"}]],
    "launch": [["counter_launch", {"what": "x"}]],
    "put": [["counter_put", {"what": "x"}]],
    "note": [["counter_note", {"what": "x"}]],
    "look": [["counter_look", {"what": "x"}]],
    "hopeless": [["counter_mend", {"what": "hopeless"}]],
    "reject": [["counter_fire", {"what": "x"}]],
    "stale": [["counter_fire", {"what": "x"}]],
    "two": [["counter_fire", {"what": "x"}], ["counter_fire", {"what": "y"}]],
}
"""The calls of the agent; `reject` is refused, in `stale` the world changes after the question."""


class Killer:
    """Ends this process at its k-th step; 0 never, but it notes the steps."""

    def __init__(self, k: int, folder: Path) -> None:
        self._k, self._note, self._steps = k, folder / "killed_at", folder / "steps"

    def step(self, name: str) -> None:
        """One step; the last for somebody."""
        if self._k <= 0:
            with self._steps.open("a") as steps:
                steps.write(f"{name}\n")
        self._k -= 1
        if self._k == 0:
            self._note.write_text(name)
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Make a method's beginning and its end steps."""
        method: Callable[..., Any] = getattr(owner, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            self.step(f"before {name}")
            result = await method(*args, **kwargs)
            self.step(f"after {name}")
            return result

        def watched_at_once(*args: Any, **kwargs: Any) -> Any:
            self.step(f"before {name}")
            result = method(*args, **kwargs)
            self.step(f"after {name}")
            return result

        setattr(owner, name, watched if iscoroutinefunction(method) else watched_at_once)


def watched_tools(killer: Killer) -> type[CounterTools]:
    """Tools whose effect is two steps: just before it happens and just after."""

    class Watched(CounterTools):
        def _write(self, name: str, what: str) -> str:
            killer.step(f"before the effect {name}")
            line = super()._write(name, what)
            killer.step(f"after the effect {name}")
            return line

    return Watched


async def work(scenario: str, folder: Path, k: int) -> None:
    """Ask, decide and run from the beginning, to be killed somewhere on the way."""
    killer = Killer(k, folder)
    for owner, name in (
        (Session, "commit"),
        (AsyncSqliteSaver, "aput"),
        (AsyncSqliteSaver, "aput_writes"),
        (checkpoints, "prune"),
    ):
        killer.around(owner, name)
    async with open_crew(url(folder), folder, power_safe=False, tools=watched_tools(killer)) as crew:
        state = await crew.start(*SCENARIOS[scenario])
        await to_the_end(crew, scenario, state)


async def to_the_end(crew: Crew, scenario: str, state: Any) -> Any:
    """Answer every question until there is none."""
    while state.waiting_for:
        if scenario == "stale":
            crew.counter.set_state("changed")
        for approval_id in state.waiting_for:
            verdict = Verdict.REJECT if scenario == "reject" else Verdict.APPROVE
            await crew.gate.approvals.decide(approval_id, ANNA, verdict)
        state = await crew.runs.drive("t")
    return state


async def recover(scenario: str, folder: Path) -> None:
    """Take up what the dead process left, as a restarted one does, and write down what came of it."""
    note = folder / "killed_at"
    async with open_crew(url(folder), folder, power_safe=False) as crew:
        left = {row["id"]: row["status"] for row in await rows(crew, Approval, Effect)}
        began = bool(await rows(crew, Thread))
        state = await crew.runs.drive("t") if began else await crew.start(*SCENARIOS[scenario])
        state = await to_the_end(crew, scenario, state)
        again = await crew.runs.drive("t")
        verdict = await crew.gate.audit.verify()
        report = {
            "at": note.read_text() if note.exists() else "",
            "left": left,
            "approvals": await rows(crew, Approval),
            "decisions": await rows(crew, Decision),
            "effects": await rows(crew, Effect),
            "happened": [line.partition(" ")[2] for line in crew.counter.effects],
            "keys": [line.partition(" ")[0] for line in crew.counter.effects],
            "answers": state.values["answers"],
            "same_again": again.values == state.values,
            "problem": verdict.problem,
            "finished": [event.type for event in await crew.events.since("t")].count(EventType.RUN_FINISHED),
            "queued": await rows(crew, QueuedInput),
            "owners": [thread["owner"] for thread in await rows(crew, Thread)],
        }
    (folder / "report").write_text(json.dumps(report))


async def rows(crew: Crew, *models: Any) -> list[dict[str, Any]]:
    """Every row of some tables."""
    async with crew.database.read() as session:
        found = [row for model in models for row in (await session.exec(select(model))).all()]
    return [{"table": row.__tablename__, **row.model_dump(mode="json")} for row in found]


def url(folder: Path) -> str:
    """The database in a folder."""
    return f"sqlite+aiosqlite:///{folder / 'naryad.db'}"


def in_a_process(work: Coroutine[Any, Any, None]) -> int:
    """Run in a forked process; returns its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(work)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    work.close()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def here_first(work: Coroutine[Any, Any, None]) -> None:
    """Run in this process what the forked ones do: what is imported and compiled once need not be again."""
    asyncio.run(work)
    assert threading.active_count() == 1, "a fork would take a lock along that nobody opens"
    gc.freeze()


def chosen(steps: list[str], every: int) -> list[int]:
    """Numbers of the steps to be killed at, and one beyond the last."""
    near = {k + beside for k, name in enumerate(steps, 1) if "effect" in name for beside in range(-2, 3)}
    return [k for k in range(1, len(steps) + 1) if k % every == 0 or k in near] + [len(steps) + 1]


async def new_database(folder: Path) -> None:
    """Make the database that every try starts from."""
    database = Database(url(folder), power_safe=False)
    await migrate.upgrade(database)
    await database.close()


def main(scenario: str, folder: Path, every: int) -> int:
    start = folder / "start"
    start.mkdir()
    (start / "policy.yaml").write_text(policy.DEFAULT.read_text())
    asyncio.run(new_database(start))
    rehearsal = shutil.copytree(start, folder / "rehearsal")
    if in_a_process(work(scenario, rehearsal, 0)):
        return 1
    here_first(recover(scenario, rehearsal))
    for k in chosen((rehearsal / "steps").read_text().splitlines(), every):
        here = folder / str(k)
        shutil.copytree(start, here)
        ended = in_a_process(work(scenario, here, k))
        if ended not in (0, -signal.SIGKILL) or in_a_process(recover(scenario, here)):
            return 1
        print(json.dumps({"k": k, **json.loads((here / "report").read_text())}), flush=True)
        shutil.rmtree(here)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
