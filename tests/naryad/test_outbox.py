"""The outbox: each key once, in order, again after a failure, never given up by accident."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.session import Database
from naryad.errors import NaryadError, NotFound, Refused
from naryad.outbox import ERASED, Outbox, Patience, RetryLater, Undeliverable

HASTY = Patience(attempts=3, first=timedelta(milliseconds=1), timeout=timedelta(seconds=20))


class Recorder:
    """Records what it is given; `answer` may fail."""

    def __init__(self, answer: Callable[[int, Mapping[str, Any]], str | None] = lambda n, payload: f"m{n}") -> None:
        self.sent: list[tuple[str, Any, str | None]] = []
        self.answer = answer
        self.at_once = self.most_at_once = 0

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str | None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        self.sent.append((target, payload.get("n", payload), previous))
        return self.answer(len(self.sent), payload)


@asynccontextmanager
async def working(outbox: Outbox, **senders: Any) -> AsyncIterator[None]:
    """The outbox at work."""
    task = asyncio.create_task(outbox.run(senders))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(outbox: Outbox, status: DeliveryStatus, count: int) -> list[Delivery]:
    """Wait until so many messages have a status; the oldest first."""
    async with asyncio.timeout(60):
        while len(found := await outbox.listed(status)) < count:
            await asyncio.sleep(0.02)
    return list(reversed(found))


async def test_a_key_is_put_once(database: Database) -> None:
    """Whoever puts the same key again, in any process, is told that it is there; one message goes out."""
    outbox, mail = Outbox(database), Recorder()
    puts = await asyncio.gather(*(Outbox(database).put("mail", "a", {"n": n}, key="same") for n in range(4)))
    assert sorted(puts) == [False, False, False, True]
    async with working(outbox, mail=mail):
        await until(outbox, DeliveryStatus.SENT, 1)
    assert len(mail.sent) == 1


async def test_a_message_belongs_to_the_caller_s_transaction(database: Database) -> None:
    """What is rolled back is not sent, and its key is free again."""
    outbox = Outbox(database)

    async def broken() -> None:
        async with database.write() as session:
            assert await outbox.put("mail", "a", {}, key="k", session=session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await outbox.counts() == {}
    async with database.write() as session:
        assert await outbox.put("mail", "a", {}, key="k", session=session)
    assert await outbox.counts() == {("mail", DeliveryStatus.PENDING): 1}


async def test_one_subject_keeps_its_order_and_knows_the_message_before(database: Database) -> None:
    """Messages on one subject go one by one, each with the last one's id; other subjects do not wait."""
    outbox, chat = Outbox(database), Recorder()
    for n in range(3):
        await outbox.put("chat", "7", {"n": n}, key=f"a{n}", subject="approval:1")
    await outbox.put("chat", "7", {"n": "other"}, key="b", subject="approval:2")
    async with working(outbox, chat=chat):
        await until(outbox, DeliveryStatus.SENT, 4)
    ids = {sent[1]: f"m{number}" for number, sent in enumerate(chat.sent, 1)}
    assert [sent for sent in chat.sent if sent[1] != "other"] == [("7", 0, None), ("7", 1, ids[0]), ("7", 2, ids[1])]
    assert ("7", "other", None) in chat.sent


async def test_a_failure_is_tried_again_and_holds_back_its_subject(database: Database) -> None:
    """The second message waits until the first got through."""

    def fail_twice(n: int, payload: Mapping[str, Any]) -> str | None:
        if n <= 2:
            raise NaryadError("refused: password=hunter22")
        return None

    outbox, mail = Outbox(database, HASTY), Recorder(fail_twice)
    await outbox.put("mail", "a", {"n": 1}, key="1", subject="s")
    await outbox.put("mail", "a", {"n": 2}, key="2", subject="s")
    async with working(outbox, mail=mail):
        rows = await until(outbox, DeliveryStatus.SENT, 2)
    assert [n for _target, n, _previous in mail.sent] == [1, 1, 1, 2]
    assert [(row.attempts, row.error) for row in rows] == [(3, ""), (1, "")]


@pytest.mark.parametrize(("error", "tries"), [(NaryadError, 3), (Undeliverable, 1), (RuntimeError, 3)])
async def test_what_cannot_be_sent_is_given_up_and_sent_when_a_person_says_so(
    database: Database, error: type[Exception], tries: int
) -> None:
    """A dead letter keeps its reason, masked where it holds a secret, and lets the next of its subject through."""
    broken = True

    def fail(n: int, payload: Mapping[str, Any]) -> str | None:
        if broken and payload["n"] == 1:
            raise error("no such box; token=abcdef123456")
        return None

    outbox, mail = Outbox(database, HASTY), Recorder(fail)
    await outbox.put("mail", "a", {"n": 1}, key="1")
    await outbox.put("mail", "a", {"n": 2}, key="2")
    async with working(outbox, mail=mail):
        (dead,) = await until(outbox, DeliveryStatus.DEAD, 1)
        await until(outbox, DeliveryStatus.SENT, 1)
        assert (dead.attempts, [n for _target, n, _previous in mail.sent].count(1)) == (tries, tries)
        assert dead.error
        assert "abcdef123456" not in dead.error
        broken = False
        await outbox.retry(dead.id)
        await until(outbox, DeliveryStatus.SENT, 2)
    assert mail.sent[-1][1] == 1
    with pytest.raises(Refused):
        await outbox.retry(dead.id)
    with pytest.raises(NotFound):
        await outbox.retry("nothing")


