"""What a linked person can ask of the bot, and what a stranger learns."""

import asyncio

import pytest

from lab.telegram.people import Somebody
from naryad.accounts.links import Links
from naryad.auth import Role
from naryad.db.models.incident import Incident
from tests.bot.conftest import ANNA, BORIS, Office


async def test_a_code_links_and_the_menu_is_there(office: Office) -> None:
    """The person writes /start with the code from their page; Telegram has the menu in both languages."""
    account = await office.account(Role.OPERATOR)
    anna = Somebody(office.world, ANNA)
    anna.write(f"/start {await Links(office.crew.runtime.database).code(account.id)}")
    heard = await anna.hears("You are linked to the account")
    assert account.email in heard["text"]
    assert set(office.world.commands) == {"", "ru", "en"}
    assert {"pending", "approve", "status"} <= {one["command"] for one in office.world.commands["ru"]}


@pytest.mark.parametrize(
    "words",
    ["/start", "/start WRONGCODE1", "/help", "/status", "/pending", "/approve x", "/incidents", "/new ops", "hello"],
)
async def test_strangers_learn_nothing(office: Office, words: str) -> None:
    """Whatever they send: how a link is made, or that the code is wrong; no command, no agent, no number."""
    await office.asked("secret")
    stranger = Somebody(office.world, BORIS, language="en")
    stranger.write(words)
    heard = await stranger.hears("code")
    assert "secret" not in heard["text"]
    assert "ops" not in heard["text"]
    assert "/status" not in heard["text"]
    await office.quiet()
    assert len(stranger.sees) == 1


async def test_an_operator_approves_by_two_taps(office: Office) -> None:
    """The card shows what will run; a destructive call is asked twice; the card says who decided."""
    anna = await office.known(ANNA)
    asked = await office.asked("boom")
    anna.write("/pending")
    card = await anna.hears("Fire boom?")
    assert asked.args_sha256[:8] in card["text"]
    assert "what: boom" in card["text"]
    await anna.answered(anna.tap(card, "✅ Approve"))
    sure = await anna.hears("Sure?")
    assert (sure["message_id"], office.effects) == (card["message_id"], [])
    anna.tap(sure, f"✅ Yes, do it: {asked.args_sha256[:8]}")
    assert [line.split()[1:] for line in await office.settled()] == [["fire", "boom"]]
    done = await anna.hears("approve: ")
    assert "reply_markup" not in done


async def test_back_and_reject(office: Office) -> None:
    """One can think again; a no changes nothing."""
    anna = await office.known(ANNA)
    asked = await office.asked("boom")
    anna.write("/pending")
    anna.tap(await anna.hears("Fire boom?"), "✅ Approve")
    anna.tap(await anna.hears("Sure?"), "↩ Back")
    async with asyncio.timeout(90):
        while "Sure?" in anna.sees[-1]["text"]:
            await office.world.changed.wait()
    anna.tap(anna.sees[-1], "⛔ Reject")
    await anna.hears("reject: ")
    assert (await office.crew.gate.approvals.get(asked.id)).status == "rejected"
    assert office.effects == []


async def test_commands_decide_with_words(office: Office) -> None:
    """/reject takes a reason; /approve of what cannot be undone needs the digest that was read."""
    anna = await office.known(ANNA)
    first, second = await office.asked("one"), await office.asked("two")
    anna.write(f"/reject {first.id[-8:]} not <b>now</b> & here")
    assert "not <b>now</b> & here" in (await anna.hears("reject: "))["text"]
    anna.write(f"/approve {second.id[-8:]}")
    await anna.hears("Sure?")
    assert office.effects == []
    anna.write(f"/approve {second.id[-8:]} {second.args_sha256[:8]} go on")
    assert len(await office.settled()) == 1
    (decision,) = await office.crew.gate.approvals.decisions(second.id)
    assert decision.reason == "go on"


