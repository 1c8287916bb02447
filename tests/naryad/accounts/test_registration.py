"""Registering: what an address's reader learns, and what nobody else does."""

import asyncio

import pytest

from naryad.accounts.refusals import TooSoon
from naryad.auth import Role
from naryad.errors import NotFound, Refused
from tests.naryad.accounts.conftest import EMAIL, PASSWORD, Clock, Office


async def test_a_confirmed_registration_is_a_users_account(office: Office) -> None:
    """With the name, the language and the password that were registered."""
    await office.registrations.register(EMAIL, PASSWORD, "Anna", lang="en")
    [(kind, code)] = await office.letters()
    assert kind == "account.confirm"
    account, *_device = await office.registrations.confirm(code, PASSWORD)
    assert (account.email, account.name, account.lang, account.role) == (EMAIL, "Anna", "en", Role.USER)
    assert (await office.signing_in.sign_in(EMAIL, PASSWORD))[0].id == account.id


async def test_before_the_code_there_is_no_account(office: Office) -> None:
    """The right password alone signs nobody in, and a code works once."""
    await office.registrations.register(EMAIL, PASSWORD)
    with pytest.raises(Refused):
        await office.signing_in.sign_in(EMAIL, PASSWORD)
    [(_kind, code)] = await office.letters()
    await office.registrations.confirm(code, PASSWORD)
    with pytest.raises(Refused):
        await office.registrations.confirm(code, PASSWORD)


async def test_a_strangers_registration_gives_no_account_away(office: Office, clock: Clock) -> None:
    """Who registers another's address with a password of their own gets nothing when the owner opens the letter."""
    await office.registrations.register(EMAIL, "the stranger's one")
    clock.forward(seconds=61)
    await office.registrations.register(EMAIL, PASSWORD)
    [(_kind, strangers), (_kind, own)] = await office.letters()
    with pytest.raises(Refused):
        await office.registrations.confirm(strangers, PASSWORD)
    await office.registrations.confirm(own, PASSWORD)
    with pytest.raises(Refused):
        await office.registrations.confirm(strangers, "the stranger's one")


async def test_an_address_with_an_account_is_answered_alike(office: Office) -> None:
    """Only its reader learns, by another letter, which has no code to take the account over."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    assert await office.registrations.register(EMAIL, "another password")
    assert await office.letters() == [("account.exists", "")]
    with pytest.raises(TooSoon):
        await office.registrations.register(EMAIL, "another password")
    assert (await office.signing_in.sign_in(EMAIL, PASSWORD))[0].id == account.id


@pytest.mark.parametrize("known", [False, True])
async def test_letters_to_one_address_have_a_minute_between_them(office: Office, clock: Clock, known: bool) -> None:
    """Whether it has an account or not; and when they do not end, longer."""
    if known:
        await office.accounts.create(EMAIL, PASSWORD)
    registration = await office.registrations.register(EMAIL, PASSWORD)
    waits = []
    for _letter in range(4):
        with pytest.raises(TooSoon) as refusal:
            await office.registrations.resend(registration)
        waits.append(refusal.value.wait)
        clock.forward(seconds=refusal.value.wait)
        await office.registrations.resend(registration)
    assert [round(wait / 60) for wait in waits] == [1, 1, 1, 2]
    assert len(await office.letters()) == 5


async def test_another_letter_makes_the_one_before_worthless(office: Office, clock: Clock) -> None:
    """And an unknown, a confirmed or an old registration gets none."""
    registration = await office.registrations.register(EMAIL, PASSWORD)
    clock.forward(seconds=61)
    await office.registrations.resend(registration)
    [(_kind, first), (_kind, second)] = await office.letters()
    with pytest.raises(Refused):
        await office.registrations.confirm(first, PASSWORD)
    await office.registrations.confirm(second, PASSWORD)
    for gone in (registration, "unknown"):
        with pytest.raises(NotFound):
            await office.registrations.resend(gone)


async def test_a_code_is_good_for_a_day(office: Office, clock: Clock) -> None:
    """An old letter, found by somebody else, is worth nothing."""
    await office.registrations.register(EMAIL, PASSWORD)
    [(_kind, code)] = await office.letters()
    clock.forward(hours=25)
    with pytest.raises(Refused):
        await office.registrations.confirm(code, PASSWORD)


async def test_one_address_registered_at_once_gets_one_letter_and_one_account(office: Office) -> None:
    """The others are asked to wait; and one code sent twice at once makes one account."""
    tries = [office.registrations.register(EMAIL, PASSWORD) for _ in range(5)]
    made = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["TooSoon"] * 4 + ["str"]
    [(_kind, code)] = await office.letters()
    confirmed = await asyncio.gather(
        *(office.registrations.confirm(code, PASSWORD) for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in confirmed) == 1
    assert len(await office.accounts.listed()) == 1


@pytest.mark.parametrize("password", ["short", "x" * 129])
async def test_a_password_that_does_not_do_is_refused(office: Office, password: str) -> None:
    """Before anything is written."""
    with pytest.raises(Refused, match="10"):
        await office.registrations.register(EMAIL, password)
    assert await office.letters() == []
