"""The inbox on both databases: each update once, whoever stores it and whoever takes it."""

import asyncio
from datetime import timedelta

import pytest

from naryad.accounts.links import Links
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.account import Account
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.inbox import LEASE, STALE, Inbox
from tests.naryad.conftest import backend, database, postgres_process, postgres_server, url

__all__ = ["backend", "database", "postgres_process", "postgres_server", "url"]


async def test_each_update_is_stored_and_taken_once(database: Database) -> None:
    """By several processes at once; another bot's updates are its own."""
    inboxes = [Inbox(database, "1") for _n in range(4)]
    stored = await asyncio.gather(*(one.put({"update_id": number}) for number in range(20) for one in inboxes))
    assert sum(stored) == 20
    assert await Inbox(database, "2").put({"update_id": 3})
    taken = await asyncio.gather(*(inboxes[number % 4].take() for number in range(20)))
    assert sorted(one["update_id"] for one in taken) == list(range(20))
    assert await inboxes[0].waiting() == 20
    for number in range(20):
        await inboxes[0].done(number)
    assert (await inboxes[0].waiting(), await Inbox(database, "2").waiting()) == (0, 1)
    assert not await inboxes[0].put({"update_id": 7})


async def test_who_is_stopped_while_taking_loses_nothing(database: Database) -> None:
    """Whenever the stop comes, the next one gets the update."""
    inbox = Inbox(database, "1")
    for number in range(20):
        await inbox.put({"update_id": number})
        taking = asyncio.create_task(inbox.take())
        await asyncio.sleep(0.0005 * number)
        taking.cancel()
        try:
            assert (await taking)["update_id"] == number
        except asyncio.CancelledError:
            assert (await asyncio.wait_for(inbox.take(), 10))["update_id"] == number


async def test_what_a_dead_process_handled_is_handled_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, by whoever is there; never what was done, and not when nobody expects an answer any more."""
    inbox, moment = Inbox(database, "1"), now()
    for number in (1, 2):
        await inbox.put({"update_id": number, "text": "x"})
    await inbox.take()
    assert (await inbox.take())["update_id"] == 2
    await inbox.done(1)
    for later, comes in ((LEASE - timedelta(minutes=1), None), (LEASE + timedelta(minutes=1), 2), (STALE * 2, None)):
        monkeypatch.setattr("naryad.inbox.now", lambda later=later: moment + later)
        try:
            async with asyncio.timeout(2):
                found = (await Inbox(database, "1").take())["update_id"]
        except TimeoutError:
            found = None
        assert found == comes


async def test_one_person_gets_one_account(database: Database) -> None:
    """Two codes redeemed at once by the same person link one of the accounts."""
    links = Links(database)
    accounts = [Account(email=f"{n}@example.ru", password_hash="-", role=Role.USER) for n in range(2)]
    async with database.write() as session:
        session.add_all(accounts)
    codes = [await links.code(account.id) for account in accounts]
    said = await asyncio.gather(*(links.redeem(code, 77) for code in codes), return_exceptions=True)
    assert [type(one) for one in said if not isinstance(one, Account)] == [Refused]