async def test_status_and_incidents(office: Office) -> None:
    """An operator sees the company; a title from outside stays plain text."""
    anna = await office.known(ANNA)
    title = "<b>disk</b> *full* [x](http://evil) " + "y" * 300
    incident = Incident(thread_id="t1", fingerprint="f", title=title, service="web", severity="critical")
    async with office.crew.runtime.database.write() as session:
        session.add(incident)
    anna.write("/status")
    assert "Incidents that are not over: 1" in (await anna.hears("Naryad works."))["text"]
    anna.write("/incidents")
    assert incident.id[-8:] in (await anna.hears("<b>disk</b> *full*"))["text"]
    anna.write(f"/incidents {incident.id[-8:]}")
    shown = await anna.hears("Service web, severity critical")
    assert title in shown["text"]
    assert {entity["type"] for entity in shown["entities"]} == {"bold", "code"}


async def test_an_ordinary_user_sees_no_operations(office: Office) -> None:
    """Neither questions nor incidents nor integrations, and of the agents only the one that helps people."""
    boris = await office.known(BORIS, Role.USER)
    asked = await office.asked("secret")
    boris.write("/pending")
    await boris.hears("Nothing waits")
    boris.write("/status")
    await boris.hears("Questions that wait: 0")
    boris.write(f"/approve {asked.id[-8:]}")
    await boris.hears("There is no single approval")
    boris.write("/incidents")
    await boris.hears("I do not know this command")
    boris.write("/new ops")
    await boris.hears("You may talk to these agents: support")
    assert not any("secret" in text or "sqlite" in text for text in office.world.texts([BORIS]))


async def test_the_language_is_the_persons(office: Office) -> None:
    """It is kept with the account."""
    anna = await office.known(ANNA)
    anna.write("/lang de")
    await anna.hears("/lang ru")
    anna.write("/lang ru")
    async with asyncio.timeout(90):
        while (found := await Links(office.crew.runtime.database).of(ANNA)) is None or found.lang != "ru":
            await asyncio.sleep(0.02)


async def test_unlinking_is_immediate(office: Office) -> None:
    """The next word is a stranger's."""
    anna = await office.known(ANNA)
    anna.write("/unlink")
    await anna.hears("no longer linked")
    anna.write("/pending")
    await anna.hears("Я вас не знаю")


async def test_the_whole_of_a_long_question_can_be_read(office: Office) -> None:
    """What is cut on the card comes in as many messages as it takes."""
    anna = await office.known(ANNA)
    what = "😀" * 3000 + "END"
    await office.asked(what)
    anna.write("/pending")
    card = await anna.hears("Tool counter_fire")
    assert "END" not in card["text"]
    anna.tap(card, "📄")
    await anna.hears("END")
    assert office.effects == []


async def test_telegram_learns_no_secret(office: Office) -> None:
    """A question, what it would do and its arguments pass through somebody else's servers; the whole of it too."""
    anna = await office.known(ANNA)
    await office.asked("password=hunter22 " + "😀" * 3000 + "END")
    anna.write("/pending")
    anna.tap(await anna.hears("Fire password=•••"), "📄")
    await anna.hears("END")
    assert not [heard for heard in anna.sees if "hunter22" in heard["text"]]


async def test_what_is_not_text_is_not_understood(office: Office) -> None:
    """A picture, an unknown command, a service that there is not."""
    anna = await office.known(ANNA)
    office.world.update(
        "message", **{**anna.write("/wat"), "message_id": 999, "text": None, "dice": {"emoji": "🎲", "value": 1}}
    )
    await anna.hears("I do not know this command")
    await anna.hears("I read only text.")
    anna.write("/analyze nowhere")
    await anna.hears("Name one of the services")
    anna.write("/cancel")
    await anna.hears("Nothing runs.")


async def test_a_flood_of_strangers_keeps_nobody_waiting(office: Office) -> None:
    """Strangers get one answer in a while; a person's word passes them."""
    anna = await office.known(ANNA)
    strangers = [Somebody(office.world, 7_000_000_000 + number) for number in range(20)]
    for _n in range(10):
        for stranger in strangers:
            stranger.write("/start WRONGCODE1")
    anna.write("/pending")
    await anna.hears("Nothing waits")
    await office.quiet()
    assert all(len(stranger.sees) <= 5 for stranger in strangers)
