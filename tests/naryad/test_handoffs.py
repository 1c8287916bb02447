"""Handoffs: what one thread's agent and people may do, and in what order."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.account import Account
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.models.ticket import Author, Ticket, TicketEntry
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import FEED, EventLog, EventType
from naryad.handoffs import Brief, Handoffs
from naryad.tickets.tickets import Tickets

ANNA, BORIS = (Person(name, frozenset({Role.OPERATOR})) for name in ("account:anna", "account:boris"))
ADMIN = Person("account:admin", frozenset(Role))
BRIEF = Brief("The printer is dead", ["restarted it"], "high", "room 5", "The user asks for a person.")


@dataclass
class Desk:
    """One thread, and who answers there."""

    database: Database
    events: EventLog
    tickets: Tickets
    handoffs: Handoffs

    async def kinds(self, thread: str = "t") -> list[str]:
        """What happened, without the ticket's own events."""
        kinds = [event.type.value for event in await self.events.since(thread)]
        return [kind for kind in kinds if not kind.startswith("ticket.")]

    async def rows(self, model: Any) -> list[Any]:
        """Every row of a table."""
        return await self.database.look(lambda session: list(session.exec(select(model).order_by(col(model.id)))))


@pytest.fixture
async def desk(database: Database) -> Desk:
    events = EventLog(database)
    tickets = Tickets(database, events)
    async with database.write() as session:
        session.add(Thread(id="t", agent="support", principal="account:user", title="My printer"))
        session.add(Thread(id="o", agent="ops", principal="account:op"))
        session.add(Account(id="anna", email="anna@example.ru", password_hash="-", name="Anna"))
    return Desk(database, events, tickets, Handoffs(database, events, tickets))


async def test_an_agent_falls_silent_when_it_hands_over(desk: Desk) -> None:
    """What it says before is said, what comes after is not, until a person returns the thread."""
    assert await desk.handoffs.say("t", "One moment.", lang="en")
    handoff = await desk.handoffs.open("t", "i1", BRIEF)
    assert not await desk.handoffs.say("t", "And another thing.")
    assert (await desk.handoffs.active("t")) == handoff
    await desk.handoffs.take(handoff.id, ANNA)
    assert not await desk.handoffs.say("t", "Hello?")
    await desk.handoffs.hand_back(handoff.id, ANNA)
    assert await desk.handoffs.say("t", "I am back.")
    assert await desk.kinds() == ["message", "handoff.opened", "handoff.taken", "handoff.returned", "message"]
    feed = [kind for kind in await desk.kinds(FEED) if kind.startswith("handoff.")]
    assert feed == ["handoff.opened", "handoff.taken", "handoff.returned"]


async def test_one_input_hands_over_once(desk: Desk) -> None:
    """Whoever comes again with it gets the same handoff, also after its end; another input makes another one then."""
    first = await desk.handoffs.open("t", "i1", BRIEF)
    assert (await desk.handoffs.open("t", "i2", BRIEF)).id == first.id
    await desk.handoffs.hand_back(first.id, ANNA)
    assert (await desk.handoffs.open("t", "i1", BRIEF)).id == first.id
    assert await desk.handoffs.active("t") is None
    second = await desk.handoffs.open("t", "i2", BRIEF)
    assert second.id != first.id
    assert second.ticket_id == first.ticket_id
    (ticket,) = await desk.rows(Ticket)
    assert (ticket.subject, ticket.priority, ticket.requester, ticket.contact) == (
        "The printer is dead", "high", "account:user", "room 5",
    )  # fmt: skip


async def test_many_at_once_make_one_handoff(desk: Desk) -> None:
    """Two inputs of one thread in two processes, and a person who takes it over at the same moment: one handoff."""
    other = Handoffs(desk.database, EventLog(desk.database), Tickets(desk.database, EventLog(desk.database)))
    made = await asyncio.gather(
        *(each.open("t", f"i{n}", BRIEF) for n in range(4) for each in (desk.handoffs, other)),
        desk.handoffs.take_over("t", ANNA),
    )
    assert len({handoff.id for handoff in made}) == 1
    assert (len(await desk.rows(Handoff)), len(await desk.rows(Ticket))) == (1, 1)
    kinds = await desk.kinds()
    assert (kinds.count("handoff.opened"), kinds.count("handoff.taken")) == (1, 1)


