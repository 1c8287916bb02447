"""What administrators change, keys for machines, and the audit of it all."""

import asyncio

import pytest
from sqlmodel import select

from naryad.accounts.accounts import principal
from naryad.accounts.api_keys import MOST, PREFIX, Scope
from naryad.accounts.devices import Place
from naryad.accounts.letters import Letters
from naryad.accounts.links import Links
from naryad.accounts.refusals import NotSignedIn
from naryad.auth import Role
from naryad.db.models.delivery import Delivery
from naryad.errors import NotFound, Refused
from naryad.gate.audit import Audit
from naryad.notify.texts import rendered
from naryad.outbox import Outbox
from tests.naryad.accounts.conftest import EMAIL, MAILING, PASSWORD, Clock, Office


async def test_the_last_administrator_stays_one(office: Office) -> None:
    """Not demoted, disabled or deleted, and not by two who do it to each other at once."""
    anna = await office.accounts.create(EMAIL, PASSWORD, Role.ADMIN)
    for change in ({"role": Role.OPERATOR}, {"disabled": True}):
        with pytest.raises(Refused, match="last"):
            await office.accounts.change(anna.id, by="test", **change)
    with pytest.raises(Refused, match="last"):
        await office.accounts.remove(anna.id, by="test")
    boris = await office.accounts.create("boris@example.ru", PASSWORD, Role.ADMIN)
    both = await asyncio.gather(
        office.accounts.change(anna.id, by=boris.id, role=Role.USER),
        office.accounts.change(boris.id, by=anna.id, disabled=True),
        return_exceptions=True,
    )
    assert [type(one) for one in both].count(Refused) == 1


async def test_a_disabled_account_loses_devices_and_keys_for_good(office: Office) -> None:
    """Enabled again, it starts anew."""
    account = await office.accounts.create(EMAIL, PASSWORD, Role.OPERATOR)
    device, refresh = await office.devices.open(account.id)
    _row, key = await office.keys.issue(account.id, "monitor", [Scope.READ])
    await office.keys.check(key, Scope.READ)
    for disabled in (True, False):
        await office.accounts.change(account.id, by="test", disabled=disabled)
        with pytest.raises(NotSignedIn):
            await office.keys.check(key, Scope.READ)
        with pytest.raises(NotSignedIn):
            await office.devices.bearer(device.id)
        with pytest.raises(NotSignedIn):
            await office.devices.renew(refresh)
    await office.signing_in.sign_in(EMAIL, PASSWORD)


async def test_a_key_may_no_more_than_its_owner(office: Office) -> None:
    """When it is issued, and when its owner loses the role."""
    user = await office.accounts.create(EMAIL, PASSWORD)
    for scope in (Scope.READ, Scope.ALERTS):
        with pytest.raises(Refused, match="role"):
            await office.keys.issue(user.id, "machine", [Scope.CHAT, scope])
    operator = await office.accounts.create("boris@example.ru", PASSWORD, Role.OPERATOR)
    _row, key = await office.keys.issue(operator.id, "machine", [Scope.CHAT, Scope.ALERTS])
    assert key.startswith(PREFIX)
    assert (await office.keys.check(key, Scope.ALERTS)).id == operator.id
    with pytest.raises(Refused) as refusal:
        await office.keys.check(key, Scope.READ)
    assert not isinstance(refusal.value, NotSignedIn)
    await office.accounts.change(operator.id, by="test", role=Role.USER)
    with pytest.raises(Refused):
        await office.keys.check(key, Scope.ALERTS)
    await office.keys.check(key, Scope.CHAT)


async def test_keys_are_few_and_revoked_by_their_owner(office: Office) -> None:
    """Another's key is as if it were not there."""
    account = await office.accounts.create(EMAIL, PASSWORD)
    eve = await office.accounts.create("eve@example.ru", PASSWORD)
    issued = [await office.keys.issue(account.id, f"key {n}", [Scope.CHAT]) for n in range(MOST)]
    with pytest.raises(Refused, match="most"):
        await office.keys.issue(account.id, "one more", [Scope.CHAT])
    row, key = issued[0]
    with pytest.raises(NotFound):
        await office.keys.revoke(eve.id, row.id)
    await office.keys.revoke(account.id, row.id)
    for gone in (key, PREFIX + "unknown"):
        with pytest.raises(NotSignedIn):
            await office.keys.check(gone, Scope.CHAT)


