"""Processes that resume one thread many times at once: `python -m tests.naryad.gate.resumer URL FOLDER WAY COUNT N`.

Each of the N says `ready`, waits until its input ends, and prints what came of each try as a line of JSON.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from langgraph.types import Command

from naryad.errors import Refused
from naryad.gate.answer import Answer, Call, Caller
from tests.naryad.crew import PRINCIPAL, Crew, open_crew

CALL, CALLER = Call("c1", "counter_fire", {"what": "x"}), Caller("ops", "t", PRINCIPAL)


async def advance(crew: Crew) -> str:
    """Straight at the gate."""
    step = await crew.gate.advance(CALL, CALLER)
    return step.outcome.value if isinstance(step, Answer) else "not answered"


async def command(crew: Crew) -> str:
    """A resume of the graph that nobody coordinates, with a payload of its own making."""
    config: Any = {"configurable": {"thread_id": "t", "agent": "ops", "principal": PRINCIPAL}}
    state = await crew.graph.aget_state(config)
    pauses = {pause.id: {"approved": True} for task in state.tasks for pause in task.interrupts}
    done = await crew.graph.ainvoke(Command(resume=pauses), config, durability="sync") if pauses else state.values
    return str([answer[1] for answer in done.get("answers", [])])


async def drive(crew: Crew) -> str:
    """As every channel does."""
    try:
        state = await crew.runs.drive("t")
    except Refused:
        return "refused"
    return str([answer[1] for answer in state.values["answers"]])


WAYS = {"advance": advance, "command": command, "drive": drive}


async def main(url: str, folder: Path, way: str, count: int) -> None:
    async with open_crew(url, folder) as crew:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        told = json.dumps(await asyncio.gather(*(WAYS[way](crew) for _ in range(count))))
        sys.stdout.write(f"{told}\n")  # in one piece: `print` may write the end of the line by itself
        sys.stdout.flush()


if __name__ == "__main__":
    for _ in range(int(sys.argv[5]) - 1):
        if os.fork() == 0:
            break
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
