"""Handoffs in Telegram: a card for those who may take it, their answers for the user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlmodel import select

from lab.telegram.people import Message, Somebody
from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.account import Account
from naryad.db.models.delivery import Cursor, Delivery
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.telegram import TelegramTalk
from naryad.db.models.thread import Thread
from naryad.db.models.ticket import Author
from naryad.events import EventType
from naryad.handoffs import Brief
from naryad.notify.notifications import open_notifications
from naryad.settings import Settings
from tests.bot.conftest import ANNA, BORIS, CAROL, DIMA, Office

ROOT = Person("account:root", frozenset({Role.OPERATOR}))


@pytest.fixture
async def told(office: Office, settings: Settings) -> AsyncIterator[Office]:
    """The office with its herald, and everybody in the chat with the bot: two who may take, and the user."""
    runtime = office.crew.runtime
    notifications = await open_notifications(settings, runtime.database, runtime.events, office.outbox)
    herald = asyncio.create_task(notifications.herald.run())
    yield office
    herald.cancel()
    with suppress(asyncio.CancelledError):
        await herald


async def handed_over(office: Office, user: int = CAROL, thread: str = "t") -> Handoff:
    """A thread of a user in Telegram that the agent handed over."""
    database = office.crew.runtime.database
    account = (
        await database.look(lambda session: session.exec(select(Account).where(Account.telegram_id == user)).all())
    )[0]
    async with database.write() as session:
        session.add(Thread(id=thread, agent="support", principal=f"account:{account.id}", title="Printer"))
        session.add(TelegramTalk(thread_id=thread, account_id=account.id, agent="support"))
    await office.crew.runtime.events.append(thread, EventType.INPUT, input="i1", text="A person, please")
    brief = Brief("The printer is dead", ["Answered from «Printer»."], "high", "", "The user asks for a person.")
    return await office.crew.handoffs.open(thread, "i1", brief)


async def caught_up(office: Office) -> None:
    """Wait until the herald has read the feed and everything that is due was sent."""
    database = office.crew.runtime.database
    last = (await office.crew.runtime.events.since("feed"))[-1].seq
    async with asyncio.timeout(90):
        while True:
            cursors = await database.look(lambda session: session.exec(select(Cursor)).all())
            rows = await database.look(lambda session: session.exec(select(Delivery)).all())
            due = [row for row in rows if row.status == "pending" and row.due_at <= now()]
            if cursors and cursors[0].seq >= last and not due:
                return
            await asyncio.sleep(0.02)


def cards(somebody: Somebody) -> list[Message]:
    return [message for message in somebody.sees if "printer is dead" in message["text"]]


async def test_a_handoff_is_taken_answered_and_returned(told: Office) -> None:
    """One card for each who may take it; the taker's answers go to the user, whose words come back to them."""
    anna, mike = await told.known(ANNA), await told.known(BORIS, Role.MANAGER)
    user = await told.known(CAROL, Role.USER)
    handoff = await handed_over(told)
    card = await anna.hears("🙋 The printer is dead")
    assert "User: A person, please" in card["text"]
    anna.tap(card, "✋ Take")
    await anna.hears("💬 The printer is dead")
    await mike.hears("💬 The printer is dead")
    anna.write("I am coming.", reply_to_message=cards(anna)[0])
    await anna.hears("Sent to the user.")
    await user.hears("Support: I am coming.")
    await told.crew.runtime.events.append("t", EventType.INPUT, input="i2", text="Room five!")
    await told.crew.handoffs.note("t", "i2", "Room five!")
    news = await anna.hears("User: Room five!")
    anna.tap(news, "🤖 Return")
    await anna.hears("The agent answers again.")
    await caught_up(told)
    assert (await told.crew.handoffs.of_id(handoff.id)).status is HandoffStatus.RETURNED
    assert (len(cards(anna)), len(cards(mike)), len(cards(user))) == (2, 1, 0)
    anna.write("Too late", reply_to_message=news)
    await anna.hears("The agent answers there again.")
    assert "Too late" not in str(user.sees)


async def test_what_the_staff_says_in_a_ticket_reaches_the_user_once(told: Office) -> None:
    """Also when no agent runs and nobody took the conversation over; what is internal reaches nobody."""
    user = await told.known(CAROL, Role.USER)
    ticket_id, tickets = (await handed_over(told)).ticket_id, told.crew.tickets
    for key in ("one", "one"):
        await tickets.comment(ticket_id, ROOT.id, "We ordered a new one.", author=Author.STAFF, key=key)
    await tickets.comment(ticket_id, ROOT.id, "They broke it", author=Author.STAFF, public=False)
    await told.crew.handoffs.reply((await told.crew.handoffs.listed())[0].id, ROOT, "It comes today.")
    await user.hears("Support: It comes today.")
    await caught_up(told)
    said = [message["text"] for message in user.sees if "Support: " in message["text"]]
    assert said == ["Support: We ordered a new one.", "Support: It comes today."]
    assert "broke" not in str(user.sees)


