"""The ticket tools behind a real gate: for whoever the run is, and for nobody else."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from naryad.db import migrate
from naryad.db.models.ticket import Author, TicketStatus
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate.answer import Answer, Call, Caller, Outcome
from naryad.gate.gate import Gate
from naryad.gate.policy import DEFAULT, PolicyFile
from naryad.tickets.tickets import Tickets
from naryad.tooling import Settled
from tools.tickets.tools import TicketTools

ANNA = Caller("support", "t1", "account:anna")
MALLORY = Caller("support", "t2", "account:mallory")
NEW = {"subject": "Printer", "text": "It jams", "priority": "high"}


class World:
    """A gate whose only tools are those of tickets."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.tickets = Tickets(database, EventLog(database))
        self.tools = TicketTools(self.tickets)
        self.gate = Gate([self.tools], PolicyFile(folder / "policy.yaml", UTC), database, EventLog(database))
        self.calls = 0

    async def call(self, name: str, args: dict[str, Any], caller: Caller = ANNA, call_id: str = "") -> Answer:
        self.calls += 1
        answer = await self.gate.advance(Call(call_id or f"c{self.calls}", f"tickets_{name}", args), caller)
        assert isinstance(answer, Answer)
        return answer


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}")
    await migrate.upgrade(database)
    shutil.copy(DEFAULT, tmp_path / "policy.yaml")
    yield World(database, tmp_path)
    await database.close()


async def test_a_ticket_is_whose_the_run_is(world: World) -> None:
    """With its thread, by its agent; the answer names the number."""
    made = await world.call("create", NEW)
    assert (made.outcome, made.data["number"]) == (Outcome.DONE, 1)
    ticket = await world.tickets.get("1")
    assert (ticket.requester, ticket.thread_id, ticket.channel) == ("account:anna", "t1", "chat")
    assert [entry.by for entry in await world.tickets.journal(ticket.id)] == ["agent:support"]
    letter = await world.call("create", NEW, Caller("support", "t3", "mail:eva@example.ru"))
    ticket = await world.tickets.get(str(letter.data["number"]))
    assert (ticket.channel, ticket.contact) == ("mail", "eva@example.ru")


async def test_no_argument_makes_it_anothers(world: World) -> None:
    """A model may say what it likes: whose a ticket is cannot be said, and another's is not there."""
    for name in ("requester", "principal", "by", "thread_id"):
        assert (await world.call("create", {**NEW, name: "account:mallory"})).outcome is Outcome.INVALID
    await world.call("create", NEW)
    for name, args in (("status", {"number": 1}), ("comment", {"number": 1, "text": "Pay me"})):
        theirs, nobodys = [await world.call(name, {**args, "number": number}, MALLORY) for number in (1, 7)]
        assert (theirs.ok, theirs.text) == (False, nobodys.text.replace("'7'", "'1'"))
    assert (await world.call("mine", {}, MALLORY)).data == []
    assert len((await world.call("mine", {})).data) == 1
    assert [entry.event for entry in await world.tickets.journal((await world.tickets.get("1")).id)] == ["created"]


async def test_what_the_user_says_brings_a_ticket_back(world: World) -> None:
    """One that waits for them or is over; internal words are not shown to them."""
    await world.call("create", NEW)
    ticket = await world.tickets.get("1")
    await world.tickets.comment(ticket.id, "account:helper", "Fool", author=Author.STAFF, public=False)
    await world.tickets.comment(ticket.id, "account:helper", "Which one?", author=Author.STAFF)
    await world.tickets.wait(ticket.id, "account:helper")
    answer = await world.call("comment", {"number": 1, "text": "The old one"})
    assert answer.data["status"] == "open"
    await world.tickets.close(ticket.id, "account:helper")
    assert (await world.call("mine", {})).data == []
    assert (await world.call("mine", {"closed": True})).data[0]["status"] == "closed"
    status = await world.call("status", {"number": 1})
    assert [said["text"] for said in status.data["said"]] == ["Which one?", "The old one"]
    assert (await world.call("comment", {"number": 1, "text": "Again"})).data["status"] == "open"


async def test_one_call_has_one_effect(world: World) -> None:
    """Made ten times at once, and again later: one ticket, one comment."""
    made = await asyncio.gather(*(world.call("create", NEW, call_id="same") for _ in range(10)))
    assert {answer.data["number"] for answer in made} == {1}
    said = {"number": 1, "text": "More"}
    await asyncio.gather(*(world.call("comment", said, call_id="said") for _ in range(10)))
    ticket = await world.tickets.get("1")
    assert [entry.event for entry in await world.tickets.journal(ticket.id)] == ["created", "comment"]
    assert len(await world.tickets.listed()) == 1


async def test_a_call_that_was_cut_short_is_looked_up(world: World) -> None:
    """By the effect's key: it happened, or it never began."""
    made = await world.call("create", NEW)
    said = await world.call("comment", {"number": 1, "text": "More"})
    card = {tool.name: tool.card for tool in world.tools.tools()}
    create, comment = card["tickets_create"].reconcile, card["tickets_comment"].reconcile
    assert create is not None
    assert comment is not None
    assert await create(world.tools, made.effect_id, **NEW) is Settled.HAPPENED
    assert await create(world.tools, "other", **NEW) is Settled.NOT_STARTED
    assert await comment(world.tools, said.effect_id, number=1, text="More") is Settled.HAPPENED
    assert await comment(world.tools, made.effect_id, number=1, text="More") is Settled.NOT_STARTED


async def test_a_person_who_is_asked_sees_what_there_is(world: World, tmp_path: Path) -> None:
    """Where the policy asks: the preview names the tickets that the requester has already."""
    (tmp_path / "policy.yaml").write_text(
        "version: 2\nrules:\n  - {name: ask, action: ask, ask: {roles: [operator], quorum: 1, expires: 30m}}\n"
    )
    await world.tickets.create(subject="Old", text="x", requester="account:anna", by="account:anna")
    asked = await world.gate.advance(Call("c", "tickets_create", NEW), ANNA)
    assert asked is not None
    assert "№1" in asked.preview  # type: ignore[union-attr]
    assert "Printer" in asked.question  # type: ignore[union-attr]
    assert (await world.tickets.get("1")).status is TicketStatus.NEW
