"""The second factor: each code good once, none to be guessed, and a way in for who lost the app."""

import asyncio

import pytest

from naryad.accounts.refusals import NotSignedIn, SecondFactorNeeded, TooSoon
from naryad.db.models.account import Account
from naryad.errors import Refused
from tests.naryad.accounts.conftest import EMAIL, PASSWORD, Clock, Code, Office


async def set_up(office: Office, totp: Code, clock: Clock) -> tuple[Account, str, list[str], str]:
    """An account with a second factor: its secret, its recovery codes, its device."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, _refresh = await office.devices.open(account.id)
    secret, link = await office.security.begin_second_factor(account.id, PASSWORD)
    assert link.startswith("otpauth://totp/Naryad:anna%40example.ru?secret=" + secret)
    codes = await office.security.confirm_second_factor(account.id, totp(secret), device.id)
    clock.forward(seconds=60)
    return account, secret, codes, device.id


async def test_a_second_factor_is_asked_for_only_with_the_right_password(
    office: Office, totp: Code, clock: Clock
) -> None:
    """A wrong password is told the same as ever, and asking for the code is no failure."""
    _account, secret, _codes, _device = await set_up(office, totp, clock)
    for _ in range(5):
        with pytest.raises(SecondFactorNeeded):
            await office.signing_in.sign_in(EMAIL, PASSWORD)
    with pytest.raises(NotSignedIn) as refusal:
        await office.signing_in.sign_in(EMAIL, "wrong password", totp(secret))
    assert type(refusal.value) is NotSignedIn
    await office.signing_in.sign_in(EMAIL, PASSWORD, totp(secret))


async def test_a_code_is_good_once_even_at_once(office: Office, totp: Code, clock: Clock) -> None:
    """Whoever looked over a shoulder comes too late."""
    _account, secret, _codes, _device = await set_up(office, totp, clock)
    code = totp(secret)
    tries = await asyncio.gather(
        *(office.signing_in.sign_in(EMAIL, PASSWORD, code) for _ in range(3)), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in tries) == 1
    clock.forward(minutes=10)
    with pytest.raises(NotSignedIn):
        await office.signing_in.sign_in(EMAIL, PASSWORD, code)


async def test_the_code_that_set_it_up_is_used_up(office: Office, totp: Code, clock: Clock) -> None:
    """And the one before it too."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, _refresh = await office.devices.open(account.id)
    secret, _link = await office.security.begin_second_factor(account.id, PASSWORD)
    before = totp(secret)
    clock.forward(seconds=30)
    code = totp(secret)
    await office.security.confirm_second_factor(account.id, code, device.id)
    for used in (code, before):
        with pytest.raises(NotSignedIn):
            await office.signing_in.sign_in(EMAIL, PASSWORD, used)


async def test_wrong_codes_lock_like_wrong_passwords(office: Office, totp: Code, clock: Clock) -> None:
    """Who knows the password has three guesses at a million codes, then waits longer and longer."""
    _account, secret, _codes, _device = await set_up(office, totp, clock)
    for _ in range(3):
        with pytest.raises(NotSignedIn):
            await office.signing_in.sign_in(EMAIL, PASSWORD, "000000")
    with pytest.raises(TooSoon):
        await office.signing_in.sign_in(EMAIL, PASSWORD, totp(secret))


async def test_a_stolen_token_cannot_guess(office: Office, totp: Code, clock: Clock) -> None:
    """Neither the code, nor the password, wherever they are asked for again; and it shares one count."""
    account, secret, _codes, device = await set_up(office, totp, clock)
    with pytest.raises(Refused):
        await office.security.show_second_factor(account.id, "000000", device)
    with pytest.raises(Refused):
        await office.security.change_password(account.id, "wrong password", "a new password", device)
    with pytest.raises(Refused):
        await office.security.disable_second_factor(account.id, PASSWORD, "000000")
    with pytest.raises(TooSoon):
        await office.security.show_second_factor(account.id, totp(secret), device)
    clock.forward(minutes=2)
    await office.security.show_second_factor(account.id, totp(secret), device)


async def test_a_recovery_code_is_good_once(office: Office, totp: Code, clock: Clock) -> None:
    """However it is spelled; there are ten, and none is kept as it is."""
    _account, _secret, codes, _device = await set_up(office, totp, clock)
    assert len(set(codes)) == 10
    await office.signing_in.sign_in(EMAIL, PASSWORD, f" {codes[0].upper()} ")
    with pytest.raises(NotSignedIn):
        await office.signing_in.sign_in(EMAIL, PASSWORD, codes[0])
    await office.signing_in.sign_in(EMAIL, PASSWORD, codes[1])


async def test_it_is_switched_off_by_password_and_code(office: Office, totp: Code, clock: Clock) -> None:
    """Neither alone does; its recovery codes go with it."""
    account, secret, codes, device = await set_up(office, totp, clock)
    with pytest.raises(SecondFactorNeeded):
        await office.security.disable_second_factor(account.id, PASSWORD, "")
    with pytest.raises(Refused):
        await office.security.disable_second_factor(account.id, "wrong password", totp(secret))
    await office.security.disable_second_factor(account.id, PASSWORD, totp(secret))
    assert (await office.devices.bearer(device))[1].second_factor_at is None
    await office.signing_in.sign_in(EMAIL, PASSWORD)
    with pytest.raises(Refused):
        await office.security.show_second_factor(account.id, codes[0], device)


async def test_a_secret_is_not_in_force_before_its_first_code(office: Office, totp: Code, clock: Clock) -> None:
    """Nor can a second one replace it behind its owner's back."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, _refresh = await office.devices.open(account.id)
    with pytest.raises(Refused):
        await office.security.confirm_second_factor(account.id, "000000", device.id)
    secret, _link = await office.security.begin_second_factor(account.id, PASSWORD)
    await office.signing_in.sign_in(EMAIL, PASSWORD)
    await office.security.confirm_second_factor(account.id, totp(secret), device.id)
    with pytest.raises(Refused, match="already"):
        await office.security.begin_second_factor(account.id, PASSWORD)


async def test_a_new_password_or_factor_signs_the_other_devices_out(office: Office, totp: Code, clock: Clock) -> None:
    """The one that did it stays; the person is told by a letter."""
    account, secret, _codes, device = await set_up(office, totp, clock)
    other, _refresh = await office.devices.open(account.id)
    await office.security.change_password(account.id, PASSWORD, "a new password", device)
    await office.devices.bearer(device)
    with pytest.raises(NotSignedIn):
        await office.devices.bearer(other.id)
    await office.signing_in.sign_in(EMAIL, "a new password", totp(secret))
    assert [kind for kind, _code in await office.letters()] == ["account.changed"] * 2 + ["account.device"]