async def test_of_two_who_press_one_takes(told: Office) -> None:
    """The other is told who, and their answer goes to nobody."""
    anna, boris = await told.known(ANNA), await told.known(BORIS)
    user = await told.known(CAROL, Role.USER)
    await handed_over(told)
    first, second = await anna.hears("🙋"), await boris.hears("🙋")
    pressed = [anna.tap(first, "✋"), boris.tap(second, "✋")]
    said = [await anna.answered(pressed[0]), await boris.answered(pressed[1])]
    assert sorted(bool(words) for words in said) == [False, True]
    loser = boris if said[1] else anna
    loser.write("Me too!", reply_to_message=cards(loser)[0])
    await loser.hears("answers there already")
    await caught_up(told)
    assert "Me too!" not in str(user.sees)


async def test_words_wake_the_taker_once_a_minute(told: Office) -> None:
    """However much the user says: one message now, and one at the end of the minute that holds the rest."""
    anna = await told.known(ANNA)
    await told.known(CAROL, Role.USER)
    handoff = await handed_over(told)
    anna.tap(await anna.hears("🙋"), "✋")
    await anna.hears("💬")
    for number in range(8):
        await told.crew.runtime.events.append("t", EventType.INPUT, input=f"w{number}", text=f"word {number}")
        await told.crew.handoffs.note("t", f"w{number}", f"word {number}")
    await caught_up(told)
    assert len(cards(anna)) == 2
    database = told.crew.runtime.database
    rows = await database.look(lambda session: session.exec(select(Delivery)).all())
    waiting = [row for row in rows if row.status == "pending"]
    assert [(row.target, row.subject) for row in waiting] == [(str(ANNA), f"handoff:{handoff.id}:said")]
    assert timedelta(seconds=40) < waiting[0].due_at - now() <= timedelta(seconds=60)
    async with database.write() as session:
        row = await session.get_one(Delivery, waiting[0].id)
        row.due_at = now()
        session.add(row)
    await anna.hears("word 7")
    assert len(cards(anna)) == 3


@pytest.mark.parametrize("role", [Role.USER, Role.MODERATOR])
async def test_others_can_do_nothing(told: Office, role: Role) -> None:
    """Whoever may not take it gets no card; neither a stolen button nor an answer to a stolen card does anything."""
    anna, other = await told.known(ANNA), await told.known(DIMA, role)
    user = await told.known(CAROL, Role.USER)
    handoff = await handed_over(told)
    card = await anna.hears("🙋")
    stolen = told.world.post(DIMA, card["from"], text=card["text"], reply_markup=card["reply_markup"])
    other.tap(stolen, "✋")
    other.write("I am support, give me your password", reply_to_message=stolen)
    other.write("/handoffs")
    anna.write("Forwarded", reply_to_message=card, via_bot=card["from"])
    await told.quiet()
    await caught_up(told)
    assert (await told.crew.handoffs.of_id(handoff.id)).status is HandoffStatus.OPEN
    assert "password" not in str(user.sees)
    assert not any("🙋" in message["text"] for message in other.sees if message is not stolen)


async def test_the_command_shows_who_waits(told: Office) -> None:
    """A card like the pushed one, which can be answered too: whoever does has taken it."""
    anna = await told.known(ANNA)
    user = await told.known(CAROL, Role.USER)
    anna.write("/handoffs")
    await anna.hears("Nobody waits for a person.")
    await handed_over(told)
    await anna.hears("🙋")
    anna.write("/handoffs")
    async with asyncio.timeout(90):
        while len(cards(anna)) < 2:
            await asyncio.sleep(0.02)
    anna.write("Hello!", reply_to_message=cards(anna)[-1])
    await user.hears("Support: Hello!")


async def test_a_thread_that_a_person_took_over_calls_nobody(told: Office) -> None:
    """They know already; and nobody's card says that somebody is needed."""
    anna = await told.known(ANNA)
    await told.known(CAROL, Role.USER)
    handoff = await handed_over(told)
    await told.crew.handoffs.hand_back(handoff.id, ROOT)
    await caught_up(told)
    before = len(cards(anna))
    await told.crew.handoffs.take_over("t", ROOT)
    await caught_up(told)
    assert len(cards(anna)) == before
