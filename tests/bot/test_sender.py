"""What is pushed: questions and incidents in one message each, edited as they change, for those who may see them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lab.telegram.people import Message, Somebody
from lab.telegram.server import TOKEN, Simulator
from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.gate import Approval
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.gate.approvals import Verdict
from naryad.settings import Settings
from tests.bot.conftest import ANNA, BORIS, Office


async def _push(office: Office, kind: str, one: Approval | Incident, target: int = ANNA, n: int = 1) -> None:
    payload: dict[str, Any] = {"kind": f"{kind}.requested", kind: one.id, "lang": "en"}
    await office.outbox.put("telegram", str(target), payload, key=f"{one.id}:{target}:{n}", subject=f"{kind}:{one.id}")


async def _sent(office: Office, status: DeliveryStatus, number: int = 1) -> list[Delivery]:
    async with asyncio.timeout(90):
        while len(found := await office.outbox.listed(status)) < number:
            await asyncio.sleep(0.02)
    return list(found)


async def _card(anna: Somebody, text: str) -> Message:
    return await anna.hears(text)


async def test_a_question_is_pushed_and_edited_when_it_is_decided(office: Office) -> None:
    """One message: with buttons, then with the decision that was made elsewhere, without them."""
    anna = await office.known(ANNA)
    asked = await office.asked("boom")
    await _push(office, "approval", asked)
    card = await _card(anna, "Fire boom?")
    assert "reply_markup" in card
    operator = Person("local:root", frozenset({Role.OPERATOR}))
    await office.crew.gate.approvals.decide(asked.id, operator, Verdict.REJECT, "not now")
    await _push(office, "approval", asked, n=2)
    done = await _card(anna, "not now")
    assert (done["message_id"], "reply_markup" in done) == (card["message_id"], False)
    await _push(office, "approval", asked, n=3)
    assert {row.external_id for row in await _sent(office, DeliveryStatus.SENT, 3)} == {str(card["message_id"])}
    assert len(anna.sees) == 2


async def test_a_pushed_question_can_be_decided(office: Office) -> None:
    """By its own buttons."""
    anna = await office.known(ANNA)
    await _push(office, "approval", await office.asked("boom"))
    anna.tap(await _card(anna, "Fire boom?"), "✅ Approve")
    anna.tap(await anna.hears("Sure?"), "✅ Yes")
    assert len(await office.settled()) == 1


async def test_an_incident_is_kept_up_to_date(office: Office) -> None:
    """Red, then green, in the same message; where that was deleted, in a new one."""
    anna = await office.known(ANNA)
    incident = Incident(thread_id="t", fingerprint="f", title="web is down", service="web", severity="critical")
    async with office.crew.runtime.database.write() as session:
        session.add(incident)
    await _push(office, "incident", incident)
    first = await _card(anna, "🔴 web is down")
    async with office.crew.runtime.database.write() as session:
        row = await session.get_one(Incident, incident.id)
        row.status, row.finished_at, row.cause = IncidentStatus.RESOLVED, now(), "the process was gone"
        session.add(row)
    await _push(office, "incident", incident, n=2)
    assert (await _card(anna, "🟢 web is down"))["message_id"] == first["message_id"]
    del office.world.messages[ANNA, first["message_id"]]
    await _push(office, "incident", incident, n=3)
    assert "the process was gone" in (await _card(anna, "🟢 web is down"))["text"]


@pytest.mark.parametrize("case", ["stranger", "user", "unlinked", "blocked", "gone"])
async def test_who_may_not_see_it_gets_nothing(office: Office, case: str) -> None:
    """The message is given up at once."""
    boris = Somebody(office.world, BORIS)
    if case in ("user", "blocked", "gone"):
        boris = await office.known(BORIS, Role.USER if case == "user" else Role.OPERATOR)
    elif case == "unlinked":
        boris.write("/start")
    asked = await office.asked("boom")
    if case == "blocked":
        boris.block()
    if case == "gone":
        asked.id = "no-such-question"
    await _push(office, "approval", asked, BORIS)
    (row,) = await _sent(office, DeliveryStatus.DEAD)
    assert row.attempts == 1
    assert not any("boom" in text for text in office.world.texts())


async def test_a_pause_is_kept(office: Office) -> None:
    """429 is no failure: it goes again when the time has come, and says what holds then."""
    anna = await office.known(ANNA)
    office.world.fail("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
    office.world.fail("sendMessage", 502, "Bad Gateway")
    await _push(office, "approval", await office.asked("boom"))
    await _card(anna, "Fire boom?")
    (row,) = await _sent(office, DeliveryStatus.SENT)
    assert row.attempts == 2


ADMINS = 5_000_000_009


class TestAdministratorsChat:
    """The chat of ADMIN_CHAT_ID, where nobody is linked."""

    @pytest.fixture
    def settings(self, alone: Path, api: Simulator) -> Settings:
        alone.mkdir(parents=True, exist_ok=True)
        return Settings(
            NARYAD_HOME=alone, NARYAD_LANG="en", TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=api.url, ADMIN_CHAT_ID=ADMINS
        )

    async def test_it_is_told_without_buttons(self, office: Office) -> None:
        """Nobody there is known, so nobody there decides."""
        boss = Somebody(office.world, ADMINS, "Boss")
        boss.write("hello")
        await _push(office, "approval", await office.asked("boom"), target=ADMINS)
        assert "reply_markup" not in await _card(boss, "Fire boom?")
