"""Approvals through Telegram: whatever is tried, nothing happens that a person who may has not allowed, nor twice."""

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlmodel import update

from lab.telegram.people import Message, Somebody
from lab.telegram.server import Simulator
from naryad.accounts.accounts import Accounts
from naryad.accounts.links import Links
from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.errors import Refused
from naryad.gate.approvals import Verdict
from naryad.settings import Settings
from tests.bot.attacks import ATTACKS, GROUP, Scene
from tests.bot.conftest import ANNA, BORIS, CAROL, DIMA, Office, office_at


async def _sure(office: Office, somebody: Somebody, asked: Approval) -> tuple[Message, Message]:
    """Both states of the question's card, one tap before it is approved."""
    somebody.write(f"/approve {asked.id}")
    sure = dict(await somebody.hears(asked.id[-8:]))
    somebody.tap(sure, "↩ Back")
    async with asyncio.timeout(90):
        while "Sure?" in (card := await somebody.hears(asked.id[-8:]))["text"]:
            await office.world.changed.wait()
    card = dict(card)
    somebody.tap(card, "✅ Approve")
    return card, dict(await somebody.hears("Sure?"))


async def test_nothing_but_the_right_persons_own_act_decides(office: Office) -> None:
    """Each attack is tried on a waiting question; afterwards it waits still, and the right tap works."""
    office.world.wanted = frozenset(
        {*office.world.wanted, "channel_post", "edited_message", "business_message", "guest_message", "inline_query"}
    )
    anna, boris = await office.known(ANNA), await office.known(BORIS, name="Boris")
    carol, dima = await office.known(CAROL, Role.USER), await office.known(DIMA, Role.MANAGER)
    other, asked = await office.asked("other"), await office.asked("boom")
    card, sure = await _sure(office, anna, asked)
    stranger = Somebody(office.world, 6_000_000_000)
    stranger.write("/start")
    scene = Scene(office, anna, boris, carol, dima, stranger, asked, other, card, sure)
    succeeded = []
    for name, attack in ATTACKS.items():
        attack(scene)
        await office.quiet()
        found = [await office.crew.gate.approvals.get(one.id) for one in (asked, other)]
        if office.effects or any(one.status is not ApprovalStatus.PENDING for one in found):
            succeeded.append(name)
    assert succeeded == []
    assert len(ATTACKS) > 40
    told = office.world.texts([carol.id, dima.id, stranger.id, GROUP])
    assert not any("boom" in text for text in told)
    assert len(office.world.texts([GROUP])) == 1
    anna.tap(sure, "✅ Yes")
    assert len(await office.settled()) == 1


async def test_a_stale_button_decides_nothing(office: Office) -> None:
    """After a no, after the time is over, after the arguments changed."""
    anna = await office.known(ANNA)
    rejected, expired, changed = [await office.asked(what) for what in ("one", "two", "three")]
    cards = [(await _sure(office, anna, one))[1] for one in (rejected, expired, changed)]
    anna.write(f"/reject {rejected.id}")
    await anna.hears("reject: ")
    async with office.crew.runtime.database.write() as session:
        old = update(Approval).where(Approval.id == expired.id)  # type: ignore[arg-type]
        await session.exec(old.values(expires_at=now() - timedelta(seconds=1)))
        other = update(Approval).where(Approval.id == changed.id)  # type: ignore[arg-type]
        await session.exec(other.values(args_sha256="0" * 64))
    for card in cards:
        assert await anna.answered(anna.tap(card, "✅ Yes"))
    await office.quiet()
    assert office.effects == []


async def test_who_may_no_longer_decides_nothing(office: Office) -> None:
    """Unlinked, disabled, or of another role since the card came."""
    people = [await office.known(number) for number in (ANNA, BORIS, CAROL)]
    links, accounts = Links(office.crew.runtime.database), Accounts(office.crew.runtime.database)
    asked = [await office.asked(f"n{number}") for number in range(3)]
    cards = [(await _sure(office, one, question))[1] for one, question in zip(people, asked, strict=True)]
    ids = [account.id for one in people if (account := await links.of(one.id))]
    await links.unlink(ids[0])
    await accounts.change(ids[1], disabled=True)
    await accounts.change(ids[2], role=Role.USER)
    for somebody, card, question in zip(people, cards, asked, strict=True):
        somebody.tap(card, "✅ Yes")
        somebody.write(f"/approve {question.id} {question.args_sha256[:8]}")
    await office.quiet()
    assert office.effects == []
    assert len(await office.crew.gate.approvals.listed()) == 3


