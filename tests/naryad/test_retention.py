"""What is forgotten, and what stays."""

from datetime import timedelta

import pytest
from sqlmodel import select

from naryad import retention
from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.gate import Seen
from naryad.db.models.output import Output
from naryad.db.session import Database
from naryad.events import EventLog, EventType

BEGIN = [EventType.INPUT, EventType.TOKEN, EventType.RESET, EventType.TOKEN, EventType.MESSAGE]


async def test_pieces_go_and_messages_stay(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day, in as many transactions as it takes; whoever follows goes on behind the gap."""
    monkeypatch.setattr(retention, "BATCH", 2)
    events = EventLog(database)
    for kind in BEGIN:
        await events.append("t", kind, text="x")
    assert await retention.prune(database, now()) == 0
    assert await retention.prune(database, now() + retention.PIECES_KEPT) == 3
    assert [(event.seq, event.type) for event in await events.since("t")] == [
        (1, EventType.INPUT),
        (5, EventType.MESSAGE),
    ]
    await events.append("t", EventType.RUN_FINISHED)
    assert [event.seq for event in await events.since("t", 3)] == [5, 6]


async def test_the_last_event_stays(database: Database) -> None:
    """Numbers go on from it: whoever saw it must not miss what comes next."""
    events = EventLog(database)
    for _ in range(2):
        await events.append("t", EventType.TOKEN, text="x")
    assert await retention.prune(database, now() + retention.PIECES_KEPT) == 1
    await events.append("t", EventType.MESSAGE)
    assert [event.seq for event in await events.since("t")] == [2, 3]


async def test_old_messages_go(database: Database) -> None:
    """Sent ones later than those that were given up; what waits stays, unless nothing takes it any more."""
    moment = now()
    ages = {
        DeliveryStatus.SENT: retention.SENT_KEPT,
        DeliveryStatus.DEAD: retention.GIVEN_UP_KEPT,
        DeliveryStatus.PENDING: retention.SENT_KEPT,
    }
    async with database.write() as session:
        for status, kept in ages.items():
            for name, age in (("old", kept + timedelta(seconds=1)), ("new", kept - timedelta(hours=1))):
                key, made = f"{status} {name}", moment - age
                session.add(Delivery(key=key, channel="email", target="x", status=status, created_at=made))
        due = moment - retention.UNTAKEN_KEPT - timedelta(seconds=1)
        session.add(Delivery(key="nobody takes it", channel="gone", target="x", due_at=due))
    assert await retention.prune(database, moment) == 3
    async with database.read() as session:
        left = {row.key for row in (await session.exec(select(Delivery))).all()}
    assert left == {"sent new", "dead new", "pending old", "pending new"}


async def test_old_outputs_go(database: Database) -> None:
    """After a month."""
    moment = now()
    async with database.write() as session:
        session.add(
            Output(id="old", thread_id="t", text="x", at=moment - retention.OUTPUTS_KEPT - timedelta(seconds=1))
        )
        session.add(Output(id="new", thread_id="t", text="x", at=moment))
    assert await retention.prune(database, moment) == 1
    async with database.read() as session:
        assert [row.id for row in (await session.exec(select(Output))).all()] == ["new"]


async def test_what_was_shown_is_forgotten_and_that_it_was_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its text and its values; a trail that vanished would let later values look trusted."""
    monkeypatch.setattr(retention, "BATCH", 2)
    old = now() - retention.OUTPUTS_KEPT - timedelta(seconds=1)
    async with database.write() as session:
        for call in ("a", "b", "c"):
            session.add(Seen(thread_id="t", call_id=call, tool="x", own=["13"], text="from mallory", at=old))
        session.add(Seen(thread_id="t", call_id="new", tool="x", own=["13"], text="from mallory"))
    assert [await retention.prune(database, now()) for _n in range(2)] == [3, 0]
    async with database.read() as session:
        rows = (await session.exec(select(Seen))).all()
    assert sorted((row.call_id, row.text, row.own) for row in rows) == [
        *((call, "…", []) for call in ("a", "b", "c")),
        ("new", "from mallory", ["13"]),
    ]