async def test_a_pause_holds_everything_to_one_target_and_nothing_else(database: Database) -> None:
    """«429, wait» for one chat stops its other subjects too; other chats go on; it is no failure."""

    def pause_once(n: int, payload: Mapping[str, Any]) -> str | None:
        if n == 1:
            raise RetryLater(3600)
        return None

    outbox, chat = Outbox(database, HASTY), Recorder(pause_once)
    await outbox.put("chat", "busy", {"n": 1}, key="1", subject="a")
    async with working(outbox, chat=chat):
        async with asyncio.timeout(60):
            while not (await outbox.listed(DeliveryStatus.PENDING))[0].held_until:
                await asyncio.sleep(0.02)
        await outbox.put("chat", "busy", {"n": 2}, key="2", subject="b")
        await outbox.put("chat", "free", {"n": 3}, key="3", subject="a")
        await until(outbox, DeliveryStatus.SENT, 1)
    assert [n for _target, n, _previous in chat.sent] == [1, 3]
    held = (await until(outbox, DeliveryStatus.PENDING, 2))[0]
    assert held.attempts == 0
    assert held.due_at > now() + timedelta(minutes=50)


async def test_a_pause_that_is_over_lets_everything_through(database: Database) -> None:
    """After the pause the message goes, and those behind it."""

    def pause_once(n: int, payload: Mapping[str, Any]) -> str | None:
        if n == 1:
            raise RetryLater(0.05)
        return None

    outbox, chat = Outbox(database), Recorder(pause_once)
    for n in range(3):
        await outbox.put("chat", "busy", {"n": n}, key=str(n), subject=str(n))
    async with working(outbox, chat=chat):
        await until(outbox, DeliveryStatus.SENT, 3)
    assert len(chat.sent) == 4


async def test_a_process_that_ends_writes_down_what_it_has_sent(database: Database) -> None:
    """Ended between the sending and the writing, it leaves nothing that the next one would send again."""
    gone, others = asyncio.Event(), list[asyncio.Future[None]]()

    class Prompt:
        async def send(self, _target: str, _payload: Mapping[str, Any], _previous: str | None) -> None:
            writing = (database.transact(lambda _: time.sleep(0.1)) for _ in range(16))  # so that it has to wait
            others.extend(asyncio.ensure_future(one) for one in writing)
            await asyncio.sleep(0)
            gone.set()

    outbox = Outbox(database)
    await outbox.put("mail", "a", {"n": 1}, key="1")
    async with working(outbox, mail=Prompt()):
        await gone.wait()
    await asyncio.gather(*others)
    assert [row.key for row in await outbox.listed(DeliveryStatus.SENT)] == ["1"]


async def test_secrets_are_gone_from_what_was_sent(database: Database) -> None:
    """The sender gets the code; the row does not keep it."""
    outbox, mail = Outbox(database), Recorder()
    await outbox.put("mail", "a", {"kind": "account.confirm", "code": "123456"}, key="1")
    async with working(outbox, mail=mail):
        (row,) = await until(outbox, DeliveryStatus.SENT, 1)
    assert mail.sent[0][1] == {"kind": "account.confirm", "code": "123456"}
    assert row.payload == {"kind": "account.confirm", "code": ERASED}


async def test_no_more_go_at_once_than_allowed(database: Database) -> None:
    """Parallelism is bounded, and used."""
    outbox, mail = Outbox(database, most=3), Recorder()
    for n in range(12):
        await outbox.put("mail", str(n), {"n": n}, key=str(n))
    async with working(outbox, mail=mail):
        await until(outbox, DeliveryStatus.SENT, 12)
    assert 1 < mail.most_at_once <= 3


async def test_what_is_not_due_and_what_has_no_sender_stays(database: Database) -> None:
    """A message waits for its moment, and for a process that has its channel."""
    outbox, mail = Outbox(database), Recorder()
    await outbox.put("mail", "a", {"n": "later"}, key="1", due=now() + timedelta(hours=1))
    await outbox.put("pigeon", "a", {"n": "pigeon"}, key="2")
    await outbox.put("mail", "b", {"n": "now"}, key="3")
    async with working(outbox, mail=mail):
        await until(outbox, DeliveryStatus.SENT, 1)
    assert [n for _target, n, _previous in mail.sent] == ["now"]
    assert await outbox.counts() == {("mail", "sent"): 1, ("mail", "pending"): 1, ("pigeon", "pending"): 1}
