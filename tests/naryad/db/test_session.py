"""Transactions: whole or not at all, in turn, and never left open."""

import asyncio
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from naryad.db.models.event import EventRow
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from tests.naryad.gate.cutting import Cut


async def add(database: Database, seq: int, **data: Any) -> None:
    async with database.write() as session:
        session.add(EventRow(thread_id="t", seq=seq, type="status", data=data))


async def stored(database: Database) -> list[EventRow]:
    async with database.read() as session:
        return list((await session.exec(select(EventRow).order_by(EventRow.seq))).all())  # type: ignore[arg-type]


async def test_an_error_undoes_the_transaction(database: Database) -> None:
    """What was written before an error inside a transaction is gone, and the connection is as good as before."""

    async def break_off() -> None:
        async with database.write() as session:
            session.add(EventRow(thread_id="t", seq=1, type="status"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    await add(database, 2)
    assert [row.seq for row in await stored(database)] == [2]


async def test_what_is_read_is_never_kept(database: Database) -> None:
    """Changes made in a reading session are dropped."""
    await add(database, 1, text="a")
    async with database.read() as session:
        row = await session.get(EventRow, ("t", 1))
        assert row
        row.data = {"text": "b"}
    assert (await stored(database))[0].data == {"text": "a"}


async def written(database: Database, k: int) -> None:
    """A transaction of many steps, through a session."""
    async with database.write() as session:
        if await session.get(Thread, f"t{k}") is None:
            session.add(Thread(id=f"t{k}", agent="a", principal="p"))
            await session.flush()
        session.add(QueuedInput(thread_id=f"t{k}", data={}))
        await EventLog(database).add(session, "t", EventType.STATUS, k=k)
        await session.exec(update(Thread).where(col(Thread.id) == f"t{k}").values(owner="x"))


async def transacted(database: Database, k: int) -> None:
    """The same in a thread."""

    def work(session: Session) -> None:
        session.add(Thread(id=f"t{k}", agent="a", principal="p", owner="x"))
        session.flush()
        session.add(QueuedInput(thread_id=f"t{k}", data={}))
        EventLog(database).put(session, "t", EventType.STATUS, k=k)

    await database.transact(work)


@pytest.mark.parametrize("way", [written, transacted])
async def test_a_transaction_cancelled_anywhere_leaves_no_lock(database: Database, way: Any) -> None:
    """Wherever it is cancelled it happened wholly or not at all, and the next one need not wait."""
    k = 0
    while True:
        k += 1
        cut = Cut(k)
        await cut.run(way(database, k))
        async with asyncio.timeout(5):
            await EventLog(database).append("other", EventType.STATUS, k=k)
        async with database.read() as session:
            thread = await session.get(Thread, f"t{k}")
            queued = (await session.exec(select(QueuedInput).where(QueuedInput.thread_id == f"t{k}"))).all()
        told = [event for event in await EventLog(database).since("t") if event.data == {"k": k}]
        assert (thread.owner if thread else None, len(queued), len(told)) in {("x", 1, 1), (None, 0, 0)}
        if not cut.reached:
            break
    assert thread
    assert k > 1
    assert len(await EventLog(database).since("other")) == k


async def test_writers_of_one_process_and_of_two_take_turns(url: str, database: Database) -> None:
    """A hundred events at once through two engines get a hundred numbers without a gap."""
    other = Database(url)
    logs = [EventLog(database), EventLog(other)]
    await asyncio.gather(*(logs[n % 2].append("t", EventType.STATUS, n=n) for n in range(100)))
    events = await logs[0].since("t")
    assert [event.seq for event in events] == list(range(1, 101))
    assert sorted(event.data["n"] for event in events) == list(range(100))
    await other.close()


async def test_transactions_that_lock_in_any_order_do_not_wait_for_each_other(database: Database) -> None:
    """Events of many threads, in transactions of several, end in time."""
    log = EventLog(database)

    async def both(first: str, second: str) -> None:
        async with database.write() as session:
            await database.serialize(session, "audit")
            await log.add(session, first, EventType.STATUS)
            await log.add(session, second, EventType.STATUS)

    async with asyncio.timeout(90):
        await asyncio.gather(*(both(*("ab" if n % 2 else "ba")) for n in range(40)))
    assert len(await log.since("a")) == len(await log.since("b")) == 40


async def test_the_database_keeps_its_own_rules(database: Database) -> None:
    """Foreign keys hold on SQLite too."""
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await (await session.connection()).execute(
                text("INSERT INTO queued_input (id, thread_id, data) VALUES ('x', 'nowhere', '{}')")
            )


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"a": [1, 2.5, None, True, "я"]}, {"a": [1, 2.5, None, True, "я"]}),
        ({"nul": "a\x00b", "key\x00": 1}, {"nul": "a\ufffdb", "key\ufffd": 1}),
        ({"lone": "\ud800"}, {"lone": "?"}),
        ({"nan": math.nan, "inf": -math.inf}, {"nan": "nan", "inf": "-inf"}),
        ({"big": 2**70, "small": -(2**63)}, {"big": str(2**70), "small": -(2**63)}),
        ({"tuple": (1, (2,))}, {"tuple": [1, [2]]}),
    ],
)
async def test_json_is_the_same_on_both_databases(database: Database, value: Any, read: Any) -> None:
    """What one database would refuse or bend is stored alike on both."""
    await add(database, 1, **value)
    assert (await stored(database))[0].data == read


async def test_moments_come_back_in_utc(database: Database) -> None:
    """A moment of any zone is the same moment, to the microsecond; one without a zone is refused."""
    moment = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=timezone(timedelta(hours=3)))
    async with database.write() as session:
        session.add(EventRow(thread_id="t", seq=1, type="status", at=moment))
    [row] = await stored(database)
    assert (row.at, row.at.utcoffset()) == (moment, timedelta())
    with pytest.raises(Exception, match="naive"):
        async with database.write() as session:
            session.add(EventRow(thread_id="t", seq=2, type="status", at=datetime(2026, 1, 1)))  # noqa: DTZ001


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_sqlite_survives_a_power_cut(database: Database, url: str) -> None:
    """A commit waits for the disk, unless the caller says that it need not."""
    for opened, level in ((database, 2), (Database(url, power_safe=False), 0)):
        async with opened.read() as session:
            connection = await session.connection()
            assert (await connection.execute(text("PRAGMA synchronous"))).scalar_one() == level
            assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        await opened.close()
