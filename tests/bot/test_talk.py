"""Conversations: an answer grows by edits, is withdrawn, split, told after a restart, and only to its owner."""

import asyncio
from typing import Any

import pytest

from bot.talks import Talks
from bot.wording import MOST, split
from lab.telegram.people import Somebody
from lab.telegram.server import Simulator
from naryad.accounts.links import Links
from naryad.clock import new_id
from naryad.db.models.telegram import TelegramTalk
from naryad.db.models.thread import QueuedInput, Thread
from naryad.events import EventLog, EventType
from naryad.settings import Settings
from tests.bot.conftest import ANNA, BORIS, Office, office_at


class Play:
    """A run whose events the test writes itself, followed by Anna."""

    def __init__(self, office: Office, anna: Somebody, thread: str) -> None:
        self.office, self.anna, self.thread = office, anna, thread

    @property
    def log(self) -> EventLog:
        return self.office.crew.runtime.events

    async def tell(self, kind: EventType, **data: Any) -> None:
        await self.log.append(self.thread, kind, **data)

    async def end(self) -> None:
        async with self.office.crew.runtime.database.write() as session:
            await session.delete(await session.get_one(QueuedInput, self.thread))
            await self.log.add(session, self.thread, EventType.RUN_FINISHED, outcome="done", input=self.thread)


async def play(office: Office, anna: Somebody) -> Play:
    """Make a thread of Anna's that waits in the queue; the office's driver is told nothing of it."""
    account = await Links(office.crew.runtime.database).of(anna.id)
    assert account is not None
    thread = new_id()
    talk = TelegramTalk(thread_id=thread, account_id=account.id, agent="ops", live=True)
    async with office.crew.runtime.database.write() as session:
        session.add(Thread(id=thread, agent="ops", principal=f"account:{account.id}", owner="test"))
        await session.flush()
        session.add(QueuedInput(id=thread, thread_id=thread, data={}))
        session.add(talk)
    office.channel.followers.start(talk)
    return Play(office, anna, thread)


async def test_an_answer_grows_and_stays(office: Office) -> None:
    """One message all the way: steps, words as they come, the answer in the end."""
    run = await play(office, await office.known(ANNA))
    before = len(run.anna.sees)
    await run.tell(EventType.TOOL_STARTED, tool="probe_http")
    shown = await run.anna.hears("→ probe_http")
    await run.tell(EventType.TOKEN, text="The shop ")
    await run.anna.hears("The shop")
    await run.tell(EventType.TOKEN, text="is well.")
    assert (await run.anna.hears("The shop is well."))["message_id"] == shown["message_id"]
    await run.tell(EventType.MESSAGE, text="All is <b>well</b>.")
    await run.end()
    done = await run.anna.hears("All is <b>well</b>.")
    assert done["text"] == "All is <b>well</b>."
    assert (done["message_id"], len(run.anna.sees)) == (shown["message_id"], before + 1)


async def test_what_was_withdrawn_is_gone(office: Office) -> None:
    """A reset takes the words back, also those that had filled further messages."""
    run = await play(office, await office.known(ANNA))
    before = len(run.anna.sees)
    await run.tell(EventType.TOKEN, text="wrong " * 2_000)
    await run.anna.hears("wrong")
    async with asyncio.timeout(90):
        while len(run.anna.sees) < before + 3:
            await office.world.changed.wait()
    await run.tell(EventType.RESET)
    await run.tell(EventType.TOKEN, text="right")
    async with asyncio.timeout(90):
        while [one["text"] for one in run.anna.sees[before:]] != ["right"]:
            await office.world.changed.wait()
    await run.end()


async def test_a_long_answer_is_split(office: Office) -> None:
    """Nothing of it is lost, and no message is longer than Telegram takes."""
    run = await play(office, await office.known(ANNA))
    before = len(run.anna.sees)
    text = "\n".join(f"{number} 😀 line of the answer" for number in range(600))
    await run.tell(EventType.MESSAGE, text=text)
    await run.end()
    await run.anna.hears("599 😀")
    assert "\n".join(one["text"] for one in run.anna.sees[before:]) == text


