"""Tickets: numbered, made and said once, merged, brought back, and told of."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from naryad.db.models.ticket import Author, Priority, Ticket, TicketStatus
from naryad.errors import NotFound, Refused
from naryad.events import EventType
from tests.naryad.tickets.conftest import ANNA, HELPER, World


async def test_many_at_once_get_each_number_once(world: World) -> None:
    """Without a gap, and one key makes one ticket."""
    made = await asyncio.gather(*(world.ask(key=f"k{number % 15}") for number in range(30)))
    assert sorted({ticket.number for ticket in made}) == list(range(1, 16))
    assert len({ticket.id for ticket in made}) == 15


async def test_words_are_made_fit(world: World) -> None:
    """Secrets are masked, what no database keeps is replaced, long ones are cut, a subject is one line."""
    ticket = await world.ask("password=hunter2 \0\ud800\n" + "x" * 60_000, contact="a\0b", subject=" two\nlines ")
    assert "hunter2" not in ticket.text
    assert (len(ticket.text), ticket.subject) == (50_001, "two lines")
    unnamed = await world.ask("Long " * 100)
    assert (len(unnamed.subject), unnamed.subject[-1]) == (200, "…")
    assert (await world.tickets.get("#1")).id == ticket.id


async def test_who_speaks_decides_what_it_means(world: World) -> None:
    """A person's public answer is the first response; an agent's is none; the requester ends the waiting."""
    ticket = await world.ask(thread_id="t")
    for author, by, public, responded in (
        (Author.AGENT, "agent:support", True, ""),
        (Author.STAFF, HELPER, False, ""),
        (Author.REQUESTER, ANNA, True, ""),
        (Author.STAFF, HELPER, True, HELPER),
        (Author.STAFF, "account:boss", True, HELPER),
    ):
        await world.tickets.comment(ticket.id, by, "words", author=author, public=public)
        assert (await world.tickets.of_id(ticket.id)).responded_by == responded
    waiting = await world.tickets.wait(ticket.id, HELPER)
    assert (waiting.status, waiting.respond_by is None, waiting.resolve_by) == (TicketStatus.WAITING, False, None)
    await world.tickets.comment(ticket.id, HELPER, "Well?", author=Author.STAFF)
    assert (await world.tickets.of_id(ticket.id)).status is TicketStatus.WAITING
    for _again in range(2):
        await world.tickets.comment(ticket.id, ANNA, "Here", author=Author.REQUESTER, key="letter-1")
    back = await world.tickets.of_id(ticket.id)
    assert (back.status, [entry.text for entry in await world.journal(back)].count("Here")) == (TicketStatus.OPEN, 1)
    assert (await world.told("t")).count("comment") == 6


async def test_a_closed_ticket_comes_back_for_some_days(world: World) -> None:
    """Within the limit the same one, with what its clock had shown; later a new one that follows it."""
    ticket = await world.ask(thread_id="t", priority=Priority.CRITICAL)
    await world.pass_by(hours=1)
    await world.tickets.close(ticket.id, HELPER, "Done")
    assert await world.tickets.of_thread("t") is None
    await world.pass_by(days=13)
    again = await world.tickets.reopen(ticket.id, ANNA, "No")
    assert (again.id, again.status, again.reopened, again.resolved_at) == (ticket.id, TicketStatus.OPEN, 1, None)
    assert again.resolve_by == world.now + timedelta(hours=3)
    await world.tickets.close(ticket.id, HELPER)
    await world.pass_by(days=15)
    entry = await world.tickets.comment(ticket.id, ANNA, "Broken anew", author=Author.REQUESTER)
    new = await world.tickets.of_id(entry.ticket_id)
    assert (new.number, new.follows, new.requester, new.thread_id) == (2, ticket.id, ANNA, "t")
    assert (await world.tickets.of_id(ticket.id)).status is TicketStatus.CLOSED
    assert (await world.tickets.of_thread("t") or new).id == new.id
    with pytest.raises(Refused, match="not closed"):
        await world.tickets.reopen(new.id, ANNA)


async def test_merged_tickets_are_one(world: World) -> None:
    """Words and files follow, old names and threads point on, and what is said to the old one comes to the new."""
    first, second, third = [await world.ask(f"T{n}", thread_id=f"t{n}") for n in range(3)]
    await world.tickets.comment(first.id, ANNA, "More", author=Author.REQUESTER)
    await world.tickets.merge(first.id, second.id, HELPER)
    kept = await world.tickets.merge(second.id, third.id, HELPER)
    assert kept.id == third.id
    old = await world.tickets.of_id(first.id)
    assert (old.status, old.merged_into, old.look_at) == (TicketStatus.MERGED, third.id, None)
    for thread in ("t0", "t1", "t2"):
        found = await world.tickets.of_thread(thread)
        assert found is not None
        assert found.id == third.id
    entry = await world.tickets.comment(first.id, ANNA, "And more", author=Author.REQUESTER)
    assert entry.ticket_id == third.id
    words = [entry.text for entry in await world.journal(third)]
    assert {"T0", "T1", "More", "And more"} <= set(words)
    assert [ticket.number for ticket in await world.tickets.listed()] == [3]
    stranger = await world.ask(requester="account:other")
    for source, into in ((first, third), (third, third), (third, stranger), (third, first)):
        with pytest.raises(Refused):
            await world.tickets.merge(source.id, into.id, HELPER)


@pytest.mark.parametrize("over", ["resolve", "close", "merge"])
async def test_nobody_works_on_what_is_over(world: World, over: str) -> None:
    """It must be brought back first; a refusal changes nothing and tells nothing."""
    ticket, other = await world.ask(), await world.ask()
    work = world.tickets
    await (work.merge(ticket.id, other.id, HELPER) if over == "merge" else getattr(work, over)(ticket.id, HELPER))
    before = await work.of_id(ticket.id), await world.told()
    for refused in (
        work.change(ticket.id, HELPER, priority=Priority.LOW),
        work.wait(ticket.id, HELPER),
        work.resolve(ticket.id, HELPER),
        work.merge(other.id, ticket.id, HELPER),
    ):
        with pytest.raises(Refused):
            await refused
    assert (await work.of_id(ticket.id), await world.told()) == before


async def test_a_rating_is_given_once_by_its_requester(world: World) -> None:
    """After the end, by nobody else; a ticket that came back is not asked about twice."""
    ticket, work = await world.ask(), world.tickets
    with pytest.raises(Refused):
        await work.rate(ticket.id, ANNA, 5)
    await work.close(ticket.id, HELPER)
    with pytest.raises(NotFound):
        await work.rate(ticket.id, HELPER, 5)
    rated = await asyncio.gather(*(work.rate(ticket.id, ANNA, n) for n in (3, 4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in rated) == ["Refused", "Ticket"]
    await work.reopen(ticket.id, ANNA)
    await work.close(ticket.id, HELPER)
    asked = [event.data.get("asks") for event in await world.events.since("feed") if event.data["event"] == "closed"]
    assert asked == [True, False]


async def test_changes_at_once_are_made_one_after_the_other(world: World) -> None:
    """Twenty writers on one ticket, and two that merge in circles: nothing is lost and nobody waits for ever."""
    one, two = await world.ask(), await world.ask()
    words: list[Any] = [world.tickets.comment(one.id, HELPER, str(number), author=Author.STAFF) for number in range(20)]
    merges = [world.tickets.merge(one.id, two.id, HELPER), world.tickets.merge(two.id, one.id, HELPER)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*words, *merges, return_exceptions=True)
    assert [type(each) for each in results[20:]].count(Refused) == 1
    kept = next(each for each in results[20:] if isinstance(each, Ticket))
    said = {entry.text for entry in await world.journal(kept)}
    assert {str(number) for number in range(20)} <= said


async def test_what_the_staff_says_in_public_is_said_in_the_conversation(world: World) -> None:
    """Whoever asked in a chat or by letter is told there, once; what is internal, and tickets without one, stay put."""
    ticket, lonely = await world.ask(thread_id="talk"), await world.ask()
    for key in ("one", "one"):
        await world.tickets.comment(ticket.id, HELPER, "Try again now", author=Author.STAFF, key=key)
    await world.tickets.comment(ticket.id, HELPER, "They never restart it", author=Author.STAFF, public=False)
    await world.tickets.comment(lonely.id, HELPER, "Try again now", author=Author.STAFF)
    said = [event.data for event in await world.events.since("talk", kinds=(EventType.MESSAGE,))]
    assert [(each["text"], each["by"], each["ticket"]) for each in said] == [("Try again now", HELPER, ticket.id)]
    feed = [event.data for event in await world.events.since("feed") if "reply" in event.data]
    assert [(event["thread"], event["reply"]) for event in feed] == [("talk", said[0]["reply"])]
