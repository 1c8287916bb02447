"""Signing in: lock-out that tells nothing and locks no owner out, and the way back in."""

import asyncio
from typing import Any

import pytest

from naryad.accounts import passwords
from naryad.accounts.api_keys import Scope
from naryad.accounts.links import Links
from naryad.accounts.refusals import NotSignedIn, TooSoon
from naryad.auth import Role
from naryad.errors import Refused
from tests.naryad.accounts.conftest import EMAIL, PASSWORD, Clock, Office

NOBODYS = "nobody@example.ru"


async def outcome(office: Office, email: str, password: str = "wrong password", **more: Any) -> tuple[str, str]:
    """What somebody is told who tries to sign in."""
    try:
        await office.signing_in.sign_in(email, password, **more)
    except Refused as refusal:
        return type(refusal).__name__, refusal.message
    return "signed in", ""


async def test_the_third_wrong_password_locks_and_longer_each_time(office: Office, clock: Clock) -> None:
    """A minute, two, four; the right password does not get through meanwhile, and afterwards all is forgotten."""
    await office.accounts.create(EMAIL, PASSWORD)
    waits = []
    for _round in range(4):
        assert "TooSoon" in [(await outcome(office, EMAIL))[0] for _ in range(4)]
        with pytest.raises(TooSoon) as locked:
            await office.signing_in.sign_in(EMAIL, PASSWORD)
        waits.append(round(locked.value.wait / 60))
        clock.forward(seconds=locked.value.wait)
    assert waits == [1, 2, 4, 8]
    assert await outcome(office, EMAIL, PASSWORD) == ("signed in", "")
    assert [(await outcome(office, EMAIL))[0] for _ in range(4)] == ["NotSignedIn"] * 3 + ["TooSoon"]


async def test_an_unknown_address_is_told_the_same_and_locks_the_same(office: Office) -> None:
    """Word by word."""
    await office.accounts.create(EMAIL, PASSWORD)
    known = [await outcome(office, EMAIL) for _ in range(5)]
    assert known == [await outcome(office, NOBODYS) for _ in range(5)]
    assert {kind for kind, _text in known} == {"NotSignedIn", "TooSoon"}


