"""Following threads: each event once and in order, for any number of followers, from this process and from others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from naryad import tails
from naryad.db.session import Database
from naryad.events import FEED, EventLog, EventType
from naryad.tails import Waker


@pytest.fixture
def events(database: Database) -> EventLog:
    return EventLog(database)


@pytest.fixture
async def elsewhere(url: str) -> AsyncIterator[EventLog]:
    """The log of another process."""
    other = Database(url)
    yield EventLog(other)
    await other.close()


async def collect(events: EventLog, count: int, thread: str = "t", seq: int = 0) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(60), aclosing(events.follow(thread, seq)) as following:
        async for event in following:
            found.append(event.seq)
            if len(found) == count:
                break
    return found


async def test_everybody_gets_everything_once(
    events: EventLog, elsewhere: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Followers that begin at different places and times, while two processes write more than a page."""
    monkeypatch.setattr(tails, "PAGE", 7)
    monkeypatch.setattr(EventLog, "POLL_S", 0.05)
    for _ in range(20):
        await events.append("t", EventType.STATUS, text="before")
    early = [asyncio.create_task(collect(events, 60 - seq, seq=seq)) for seq in (0, 5, 20, 20)]
    for n in range(40):
        await (elsewhere if n % 3 else events).append("t", EventType.STATUS, text=str(n))
        if n == 20:
            early.append(asyncio.create_task(collect(events, 50, seq=10)))
    begins = (0, 5, 20, 20, 10)
    for begin, found in zip(begins, await asyncio.gather(*early), strict=True):
        assert found == list(range(begin + 1, 61))


async def test_idle_followers_cost_one_question(
    events: EventLog, elsewhere: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand threads are watched by one statement a look; what another process writes to one is told there."""
    monkeypatch.setattr(EventLog, "POLL_S", 0.05)
    read, looked = [], []
    since, newer = events._tails._read, events._tails._changed

    async def counted_read(thread: str, seq: int, most: int) -> list[object]:
        read.append(thread)
        return await since(thread, seq, most)  # type: ignore[return-value]

    async def counted_look(seen: object) -> object:
        looked.append(seen)
        return await newer(seen)  # type: ignore[arg-type]

    monkeypatch.setattr(events._tails, "_read", counted_read)
    monkeypatch.setattr(events._tails, "_changed", counted_look)
    tasks = [asyncio.create_task(collect(events, 1, f"t{n}")) for n in range(1000)]
    while len(looked) < 5:
        await asyncio.sleep(0.05)
    assert len(read) == 1000
    await elsewhere.append("t7", EventType.STATUS, text="x")
    assert await tasks[7] == [1]
    assert len(read) <= 1002
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert events._tails._tails == {}


async def test_a_closed_waker_ends_its_follower(events: EventLog) -> None:
    """At once, also while nothing happens; what was forgotten ends for all."""
    waker = Waker()
    following = asyncio.create_task(_all(events, waker))
    other = asyncio.create_task(_all(events, Waker()))
    await events.append("t", EventType.STATUS, text="x")
    await asyncio.sleep(0.1)
    waker.close()
    assert await asyncio.wait_for(following, 60) == [1]
    events.forget("t")
    assert await asyncio.wait_for(other, 60) == [1]


async def _all(events: EventLog, waker: Waker) -> list[int]:
    return [event.seq async for event in events.follow("t", 0, waker)]


async def test_the_feed_is_a_copy(events: EventLog) -> None:
    """Of what concerns the company, with the thread where it happened; tokens do not wake it."""
    feed = asyncio.create_task(collect(events, 1, FEED))
    await events.append("t", EventType.TOKEN, text="x")
    await events.append("t", EventType.INCIDENT_CREATED, incident="i")
    assert await feed == [1]
    [event] = await events.since(FEED)
    assert (event.data["thread"], event.data["incident"]) == ("t", "i")
