"""A new password set while something else is under way: what was proven by the old one comes to nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select, update

from naryad.accounts import passwords
from naryad.accounts.api_keys import Scope
from naryad.accounts.links import Links
from naryad.accounts.refusals import NotSignedIn
from naryad.auth import Role
from naryad.db.models.account import Account, ApiKey, Code, Device
from naryad.db.models.delivery import Delivery
from naryad.errors import Refused
from tests.naryad.accounts.conftest import EMAIL, PASSWORD, Clock, Office
from tests.naryad.accounts.conftest import Code as Shows

NEW = "the owner's new password"


async def sign_in(office: Office, _account: Account) -> None:
    await office.signing_in.sign_in(EMAIL, PASSWORD)


async def make_a_key(office: Office, account: Account) -> None:
    async with office.security.proven(account.id, PASSWORD) as (session, held):
        await office.keys.add(session, held, "thief", [Scope.CHAT])


async def make_a_link(office: Office, account: Account) -> None:
    async with office.security.proven(account.id, PASSWORD) as (session, held):
        await Links(office.database).add_code(session, held)


async def begin_a_second_factor(office: Office, account: Account) -> None:
    await office.security.begin_second_factor(account.id, PASSWORD)


async def set_a_password(office: Office, account: Account) -> None:
    await office.security.change_password(account.id, PASSWORD, "the thief's password", "")


async def traces(office: Office) -> list[object]:
    """Everything by which somebody could get in, but for the owner's password."""
    async with office.database.read() as session:
        rows = [row for table in (Device, ApiKey, Code) for row in (await session.exec(select(table))).all()]
        factors = select(Account).where(col(Account.totp_pending).is_not(None) | col(Account.totp_secret).is_not(None))
        return [*rows, *(await session.exec(factors)).all()]


@pytest.mark.parametrize("act", [sign_in, make_a_key, make_a_link, begin_a_second_factor, set_a_password])
async def test_what_was_proven_by_the_old_password_counts_no_more(
    office: Office, monkeypatch: pytest.MonkeyPatch, act: Callable[[Office, Account], Awaitable[None]]
) -> None:
    """The old password is found right, then the owner sets a new one, and only then the act goes on: it is refused."""
    account = await office.accounts.create(EMAIL, PASSWORD, Role.OPERATOR)
    await office.signing_in.forgot(EMAIL)
    [(_kind, letter)] = await office.letters()
    compare = passwords.matches

    async def and_then_a_new_one(password: str, password_hash: str | None) -> bool:
        right = await compare(password, password_hash)
        assert right
        await office.signing_in.reset(letter, NEW)
        return right

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "matches", and_then_a_new_one)
        with pytest.raises(Refused):
            await act(office, account)
    assert await traces(office) == []
    await office.signing_in.sign_in(EMAIL, NEW)


async def test_a_device_that_was_ended_finishes_nothing(office: Office, totp: Shows, clock: Clock) -> None:
    """A thief's second factor whose secret was made before the new password: it would lock the owner out."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, refresh = await office.devices.open(account.id)
    secret, _link = await office.security.begin_second_factor(account.id, PASSWORD)
    await office.signing_in.forgot(EMAIL)
    [(_kind, letter)] = await office.letters()
    await office.signing_in.reset(letter, NEW)
    for attempt in (
        office.security.confirm_second_factor(account.id, totp(secret), device.id),
        office.security.show_second_factor(account.id, totp(secret), device.id),
        office.devices.renew(refresh),
    ):
        with pytest.raises(NotSignedIn):
            await attempt
    assert await traces(office) == []


async def test_nobody_is_signed_in_on_a_disabled_account(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disabled between the password and the device: no device comes to be, and none is there when it is enabled."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    compare = passwords.matches

    async def and_then_disabled(password: str, password_hash: str | None) -> bool:
        right = await compare(password, password_hash)
        await office.accounts.change(account.id, disabled=True)
        return right

    with monkeypatch.context() as patch, suppress(Refused):
        patch.setattr(passwords, "matches", and_then_disabled)
        await office.signing_in.sign_in(EMAIL, PASSWORD)
    await office.accounts.change(account.id, disabled=False)
    assert await office.devices.of(account.id) == []


async def test_an_account_is_deleted_while_messages_to_it_are_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends takes its turn first and the messages then, and so does who deletes: neither waits for the other."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    await office.signing_in.forgot(EMAIL)
    hold, begun = office.database.hold, asyncio.Event()

    def slowly(session: Session, name: str) -> None:
        begun.set()
        if not office.database.sqlite:
            session.connection().execute(text("SELECT pg_sleep(0.3)"))
        hold(session, name)

    def send(session: Session) -> None:
        hold(session, "outbox")
        session.connection().execute(update(Delivery).values(attempts=1))

    async def sending() -> None:
        await begun.wait()
        await office.database.transact(send)

    monkeypatch.setattr(office.database, "hold", slowly)
    await asyncio.gather(office.accounts.remove(account.id, by="admin"), sending())
    assert await office.letters() == []
