"""Secrets of second factors: a copy of the database gives no codes, and the key can be changed."""

from sqlmodel import select

from naryad.accounts.sealing import Seal
from naryad.db.models.account import Account
from tests.naryad.accounts.conftest import EMAIL, PASSWORD, Clock, Code, Office, office_on

OLD, NEW = "o" * 48, "n" * 48


async def stored(office: Office) -> Account:
    async with office.database.read() as session:
        return (await session.exec(select(Account))).one()


async def set_up(office: Office, totp: Code, clock: Clock) -> str:
    """An account with a second factor; returns its secret."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, _refresh = await office.devices.open(account.id)
    secret, _link = await office.security.begin_second_factor(account.id, PASSWORD)
    assert secret not in (await stored(office)).model_dump_json()
    await office.security.confirm_second_factor(account.id, totp(secret), device.id)
    clock.forward(minutes=1)
    return secret


async def test_the_database_holds_no_secret(office: Office, totp: Code, clock: Clock) -> None:
    """Neither while it is set up nor after; and the person gets in by it."""
    secret = await set_up(office, totp, clock)
    assert secret not in (await stored(office)).model_dump_json()
    await office.signing_in.sign_in(EMAIL, PASSWORD, totp(secret))


async def test_what_was_stored_in_the_clear_is_sealed_once(office: Office, totp: Code, clock: Clock) -> None:
    """Of an install that had no seal yet: the same secret goes on."""
    secret, seal = await set_up(office, totp, clock), Seal("k" * 48)
    async with office.database.write() as session:
        account = (await session.exec(select(Account))).one()
        account.totp_secret = account.totp_pending = secret
        session.add(account)
    assert [await seal.renew(office.database), await seal.renew(office.database)] == [1, 0]
    assert secret not in (await stored(office)).model_dump_json()
    await office.signing_in.sign_in(EMAIL, PASSWORD, totp(secret))


async def test_a_new_key_takes_over_what_the_one_before_sealed(office: Office, totp: Code, clock: Clock) -> None:
    """After a start with both, the one before is needed no more."""
    before = office_on(office.database, OLD)
    secret = await set_up(before, totp, clock)
    assert await Seal(NEW, OLD).renew(office.database) == 1
    assert Seal(OLD).open(str((await stored(office)).totp_secret)) == ""
    await office_on(office.database, NEW).signing_in.sign_in(EMAIL, PASSWORD, totp(secret))


async def test_without_the_key_before_nothing_is_lost(office: Office, totp: Code, clock: Clock) -> None:
    """A start with a wrong key leaves the sealed secret as it is, and the right key opens it again."""
    secret = await set_up(office_on(office.database, OLD), totp, clock)
    sealed = (await stored(office)).totp_secret
    await Seal(NEW).renew(office.database)
    assert (await stored(office)).totp_secret == sealed
    assert Seal(NEW, OLD).open(str(sealed)) == secret
