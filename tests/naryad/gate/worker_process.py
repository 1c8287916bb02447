"""A process that is in the middle of an effect: `python -m tests.naryad.gate.worker_process URL FOLDER TOOL SECONDS`.

It approves its own call, begins it, says `started` when the effect has happened, and waits inside it.
"""

import asyncio
import sys
from pathlib import Path

from naryad.auth import Person, Role
from naryad.db.models.gate import Approval
from naryad.gate.answer import Call, Caller
from naryad.gate.approvals import Verdict
from naryad.testing.counter import CounterTools
from tests.naryad.crew import PRINCIPAL, open_crew

CALLER = Caller("ops", "t", PRINCIPAL)


class Telling(CounterTools):
    """Tells when an effect has happened."""

    def _write(self, name: str, what: str) -> str:
        line = super()._write(name, what)
        print("started", flush=True)
        return line


async def main(url: str, folder: Path, tool: str, seconds: float) -> None:
    async with open_crew(url, folder, tools=Telling) as crew:
        call = Call("c1", tool, {"what": "x", "seconds": seconds})
        step = await crew.gate.advance(call, CALLER)
        assert isinstance(step, Approval)
        await crew.gate.approvals.decide(step.id, Person("local:anna", frozenset({Role.OPERATOR})), Verdict.APPROVE)
        await crew.gate.advance(call, CALLER)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
