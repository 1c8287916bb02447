"""Signed-in devices and their tokens, under attack."""

import asyncio
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from sqlmodel import select

from naryad.accounts.devices import GRACE, MOST
from naryad.accounts.refusals import NotSignedIn
from naryad.accounts.tokens import Access, Signer
from naryad.auth import Role
from naryad.db.models.delivery import Delivery
from naryad.errors import NotFound
from naryad.gate.audit import Audit
from naryad.notify.texts import rendered
from tests.naryad.accounts.conftest import EMAIL, GUARD, PASSWORD, Clock, Office, office_on

KEY = "k" * 48
ACCESS = Access("account", Role.USER, "device", second_factor=True)


async def signed_in(office: Office) -> tuple[str, str, str]:
    """An account, its device, and the first refresh token."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    device, refresh = await office.devices.open(account.id)
    return account.id, device.id, refresh


async def test_each_refresh_token_is_good_once(office: Office) -> None:
    """And the next one goes on with the same device."""
    account_id, device_id, refresh = await signed_in(office)
    for _ in range(3):
        account, device, following = await office.devices.renew(refresh)
        assert (account.id, device.id, following != refresh) == (account_id, device_id, True)
        refresh = following


async def test_a_spent_token_ends_the_device(office: Office, clock: Clock) -> None:
    """Thief and owner alike must sign in again: nobody can tell which of them it is."""
    account_id, device_id, stolen = await signed_in(office)
    _account, _device, owners = await office.devices.renew(stolen)
    clock.forward(seconds=GRACE.total_seconds() + 1)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(stolen)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(owners)
    with pytest.raises(NotSignedIn):
        await office.devices.bearer(device_id)
    assert await office.devices.of(account_id) == []


async def test_a_theft_is_told(office: Office, clock: Clock) -> None:
    """To the owner by a letter, to whom the routes name for security, and to the audit; once."""
    _account, device_id, stolen = await signed_in(office)
    await office.devices.renew(stolen)
    clock.forward(seconds=GRACE.total_seconds() + 1)
    for _again in range(2):
        with pytest.raises(NotSignedIn):
            await office.devices.renew(stolen)
    async with office.database.read() as session:
        rows = (await session.exec(select(Delivery).order_by(Delivery.target))).all()
    assert [(row.target, row.payload["kind"]) for row in rows] == [
        (EMAIL, "account.stolen"),
        (GUARD, "security.stolen"),
    ]
    assert EMAIL in rendered(rows[1].payload).title
    told = [row for row in await Audit(office.database).rows() if row.event == "account.device.stolen"]
    assert [device_id in row.data_json for row in told] == [True]


async def test_an_old_device_is_no_theft(office: Office, clock: Clock) -> None:
    """Whoever comes back after a month signs in again, and nobody is alarmed."""
    _account, _device, refresh = await signed_in(office)
    clock.forward(days=31)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(refresh)
    assert await office.letters() == []


async def test_two_tabs_that_wake_at_once_are_no_theft(office: Office, clock: Clock) -> None:
    """Both are given the same next token, in whatever order their answers come."""
    _account_id, _device_id, refresh = await signed_in(office)
    renewed = await asyncio.gather(*(office.devices.renew(refresh) for _ in range(4)))
    assert len({following for _account, _device, following in renewed}) == 1
    clock.forward(seconds=GRACE.total_seconds() + 1)
    await office.devices.renew(renewed[0][2])


async def test_the_grace_is_for_the_last_token_only(office: Office) -> None:
    """One that was spent two exchanges ago ends the device, however short ago that was."""
    _account_id, _device_id, first = await signed_in(office)
    _account, _device, second = await office.devices.renew(first)
    await office.devices.renew(second)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(first)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(second)


async def test_a_forged_refresh_token_ends_nothing(office: Office) -> None:
    """Whoever knows a device's id cannot sign it out by nonsense, nor by the token of another install."""
    _account_id, device_id, refresh = await signed_in(office)
    other = office_on(office.database, "another install's key, as long as ours is")
    for forged in ("", ".", "..", f"{device_id}.0.x", f"{device_id}.7.{refresh.rpartition('.')[2]}", "й.0.й"):
        with pytest.raises(NotSignedIn):
            await office.devices.renew(forged)
    with pytest.raises(NotSignedIn):
        await other.devices.renew(refresh)
    await office.devices.renew(refresh)


async def test_a_device_that_is_not_used_for_a_month_is_signed_out(office: Office, clock: Clock) -> None:
    """Its refresh token and its access token alike."""
    _account_id, device_id, refresh = await signed_in(office)
    clock.forward(days=31)
    with pytest.raises(NotSignedIn):
        await office.devices.bearer(device_id)
    with pytest.raises(NotSignedIn):
        await office.devices.renew(refresh)


async def test_a_sixth_device_takes_the_place_of_the_one_unused_the_longest(office: Office, clock: Clock) -> None:
    """Also when many sign in at once."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    first, refresh = await office.devices.open(account.id)
    clock.forward(seconds=1)
    second, _refresh = await office.devices.open(account.id)
    clock.forward(seconds=1)
    await office.devices.renew(refresh)
    clock.forward(seconds=1)
    await asyncio.gather(*(office.devices.open(account.id) for _ in range(MOST - 1)))
    left = {device.id for device in await office.devices.of(account.id)}
    assert len(left) == MOST
    assert first.id in left
    assert second.id not in left


async def test_nobody_ends_anothers_device(office: Office) -> None:
    """It is as if it were not there."""
    account_id, device_id, _refresh = await signed_in(office)
    eve = await office.accounts.create("eve@example.ru", PASSWORD)
    for owner, device in ((eve.id, device_id), (account_id, "unknown")):
        with pytest.raises(NotFound):
            await office.devices.end(owner, device)
    await office.devices.end_all(eve.id)
    await office.devices.bearer(device_id)
    await office.devices.end(account_id, device_id)
    with pytest.raises(NotSignedIn):
        await office.devices.bearer(device_id)


def forged(key: str = KEY, algorithm: str = "HS256", **changed: object) -> str:
    """An access token as it should be, but for what is changed."""
    claims = {"sub": "a", "role": "admin", "device": "d", "second_factor": True, "aud": "naryad"}
    whole = {**claims, "exp": datetime.now(UTC) + timedelta(minutes=5), **changed}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, key, algorithm=algorithm)


def test_an_access_token_comes_back_as_it_was_signed() -> None:
    """And a rightly made one passes, or the refusals below would prove nothing."""
    signer = Signer(KEY)
    assert signer.read(signer.sign(ACCESS)) == ACCESS
    assert signer.read(forged()).role is Role.ADMIN


@pytest.mark.parametrize(
    "token",
    [
        forged("another install's key, which is as long"),
        forged("", "none"),
        forged(KEY * 2, "HS512"),
        forged(exp=datetime.now(UTC) - timedelta(seconds=1)),
        forged(exp=None),
        forged(aud="naryad-known-device"),
        forged(aud=None),
        forged(role="root"),
        forged(device=None),
        forged(sub=None),
        forged()[:-3],
        "nonsense",
        "a.b.c",
        "",
    ],
)
def test_a_forged_access_token_is_refused(token: str) -> None:
    """Of another install, unsigned, too old, for something else, cut off."""
    with pytest.raises(NotSignedIn):
        Signer(KEY).read(token)