async def test_an_old_key_is_refused(office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its moment on."""
    from naryad.accounts import api_keys

    account = await office.accounts.create(EMAIL, PASSWORD)
    _row, key = await office.keys.issue(account.id, "machine", [Scope.CHAT], clock.now())
    monkeypatch.setattr(api_keys, "now", clock.now)
    with pytest.raises(NotSignedIn):
        await office.keys.check(key, Scope.CHAT)


async def test_accounts_are_found_page_by_page(office: Office) -> None:
    """A search takes its signs as they are."""
    made = [await office.accounts.create(f"user{n}@example.ru", PASSWORD, name=f"100% {n}") for n in range(3)]
    first = await office.accounts.listed(limit=2)
    rest = await office.accounts.listed(after=first[-1].id)
    assert [account.id for account in (*first, *rest)] == [account.id for account in made]
    assert [account.id for account in await office.accounts.listed(search="USER1@")] == [made[1].id]
    assert len(await office.accounts.listed(search="0% ")) == 3
    assert await office.accounts.listed(search="user_@") == []


async def test_one_address_has_one_account(office: Office) -> None:
    """However it is written, and however many make it at once."""
    made = await asyncio.gather(
        *(office.accounts.create(email, PASSWORD) for email in (EMAIL, " Anna@EXAMPLE.ru", "\uff41nna@example.ru")),
        return_exceptions=True,
    )
    assert [type(one) for one in made].count(Refused) == 2
    with pytest.raises(Refused, match="not an e-mail"):
        await office.accounts.create("anna", PASSWORD)


async def test_every_change_is_in_the_audit_without_personal_data(office: Office) -> None:
    """By whom, on which account, and never an address or a name; also of an account that is deleted."""
    await office.accounts.create("admin@example.ru", PASSWORD, Role.ADMIN, by="local:root")
    account = await office.accounts.create(EMAIL, PASSWORD, name="Anna Petrova", by="local:root")
    await office.accounts.change(account.id, by="account:admin", role=Role.OPERATOR)
    await office.accounts.change(account.id, by="account:admin", role=Role.OPERATOR)
    row, _key = await office.keys.issue(account.id, "Anna's key", [Scope.READ])
    await office.keys.revoke(account.id, row.id)
    await office.accounts.change(account.id, by="account:admin", disabled=True)
    await office.accounts.remove(account.id, by=principal(account.id))
    rows = [row for row in await Audit(office.database).rows() if principal(account.id) in row.data_json]
    assert [row.event.removeprefix("account.") for row in rows] == [
        "created",
        "role.changed",
        "key.issued",
        "key.revoked",
        "disabled",
        "deleted",
    ]
    assert not any(word in row.data_json for row in rows for word in ("anna", "Anna", "example.ru"))
    assert (await Audit(office.database).verify()).problem == ""
    with pytest.raises(NotFound):
        await office.accounts.get(account.id)


async def test_the_owner_hears_of_every_new_way_in(office: Office) -> None:
    """By a letter and in the audit: a device that was never seen, a key, a link to Telegram; a known device is none."""
    account = await office.accounts.create(EMAIL, PASSWORD, Role.OPERATOR)
    await office.signing_in.sign_in(EMAIL, PASSWORD, at=Place("Firefox", "192.0.2.1"))
    await office.signing_in.sign_in(EMAIL, PASSWORD, known=office.signer.know(account.id))
    await office.keys.issue(account.id, "monitor", [Scope.ALERTS])
    links = Links(office.database, Letters(Outbox(office.database), MAILING))
    await links.redeem(await links.code(account.id), 7)
    assert [kind for kind, _code in await office.letters()] == ["account.device", "account.key", "account.linked"]
    told = [row.event for row in await Audit(office.database).rows()]
    assert told == ["account.created", *["account.device.added"] * 2, "account.key.issued", "account.telegram.linked"]
    async with office.database.read() as session:
        told = [
            rendered(row.payload).body for row in (await session.exec(select(Delivery).order_by(Delivery.id))).all()
        ]
    assert "Firefox" in told[0]
    assert "192.0.2.1" in told[0]
    assert "monitor (alerts)" in told[1]