@pytest.mark.parametrize("text", ["", " ", "a", "a" * 10_000, "😀" * 5_000, "\n" * 5_000 + "x", "line\n" * 3_000])
def test_pieces_fit(text: str) -> None:
    """Every piece is short enough and says something; together they are the text."""
    pieces = split(text)
    assert all(0 < len(piece.encode("utf-16-le")) // 2 <= MOST and piece.strip() for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


async def test_edits_are_few_and_pauses_are_kept(office: Office) -> None:
    """A burst of tokens is a few edits; where Telegram wants a pause, nothing is lost."""
    run = await play(office, await office.known(ANNA))
    await run.tell(EventType.TOKEN, text="0")
    await run.anna.hears("0")
    office.world.fail("editMessageText", 429, "Too Many Requests: retry after 1", retry_after=1)
    edits = len(office.world.called("editMessageText"))
    for number in range(1, 60):
        await run.tell(EventType.TOKEN, text=f" {number}")
    await run.tell(EventType.MESSAGE, text="Counted.")
    await run.end()
    await run.anna.hears("Counted.")
    assert len(office.world.called("editMessageText")) - edits < 20


async def test_an_answer_comes_after_a_restart(settings: Settings, api: Simulator) -> None:
    """Into the message that was begun, and what was told stays told once."""
    async with office_at(settings, api.world) as office:
        run = await play(office, await office.known(ANNA))
        await run.tell(EventType.MESSAGE, text="First.")
        await run.anna.hears("First.")
        await run.tell(EventType.TOKEN, text="Sec")
        begun = await run.anna.hears("Sec")
        async with asyncio.timeout(90):
            while not any(talk.shown for talk in await Talks(office.crew.runtime.database).live()):
                await asyncio.sleep(0.02)
    async with office_at(settings, api.world) as office:
        run.office = office
        await run.tell(EventType.TOKEN, text="ond")
        await run.tell(EventType.MESSAGE, text="Second.")
        await run.end()
        assert (await run.anna.hears("Second."))["message_id"] == begun["message_id"]
        assert [one["text"] for one in run.anna.sees][-2:] == ["First.", "Second."]


async def test_who_was_unlinked_hears_no_more(office: Office) -> None:
    """The rest of the answer stays in the house."""
    run = await play(office, await office.known(ANNA))
    await run.tell(EventType.TOKEN, text="for you")
    await run.anna.hears("for you")
    links = Links(office.crew.runtime.database)
    account = await links.of(ANNA)
    assert account is not None
    await links.unlink(account.id)
    await run.tell(EventType.MESSAGE, text="secret")
    async with asyncio.timeout(90):
        while office.channel.followers.busy:
            await asyncio.sleep(0.02)
    assert "secret" not in office.world.texts()


async def test_words_reach_the_agent_and_their_run_is_shown(office: Office) -> None:
    """Through the real queue: the call waits for a decision, is approved by a tap, and the run goes on."""
    anna, boris = await office.known(ANNA), await office.known(BORIS)
    anna.write('[["counter_fire", {"what": "boom"}]]')
    await anna.hears("Waiting for a decision: Fire boom?")
    (asked,) = await office.crew.gate.approvals.listed()
    account = await Links(office.crew.runtime.database).of(ANNA)
    assert account is not None
    assert asked.principal == f"account:{account.id}"
    anna.write("and what now?")
    await anna.hears("your words come after it")
    anna.write(f"/approve {asked.id} {asked.args_sha256[:8]}")
    assert len(await office.settled()) == 1
    await anna.hears("Decision: approved")
    assert not any("Fire" in text for text in office.world.texts([BORIS]))
    assert len(boris.sees) == 1


async def test_cancel_ends_the_run(office: Office) -> None:
    """The question is withdrawn with it; a new conversation is another thread."""
    anna = await office.known(ANNA)
    anna.write('[["counter_fire", {"what": "boom"}]]')
    await anna.hears("Waiting for a decision: Fire boom?")
    anna.write("/cancel")
    await anna.hears("Cancelled.")
    async with asyncio.timeout(90):
        while await office.crew.gate.approvals.listed():
            await asyncio.sleep(0.02)
    anna.write("/new")
    await anna.hears("A new conversation with ops")
    anna.write("/new sales")
    await anna.hears("You may talk to these agents: ops")
    assert office.effects == []


async def test_a_blocked_bot_gives_up_quietly(office: Office) -> None:
    """One person who blocked it keeps nobody else from their answers."""
    run = await play(office, await office.known(ANNA))
    run.anna.block()
    await run.tell(EventType.MESSAGE, text="x")
    boris = await office.known(BORIS)
    boris.write("/pending")
    await boris.hears("Nothing waits")
    assert not office.bot.done()