async def test_no_word_of_the_agent_comes_after_the_handoff(desk: Desk) -> None:
    """An agent that talks without a pause is cut off by the very event of the handoff."""
    stop = asyncio.Event()

    async def talk() -> None:
        async with desk.handoffs.joined("t") as emit:
            while not stop.is_set():
                await desk.handoffs.say("t", "word")
                await emit(EventType.TOKEN, {"text": "to", "attempt": "a"})
                await emit(EventType.STATUS, {"text": "flushes the tokens"})

    talking = [asyncio.create_task(talk()) for _ in range(3)]
    while (await desk.kinds()).count("token") < 5:
        await asyncio.sleep(0.01)
    await desk.handoffs.take_over("t", ANNA)
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.gather(*talking)
    kinds = await desk.kinds()
    at = kinds.index("handoff.opened")
    assert not {"message", "token"} & set(kinds[at:])
    shown = [kind for kind in kinds[:at] if kind in ("message", "token", "reset")]
    assert shown[-1] in ("message", "reset")


async def test_of_two_takers_one_wins(desk: Desk) -> None:
    """The other is told who it is; an administrator may return the thread for whoever answers."""
    handoff = await desk.handoffs.open("t", "i1", BRIEF)
    takers = await asyncio.gather(
        *(desk.handoffs.take(handoff.id, who) for who in (ANNA, BORIS, ANNA, BORIS)), return_exceptions=True
    )
    refused = [taken.message for taken in takers if isinstance(taken, Refused)]
    assert len(refused) == 2
    assert (await desk.kinds()).count("handoff.taken") == 1
    winner = (await desk.handoffs.of_id(handoff.id)).taken_by
    loser = BORIS if winner == ANNA.id else ANNA
    with pytest.raises(Refused):
        await desk.handoffs.reply(handoff.id, loser, "me too")
    with pytest.raises(Refused):
        await desk.handoffs.hand_back(handoff.id, loser)
    assert (await desk.tickets.of_id(handoff.ticket_id)).assignee == winner
    assert (await desk.handoffs.hand_back(handoff.id, ADMIN)).status is HandoffStatus.RETURNED
    with pytest.raises(Refused):
        await desk.handoffs.take(handoff.id, BORIS)


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
async def test_only_takers_take(desk: Desk, role: Role) -> None:
    """Whoever has another role changes nothing."""
    handoff = await desk.handoffs.open("t", "i1", BRIEF)
    other = Person("account:other", frozenset({role}))
    for act in (
        desk.handoffs.take(handoff.id, other),
        desk.handoffs.reply(handoff.id, other, "hm"),
        desk.handoffs.hand_back(handoff.id, other),
        desk.handoffs.take_over("t", other),
    ):
        with pytest.raises(Refused):
            await act
    assert await desk.kinds() == ["handoff.opened"]


@pytest.mark.parametrize("thread", ["o", "none"])
async def test_other_threads_are_not_there(desk: Desk, thread: str) -> None:
    """A thread of Ops is taken over as little as one that there is not."""
    with pytest.raises(NotFound):
        await desk.handoffs.take_over(thread, ADMIN)


@pytest.mark.parametrize(
    ("principal", "by", "there"),
    [
        ("account:root", ANNA, False),
        ("account:boss", ANNA, False),
        ("local:root", ANNA, False),
        ("account:root", ADMIN, True),
        ("account:anna", ANNA, True),
        ("account:op", ANNA, True),
        ("mail:someone@example.ru", ANNA, True),
        ("phone:+79990000000", ANNA, True),
    ],
)
async def test_nobody_steps_in_where_more_was_told_than_they_may_read(
    desk: Desk, principal: str, by: Person, there: bool
) -> None:
    """The agent answers everyone from what their own role may read; a thread of a higher one is not there."""
    async with desk.database.write() as session:
        for name, role in (("root", Role.ADMIN), ("boss", Role.MANAGER), ("op", Role.OPERATOR)):
            session.add(Account(id=name, email=f"{name}@example.ru", password_hash="-", role=role))
        session.add(Thread(id="x", agent="support", principal=principal))
    if there:
        assert (await desk.handoffs.take_over("x", by)).taken_by == by.id
        return
    with pytest.raises(NotFound):
        await desk.handoffs.take_over("x", by)
    assert await desk.kinds("x") == []