async def test_an_unknown_address_costs_the_same_work(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both compare one hash."""
    await office.accounts.create(EMAIL, PASSWORD)
    compared: list[str] = []
    real = passwords._hasher()

    class Watched:
        def verify(self, password_hash: str, password: str) -> bool:
            compared.append(password)
            return real.verify(password_hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched)
    await outcome(office, EMAIL, "wrong password one")
    await outcome(office, NOBODYS, "wrong password two")
    assert compared == ["wrong password one", "wrong password two"]


async def test_a_hundred_guesses_at_once_are_three(office: Office) -> None:
    """Each is counted before it is compared."""
    await office.accounts.create(EMAIL, PASSWORD)
    tries = await asyncio.gather(*(outcome(office, EMAIL) for _ in range(30)))
    assert sum(kind == "NotSignedIn" for kind, _text in tries) == 3


async def test_a_stranger_locks_nobody_out_of_a_known_device(office: Office) -> None:
    """It counts its own tries; a token of another account, or of no install, does not help a guesser."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    other = await office.accounts.create("eve@example.ru", PASSWORD)
    for _ in range(3):
        await outcome(office, EMAIL)
    assert (await outcome(office, EMAIL, PASSWORD))[0] == "TooSoon"
    for forged in (office.signer.know(other.id), "nonsense", office.signer.know(account.id)[:-2]):
        assert (await outcome(office, EMAIL, PASSWORD, known=forged))[0] == "TooSoon"
    known = office.signer.know(account.id)
    assert await outcome(office, EMAIL, PASSWORD, known=known) == ("signed in", "")
    guesses = [(await outcome(office, EMAIL, known=known))[0] for _ in range(4)]
    assert guesses == ["NotSignedIn"] * 3 + ["TooSoon"]


async def test_an_access_token_is_no_sign_of_a_known_device(office: Office) -> None:
    """Nor the other way round: each token is for one thing."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    with pytest.raises(NotSignedIn):
        office.signer.read(office.signer.know(account.id))


async def test_a_forgotten_password_is_replaced_by_a_mailed_code(office: Office) -> None:
    """Once; it signs every device out, and ends a lock."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, _refresh = await office.devices.open(account.id)
    for _ in range(3):
        await outcome(office, EMAIL)
    await office.signing_in.forgot(EMAIL)
    [(kind, code)] = await office.letters()
    assert kind == "account.reset"
    await office.signing_in.reset(code, "a new password")
    with pytest.raises(NotSignedIn):
        await office.devices.bearer(device.id)
    assert await outcome(office, EMAIL, "a new password") == ("signed in", "")
    assert (await outcome(office, EMAIL, PASSWORD))[0] == "NotSignedIn"
    with pytest.raises(Refused):
        await office.signing_in.reset(code, "another password")


async def test_nothing_that_a_thief_made_outlives_a_reset(office: Office) -> None:
    """Keys, a link to Telegram, and a code for one: an access token in the wrong hands could have made them."""
    account = await office.accounts.create(EMAIL, PASSWORD, Role.OPERATOR)
    links = Links(office.database)
    await links.redeem(await links.code(account.id), 666)
    _row, key = await office.keys.issue(account.id, "thief", [Scope.READ])
    code = await links.code(account.id)
    await office.signing_in.forgot(EMAIL)
    *_told, (_kind, letter) = await office.letters()
    await office.signing_in.reset(letter, "a new password")
    assert await links.of(666) is None
    with pytest.raises(NotSignedIn):
        await office.keys.check(key, Scope.READ)
    with pytest.raises(Refused):
        await links.redeem(code, 666)


async def test_a_changed_password_makes_older_codes_worthless(office: Office) -> None:
    """A letter that somebody read, and a code for Telegram."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    await office.signing_in.forgot(EMAIL)
    [(_kind, letter)] = await office.letters()
    code = await Links(office.database).code(account.id)
    await office.security.change_password(account.id, PASSWORD, "a new password", "")
    with pytest.raises(Refused):
        await office.signing_in.reset(letter, "a thief's password")
    with pytest.raises(Refused):
        await Links(office.database).redeem(code, 666)


async def test_registering_keeps_nobody_from_a_reset(office: Office) -> None:
    """A stranger who registers with an address again and again does not use up its letters."""
    await office.accounts.create(EMAIL, PASSWORD)
    await office.registrations.register(EMAIL, "some other password")
    await office.signing_in.forgot(EMAIL)
    assert [kind for kind, _code in await office.letters()] == ["account.exists", "account.reset"]


async def test_only_an_active_account_gets_a_letter_and_nobody_is_told(office: Office) -> None:
    """An unknown address and a disabled account are answered alike, and wait alike."""
    await office.accounts.create("admin@example.ru", PASSWORD, Role.ADMIN)
    account = await office.accounts.create(EMAIL, PASSWORD)
    await office.accounts.change(account.id, by="test", disabled=True)
    for email in (EMAIL, NOBODYS):
        await office.signing_in.forgot(email)
        with pytest.raises(TooSoon):
            await office.signing_in.forgot(email)
        assert await office.letters(email) == []


async def test_a_reset_code_is_good_for_an_hour(office: Office, clock: Clock) -> None:
    """And a new one makes the one before worthless."""
    await office.accounts.create(EMAIL, PASSWORD)
    await office.signing_in.forgot(EMAIL)
    clock.forward(minutes=2)
    await office.signing_in.forgot(EMAIL)
    [(_kind, first), (_kind, second)] = await office.letters()
    with pytest.raises(Refused):
        await office.signing_in.reset(first, "a new password")
    clock.forward(minutes=61)
    with pytest.raises(Refused):
        await office.signing_in.reset(second, "a new password")


async def test_a_disabled_account_does_not_sign_in(office: Office) -> None:
    """Only who knows the password is told why."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    await office.accounts.change(account.id, by="test", disabled=True)
    right, wrong = await outcome(office, EMAIL, PASSWORD), await outcome(office, EMAIL)
    assert right[0] == wrong[0] == "NotSignedIn"
    assert right[1] != wrong[1] == (await outcome(office, NOBODYS))[1]


async def test_another_keyboards_password_is_the_same(office: Office) -> None:
    """«й» as one character, and as two."""
    await office.accounts.create(EMAIL, "пароль моей тёти")
    assert await outcome(office, EMAIL, "пароль мое\u0438\u0306 т\u0435\u0308ти") == ("signed in", "")


def test_passwords_are_hashed_as_advised() -> None:
    """Argon2id, at least 64 MiB (RFC 9106's second recommendation)."""
    from argon2 import PasswordHasher, Type, extract_parameters

    used = extract_parameters(PasswordHasher().hash("x"))
    assert (used.type, used.memory_cost >= 65536, used.time_cost >= 3) == (Type.ID, True, True)
