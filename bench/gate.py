"""The gate's own overhead: a call that is allowed and a call that a person approves, on SQLite with a real disk.

The tool does nothing, so what is measured is the gate. The baselines, in the same run: the bare method, and one
durable commit of one row, since an approved call cannot cost less than the commits it promises.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from naryad.auth import Person, Role
from naryad.db import migrate
from naryad.db.models.output import Output
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.answer import Call, Caller
from naryad.gate.approvals import Verdict
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.tooling import Risk, Toolset, tool

CALLS = 300
CALLER = Caller("ops", "bench", "local:bench")
PERSON = Person("local:anna", frozenset({Role.OPERATOR}))


class Nothing(Toolset):
    """Tools that do nothing, at no cost."""

    prefix = "nothing"

    async def _text(self, number: int) -> str:
        return ""

    @tool(Risk.READ)
    async def look(self, number: int) -> int:
        """Look at nothing."""
        return number

    @tool(Risk.DESTRUCTIVE, confirm="Do nothing for the {number}. time?", preview=_text, precondition=_text)
    async def act(self, number: int) -> int:
        """Do nothing."""
        return number


def run() -> dict[str, Any]:
    """Milliseconds a call, p50 and p95, and ratios to one durable commit."""
    with tempfile.TemporaryDirectory(prefix="naryad-bench-", dir=Path.home()) as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> dict[str, Any]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'naryad.db'}")
    await migrate.upgrade(database)
    gate = Gate([Nothing()], PolicyFile(policy.DEFAULT, UTC), database, EventLog(database))

    async def commit(number: int) -> None:
        async with database.write() as session:
            session.add(Output(id=str(number), thread_id="bench", text="x"))

    async def allowed(number: int) -> None:
        await gate.advance(Call(f"look-{number}", "nothing_look", {"number": number}), CALLER)

    async def approved(number: int) -> None:
        call = Call(f"act-{number}", "nothing_act", {"number": number})
        asked: Any = await gate.advance(call, CALLER)
        await gate.approvals.decide(asked.id, PERSON, Verdict.APPROVE)
        await gate.advance(call, CALLER)

    baseline = await _timed(commit)
    figures = {"one_durable_commit": baseline, "allowed_call": await _timed(allowed)}
    figures["approved_call"] = await _timed(approved)
    await database.close()
    ratios = {
        f"{name}_in_commits": round(figures[name]["p50_ms"] / baseline["p50_ms"], 2)
        for name in ("allowed_call", "approved_call")
    }
    return {"calls": CALLS, **figures, **ratios, "aim_p95_ms": 5}


async def _timed(work: Callable[[int], Awaitable[None]]) -> dict[str, float]:
    for number in range(-20, 0):
        await work(number)
    taken = []
    for number in range(CALLS):
        begun = time.perf_counter()
        await work(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return {"p50_ms": round(median(taken), 3), "p95_ms": round(quantiles(taken, n=20)[-1], 3)}
