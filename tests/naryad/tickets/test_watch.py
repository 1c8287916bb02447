"""What time brings to tickets: warnings and broken promises, once each, and the end of what was resolved."""

import asyncio
import sys
from collections import Counter
from datetime import timedelta

from naryad.db.models.ticket import Author, Priority, TicketStatus
from naryad.db.session import Database
from naryad.events import FEED, EventLog
from naryad.notify import notices
from naryad.settings import Settings
from naryad.tickets import watch
from naryad.tickets.tickets import Tickets
from tests.naryad.tickets.conftest import ANNA, HELPER, World


async def slas(world: World) -> list[str]:
    return [event.data["sla"] for event in await world.events.since(FEED) if "sla" in event.data]


async def test_people_are_warned_and_then_told_once(world: World) -> None:
    """Of the first response and of the resolution; the requester hears nothing of it."""
    ticket = await world.ask(priority=Priority.CRITICAL, thread_id="t")
    for minutes, told in (
        (3.9, []),
        (0.2, ["response.warned"]),
        (1, ["response.breached"]),
        (180, []),
        (8, ["resolution.warned"]),
        (50, ["resolution.breached"]),
        (600, []),
    ):
        before = await slas(world)
        await world.pass_by(minutes=minutes)
        assert (await slas(world))[len(before) :] == told, minutes
    assert await world.told("t") == ["created"]
    late = await world.tickets.of_id(ticket.id)
    assert (late.look_at, late.status) == (None, TicketStatus.NEW)
    quick = await world.ask(priority=Priority.CRITICAL)
    await world.tickets.comment(quick.id, HELPER, "Yes", author=Author.STAFF)
    await world.tickets.wait(quick.id, HELPER)
    before = await slas(world)
    await world.pass_by(days=5)
    assert await slas(world) == before


async def test_a_promise_broken_while_nobody_looked_is_noticed_at_the_next_change(world: World) -> None:
    """Also without the watch; raising the priority later breaks no promise that was kept."""
    late, kept = await world.ask(priority=Priority.CRITICAL), await world.ask(priority=Priority.LOW)
    world.now += timedelta(hours=2)
    for ticket in (late, kept):
        await world.tickets.comment(ticket.id, HELPER, "Hello", author=Author.STAFF)
    await world.tickets.change(kept.id, HELPER, priority=Priority.CRITICAL)
    await world.pass_by(minutes=1)
    late, kept = await world.tickets.of_id(late.id), await world.tickets.of_id(kept.id)
    assert (late.response_breached_at is None, kept.response_breached_at) == (False, None)


async def test_what_was_resolved_is_closed_some_days_later(world: World) -> None:
    """By nobody in particular, and its requester is asked; unless they come back before."""
    done, back = await world.ask(), await world.ask()
    for ticket in (done, back):
        await world.tickets.resolve(ticket.id, HELPER)
    await world.pass_by(days=2)
    await world.tickets.comment(back.id, ANNA, "It is back", author=Author.REQUESTER)
    await world.pass_by(days=2)
    done, back = await world.tickets.of_id(done.id), await world.tickets.of_id(back.id)
    assert (done.status, back.status, done.resolved_by) == (TicketStatus.CLOSED, TicketStatus.OPEN, HELPER)
    assert (await world.journal(done))[-1].by == "system:tickets"
    assert done.asked_at == world.now


async def test_a_late_ticket_is_a_notice(world: World) -> None:
    """Of the kind that routes ask for, with its number and urgency; other changes are none."""
    ticket = await world.ask(priority=Priority.CRITICAL)
    await world.tickets.change(ticket.id, HELPER, assignee=HELPER)
    await world.pass_by(minutes=6)
    told = await world.events.since(FEED)
    settings = Settings()
    found = [
        await world.database.look(lambda session, event=event: notices.of(session, event, settings))  # type: ignore[misc]
        for event in told
        if event.type in notices.TOLD
    ]
    [notice] = [each for each in found if each]
    assert (notice.kind, notice.event, notice.severity) == ("sla", "ticket.response.breached", "critical")
    assert notice.facts["id"] == "#1"


PROGRAM = """
import asyncio, sys
from datetime import datetime, timedelta
from naryad.clock import now
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.tickets import watch
from naryad.tickets.tickets import Tickets

async def work(url, name):
    database = Database(url)
    tickets = Tickets(database, EventLog(database))
    for number in range(20):
        await tickets.create(subject="", text=f"{name} {number}", requester="account:anna", by="account:anna")
        await tickets.create(subject="", text="shared", requester="account:anna", by="account:anna", key=f"k{number}")
    while await watch.sweep(tickets, now() + timedelta(days=60)):
        await asyncio.sleep(0)
    await database.close()

asyncio.run(work(*sys.argv[1:]))
"""


async def test_two_processes_make_and_watch_without_a_double(url: str) -> None:
    """Every number once and without a gap, one ticket a key, one event of each broken promise."""
    works = [await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, url, name) for name in "ab"]
    assert [await work.wait() for work in works] == [0, 0]
    database = Database(url)
    events = EventLog(database)
    tickets = Tickets(database, events)
    await watch.sweep(tickets, (await tickets.get("1")).created_at + timedelta(days=60))
    made = await tickets.listed(limit=100)
    assert sorted(ticket.number for ticket in made) == list(range(1, 61))
    told = Counter((event.data["ticket"], event.data["event"]) for event in await events.since(FEED))
    await database.close()
    kinds = Counter(event for _ticket, event in told)
    assert set(told.values()) == {1}
    assert kinds == {"created": 60, "response.breached": 60, "resolution.breached": 60}
