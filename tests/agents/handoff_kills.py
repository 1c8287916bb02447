"""Kills a process at every step of a handoff, one step after the other, and lets another take up the work.

`python -m tests.agents.handoff_kills FOLDER EVERY` kills at each EVERY-th step until one is beyond the end, and prints
one JSON object a line: where the process was killed, and what came of it. Each process that is killed is a real one,
forked from this one while it has no other thread.
"""

import asyncio
import json
import shutil
import signal
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy.orm import Session

from agents.registry import open_crew
from naryad import checkpoints
from naryad.db.models.delivery import Delivery
from naryad.db.models.handoff import HandoffStatus
from naryad.db.models.ticket import Ticket, TicketEntry
from naryad.outbox import Patience
from tests.agents.replaying import ANNA, Stage, Talk, people, settings_at
from tests.naryad.gate.kill_points import Killer, here_first, in_a_process

HASTY = Patience(timeout=timedelta(seconds=2))
"""What a dead process was sending is sent again after three seconds."""


async def furnish(home: Path) -> None:
    """Make the home that every try starts from."""
    async with open_crew(settings_at(home)) as crew, crew.runtime.database.write() as session:
        session.add_all(people())


async def work(home: Path, k: int) -> None:
    """Hand over, write on, answer and return, to be killed somewhere on the way."""
    killer = Killer(k, home)
    steps = ((Session, "commit"), (AsyncSqliteSaver, "aput"), (AsyncSqliteSaver, "aput_writes"), (checkpoints, "prune"))
    for owner, name in steps:
        killer.around(owner, name)
    async with Stage(home, HASTY).open() as stage:
        await to_the_end(Talk(stage, "t", "account:user"))


async def to_the_end(talk: Talk) -> None:
    """Everybody does their part, as often as it takes: each with the key that they had before."""
    handoffs = talk.stage.crew.handoffs
    await talk.hear("Позовите человека", key="1")
    await talk.idle()
    (handoff,) = await talk.handoffs()
    if handoff.status is not HandoffStatus.RETURNED:
        await talk.hear("Я жду", key="2")
        await talk.idle()
        await handoffs.reply(handoff.id, ANNA, "Иду", key="3")
        await handoffs.hand_back(handoff.id, ANNA)
    await talk.stage.told()


async def recover(home: Path) -> None:
    """Take up what the dead process left, as a restarted one does, and write down what came of it."""
    note = home / "killed_at"
    async with Stage(home, HASTY).open() as stage:
        talk = Talk(stage, "t", "account:user")
        await to_the_end(talk)
        sent = [(row.channel, row.target, row.status) for row in await stage.rows(Delivery)
                if row.payload["kind"] == "handoff.opened"]  # fmt: skip
        report = {
            "at": note.read_text() if note.exists() else "",
            "handoffs": [handoff.status for handoff in await talk.handoffs()],
            "called": sorted(sent),
            "tickets": len(await stage.rows(Ticket)),
            "comments": sorted(row.text for row in await stage.rows(TicketEntry) if row.event == "comment"),
            "said": [
                "person" if event.data.get("by") and event.type == "message" else event.type
                for event in await talk.events()
                if event.type in ("message", "token", "handoff.opened", "handoff.said", "handoff.returned")
            ],
        }
    (home / "report").write_text(json.dumps(report))


def main(folder: Path, every: int) -> int:
    start = folder / "start"
    asyncio.run(furnish(start))
    here_first(recover(shutil.copytree(start, folder / "rehearsal")))
    for k in count(every, every):
        here = folder / str(k)
        shutil.copytree(start, here)
        ended = in_a_process(work(here, k))
        if ended not in (0, -signal.SIGKILL) or in_a_process(recover(here)):
            return 1
        print((here / "report").read_text(), flush=True)
        shutil.rmtree(here)
        if ended == 0:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
