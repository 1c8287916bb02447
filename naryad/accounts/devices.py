"""Signed-in devices: each holds a refresh token that changes at every use; a stolen one ends the device."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import bindparam
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select

from naryad.accounts.accounts import Accounts, end_others
from naryad.accounts.letters import Letters
from naryad.accounts.refusals import NotSignedIn
from naryad.accounts.tokens import Signer
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, Device
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.i18n import _

MOST = 5
"""Devices a person may be signed in on; the one unused the longest makes room."""
LIFE = timedelta(days=30)
"""How long a device stays signed in without being used."""
GRACE = timedelta(seconds=10)
"""How long the token before the last is answered with the last: two tabs that wake at once, or an answer that got
lost, are no theft. A thief gains nothing: he gets the owner's next token, and the second who uses that ends both."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in, as they will read it in the list of their devices."""

    label: str = ""
    address: str = ""


SOMEWHERE = Place()


class Devices:
    """Opens, renews, lists and ends devices.

    Args:
        database: Where they are kept.
        accounts: Whose they are.
        letters: Tell of a new one.
        signer: Makes the refresh tokens: a device's id, its generation, and what only this install can say of both.
            So none is stored, and two that renew at once are given the same.
    """

    def __init__(self, database: Database, accounts: Accounts, letters: Letters, signer: Signer) -> None:
        self._database, self._accounts, self._letters, self._signer = database, accounts, letters, signer

    async def open(self, account_id: str, *, second_factor: bool = False) -> tuple[Device, str]:
        """Sign a device in that nobody need be told of; returns it with its first refresh token."""
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            return await self.add(session, account, SOMEWHERE, second_factor=second_factor, tell=False)

    async def add(
        self, session: AsyncSession, account: Account, at: Place, *, second_factor: bool, tell: bool
    ) -> tuple[Device, str]:
        """Sign a device in, in the transaction that made sure of its person and holds their account.

        Args:
            session: The caller's transaction: what was made sure of still holds at its end.
            account: Whose device it is.
            at: Where.
            second_factor: Whether a code was shown.
            tell: Whether to write the person a letter.
        """
        query = select(Device).where(Device.account_id == account.id).order_by(col(Device.used_at).desc())
        for surplus in (await session.exec(query)).all()[MOST - 1 :]:
            await session.delete(surplus)
        device = Device(
            account_id=account.id,
            label=at.label[:200],
            address=at.address[:100],
            second_factor_at=now() if second_factor else None,
            expires_at=now() + LIFE,
        )
        session.add(device)
        await self._accounts.record(session, "device.added", account.id, device=device.id)
        if tell:
            facts = {"device": device.label, "address": device.address}
            await self._letters.put(session, account.email, "account.device", account.lang, facts=facts)
        return device, self._token(device)

    async def renew(self, refresh: str) -> tuple[Account, Device, str]:
        """Exchange a refresh token for the next one.

        Raises:
            NotSignedIn: It is not ours or too old; or it was used before, which ends the device for the thief as well,
                and is told to the owner and to whoever looks after security.
        """
        name, _dot, signature = refresh.rpartition(".")
        device_id, _dot, generation = name.rpartition(".")
        ours = hmac.compare_digest(self._signer.mac(f"refresh.{name}").encode(), signature.encode("utf-8", "replace"))
        moment = now()
        async with self._database.write() as session:
            device = await session.get(Device, device_id, with_for_update=True) if ours else None
            account = await session.get(Account, device.account_id) if device else None
            if device and account and device.expires_at > moment and account.status is AccountStatus.ACTIVE:
                behind = device.generation - int(generation)
                if behind == 0:
                    device.generation, device.used_at, device.expires_at = device.generation + 1, moment, moment + LIFE
                    session.add(device)
                if behind == 0 or (behind == 1 and moment - device.used_at < GRACE):
                    return account, device, self._token(device)
                await self._stolen(session, account, device)
            if device:
                await session.delete(device)
        raise NotSignedIn(_("Sign in again: this device is signed out."))

    async def bearer(self, device_id: str) -> tuple[Account, Device]:
        """A signed-in device and whose it is.

        Raises:
            NotSignedIn: It was signed out, or its account may not be used any more.
        """
        found = await self._database.look(lambda session: session.exec(_bearer(), params={"id": device_id}).first())
        if found is None or found[1].expires_at <= now() or found[0].status is not AccountStatus.ACTIVE:
            raise NotSignedIn(_("Sign in again: this device is signed out."))
        return found[0], found[1]

    async def held(self, session: AsyncSession, account_id: str, device_id: str) -> Account:
        """The account of a device that is still signed in, held by the caller's transaction.

        Raises:
            NotSignedIn: It was signed out, also if only a moment ago.
        """
        account = await self._accounts.held(session, account_id)
        device = await session.get(Device, device_id)
        if device is None or device.account_id != account_id or account.status is not AccountStatus.ACTIVE:
            raise NotSignedIn(_("Sign in again: this device is signed out."))
        return account

    async def of(self, account_id: str) -> Sequence[Device]:
        """An account's devices, the last used first."""
        query = select(Device).where(Device.account_id == account_id, Device.expires_at > now())
        async with self._database.read() as session:
            return (await session.exec(query.order_by(col(Device.used_at).desc()))).all()

    async def end(self, account_id: str, device_id: str) -> None:
        """Sign out one device of an account; raises `NotFound` where it has none such."""
        gone = delete(Device).where(col(Device.account_id) == account_id, col(Device.id) == device_id)
        async with self._database.write() as session:
            if not (await session.exec(gone)).rowcount:
                raise NotFound(_("There is no such device."))

    async def end_all(self, account_id: str) -> None:
        """Sign out every device of an account."""
        async with self._database.write() as session:
            await end_others(session, account_id)

    async def _stolen(self, session: AsyncSession, account: Account, device: Device) -> None:
        facts = {"device": device.label, "address": device.address}
        await self._letters.warn(session, account, "stolen", facts)
        await self._accounts.record(session, "device.stolen", account.id, device=device.id)

    def _token(self, device: Device) -> str:
        name = f"{device.id}.{device.generation}"
        return f"{name}.{self._signer.mac(f'refresh.{name}')}"


@cache
def _bearer() -> Select[Account, Device]:
    """The question that every request asks, put together once: that takes longer than the answer."""
    held = select(Account, Device).join(Device, col(Device.account_id) == Account.id)
    return held.where(Device.id == bindparam("id"))