async def test_a_conversation_between_people_is_kept(desk: Desk) -> None:
    """Words of both sides stand in the thread and the ticket once, whatever is repeated, and the agent gets them."""
    handoff = await desk.handoffs.open("t", "i1", BRIEF)
    await desk.events.append("t", EventType.INPUT, input="i2", text="Hello?")
    for _again in range(2):
        assert await desk.handoffs.note("t", "i2", "Hello?")
        await desk.handoffs.reply(handoff.id, ANNA, "Good day!", key="k")
    assert (await desk.handoffs.of_id(handoff.id)).taken_by == ANNA.id
    assert not await desk.handoffs.meanwhile("t")
    await desk.handoffs.hand_back(handoff.id, ANNA)
    await desk.handoffs.reply(handoff.id, ANNA, "Good day!", key="k")  # the answer to the first one was lost
    with pytest.raises(Refused):
        await desk.handoffs.reply(handoff.id, ANNA, "Another one")
    assert not await desk.handoffs.note("t", "i3", "Thanks")
    said = [(event.type, event.data.get("by"), event.data["text"]) for event in await desk.handoffs.meanwhile("t")]
    assert said == [("input", None, "Hello?"), ("message", ANNA.id, "Good day!")]
    (message,) = await desk.events.since("t", kinds=[EventType.MESSAGE])
    assert message.data["name"] == "Anna"
    entries = [row for row in await desk.rows(TicketEntry) if row.event == "comment"]
    assert [(entry.author, entry.by, entry.text) for entry in entries] == [
        (Author.REQUESTER, "account:user", "Hello?"), (Author.STAFF, ANNA.id, "Good day!"),
    ]  # fmt: skip
    assert (await desk.kinds()).count("handoff.said") == 1


async def test_taking_over_marks_the_run_and_keeps_what_waits(desk: Desk) -> None:
    """The run that answers is to end; what the user said behind it is not forgotten."""
    async with desk.database.write() as session:
        session.add_all(QueuedInput(thread_id="t", data={"text": text}) for text in ("first", "second"))
    handoff = await desk.handoffs.take_over("t", ANNA)
    async with desk.database.read() as session:
        assert (await session.get_one(Thread, "t")).cancelled_by == ANNA.id
        assert len((await session.exec(select(QueuedInput))).all()) == 2
    assert (handoff.status, handoff.opened_by, handoff.summary) == (HandoffStatus.TAKEN, ANNA.id, "My printer")
    with pytest.raises(Refused):
        await desk.handoffs.take_over("t", BORIS)


async def test_a_handoff_that_nobody_takes_is_told_again(desk: Desk) -> None:
    """Once a time, later each time, and never after somebody took it."""
    handoff = await desk.handoffs.open("t", "i1", BRIEF)
    assert await desk.handoffs.ring() == 0

    async def passed() -> None:
        async with desk.database.write() as session:
            await session.exec(update(Handoff).values(ring_at=now() - timedelta(seconds=1)))

    async with desk.database.write() as session:
        await session.exec(update(Handoff).values(rings=5_000, ring_at=now() - timedelta(seconds=1)))
    assert await desk.handoffs.ring() == 1  # after weeks too
    async with desk.database.write() as session:
        await session.exec(update(Handoff).values(rings=0))
    await passed()
    await asyncio.gather(*(desk.handoffs.ring() for _ in range(3)))
    rung = await desk.handoffs.of_id(handoff.id)
    assert (rung.rings, rung.status) == (1, HandoffStatus.OPEN)
    assert rung.ring_at
    assert rung.ring_at > now() + timedelta(minutes=20)
    assert (await desk.kinds()).count("handoff.overdue") == 2
    await desk.handoffs.take(handoff.id, ANNA)
    assert (await desk.handoffs.of_id(handoff.id)).ring_at is None
    assert await desk.handoffs.ring() == 0
    assert (await desk.kinds()).count("handoff.overdue") == 2


async def test_nobody_waits_in_a_circle(desk: Desk) -> None:
    """The first answer, the user's words, and comments on the same ticket, which goes into another one meanwhile."""
    for again in range(8):
        handoff = await desk.handoffs.open("t", f"i{again}", BRIEF)
        into = await desk.tickets.create(subject="", text="x", requester="account:user", by=ANNA.id, thread_id="a")
        said = [(desk.handoffs.reply(handoff.id, ANNA, "Yes"), desk.handoffs.note("t", f"n{again}{n}", "And?"))
                for n in range(2)]  # fmt: skip
        comments = [desk.tickets.comment(handoff.ticket_id, BORIS.id, "Hm", author=Author.STAFF) for _ in range(4)]
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(each for both in said for each in both),
                *comments,
                desk.tickets.merge(handoff.ticket_id, into.id, "x"),
            )
        await desk.handoffs.hand_back(handoff.id, ANNA)
        await desk.tickets.close(into.id, ANNA.id)


async def test_secrets_are_not_kept(desk: Desk) -> None:
    """A password that the user told the agent does not reach the brief, and nothing is longer than people read."""
    brief = Brief("password: hunter22secret", ["token=abcdefghijkl"] * 200, "low", "x" * 5_000, "")
    handoff = await desk.handoffs.open("t", "i1", brief)
    assert "hunter" not in handoff.summary
    assert "abcdef" not in str(handoff.tried)
    assert (len(handoff.tried), len(handoff.contact)) == (50, 1_000)