async def test_what_needs_a_second_factor_says_where_to_go(settings: Settings, api: Simulator, alone: Path) -> None:
    """The card has no button that could only be refused, and tells what to do instead."""
    rule = "{name: ask, action: ask, risk: [destructive], ask: {roles: [operator], second_factor: true}}"
    (alone / "policy.yaml").write_text(f"version: 1\nrules:\n  - {rule}\n")
    async with office_at(settings, api.world) as office:
        anna = await office.known(ANNA)
        asked = await office.asked("boom")
        anna.write("/pending")
        card = await anna.hears("needs your second factor")
        assert "Approve" not in str(card)
        anna.write(f"/approve {asked.id} {asked.args_sha256[:8]}")
        await anna.hears("The policy wants a second factor")
        assert office.effects == []


class TestFourEyes:
    """A policy that wants a second person."""

    async def test_nobody_approves_their_own_call(self, settings: Settings, api: Simulator, alone: Path) -> None:
        """Who asked may not decide; another may, once."""
        (alone / "policy.yaml").write_text(
            "version: 1\nrules:\n  - {name: ask, action: ask, risk: [destructive], "
            "ask: {roles: [operator], quorum: 1, expires: 30m, four_eyes: true}}\n"
        )
        async with office_at(settings, api.world) as office:
            anna, boris = await office.known(ANNA), await office.known(BORIS)
            account = await Links(office.crew.runtime.database).of(ANNA)
            assert account is not None
            asked = await office.asked("boom", by=f"account:{account.id}")
            anna.tap((await _sure(office, anna, asked))[1], "✅ Yes")
            await office.quiet()
            assert office.effects == []
            boris.tap((await _sure(office, boris, asked))[1], "✅ Yes")
            assert len(await office.settled()) == 1


async def test_twenty_taps_and_the_api_at_once_are_one_effect(office: Office) -> None:
    """From two chats and past the bot; the question is decided once, and runs once."""
    anna, boris = await office.known(ANNA), await office.known(BORIS)
    asked = await office.asked("boom")
    cards = [(await _sure(office, one, asked))[1] for one in (anna, boris)]
    for _n in range(10):
        anna.tap(cards[0], "✅ Yes")
        boris.tap(cards[1], "✅ Yes")
    approvals = office.crew.gate.approvals
    tries = [
        approvals.decide(asked.id, Person(f"account:{n}", frozenset({Role.OPERATOR})), Verdict.APPROVE)
        for n in range(5)
    ]
    said = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(one, Approval | Refused) for one in said)
    office.driver.start(asked.thread_id, asked.agent)
    await office.settled()
    await office.quiet()
    assert len(office.effects) == 1
    assert len(await approvals.decisions(asked.id)) == 1


async def test_an_update_counts_once_also_after_a_restart(settings: Settings, api: Simulator) -> None:
    """The same ids come again, with the same and with other content: nothing is decided by them."""
    async with office_at(settings, api.world) as office:
        anna = await office.known(ANNA)
        first = await office.asked("one")
        anna.write(f"/reject {first.id}")
        await anna.hears("reject: ")
        await office.quiet()
        last = next(office.world.update_ids)
    async with office_at(settings, api.world) as office:
        second = await office.asked("two")
        message = anna._posted(f"/approve {second.id} {second.args_sha256[:8]}", ANNA, {})
        for number in range(last - 2, last):
            assert not await office.inbox.put({"update_id": number, "message": message})
            api.world.updates.append({"update_id": number, "message": message})
        api.world.stir()
        await asyncio.sleep(0.3)
        await office.quiet()
        assert office.effects == []
        assert await office.inbox.put({"update_id": last, "message": message})
        assert len(await office.settled()) == 1
