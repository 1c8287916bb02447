"""Signed-in devices: each holds a refresh token that changes at every use; a stolen one ends the device."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, delete, select

from naryad.accounts import tokens
from naryad.clock import now
from naryad.db.models.account import Device, SpentToken
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _

MOST = 5
"""Devices a person may be signed in on; the one unused the longest makes room."""
LIFE = timedelta(days=30)
"""How long a device stays signed in without being used."""


class Devices:
    """Opens, renews, lists and ends devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, account_id: str, *, label: str = "", address: str = "") -> tuple[Device, str]:
        """Sign a device in; returns it with its first refresh token."""
        refresh = tokens.opaque()
        async with self._database.write() as session:
            query = select(Device).where(Device.account_id == account_id).order_by(col(Device.used_at).desc())
            for surplus in (await session.exec(query)).all()[MOST - 1 :]:
                await session.delete(surplus)
            device = Device(
                account_id=account_id,
                label=label[:200],
                address=address,
                refresh_sha256=tokens.digest(refresh),
                expires_at=now() + LIFE,
            )
            session.add(device)
        return device, refresh

    async def renew(self, refresh: str) -> tuple[Device, str]:
        """Exchange a refresh token for the next one.

        Raises:
            Refused: It is unknown or too old; or it was used before, which ends the device for the thief as well.
        """
        spent, following = tokens.digest(refresh), tokens.opaque()
        async with self._database.write() as session:
            query = select(Device).where(Device.refresh_sha256 == spent).with_for_update()
            device = (await session.exec(query)).first()
            if device and device.expires_at > now():
                session.add(SpentToken(sha256=spent, device_id=device.id))
                device.refresh_sha256, device.used_at = tokens.digest(following), now()
                device.expires_at = now() + LIFE
                session.add(device)
                return device, following
            stolen = select(SpentToken.device_id).where(SpentToken.sha256 == spent)
            await session.exec(delete(Device).where(col(Device.id).in_(stolen)))
        raise Refused(_("Sign in again: this device is signed out."))

    async def alive(self, device_id: str) -> bool:
        """Whether a device is still signed in."""
        async with self._database.read() as session:
            device = await session.get(Device, device_id)
        return device is not None and device.expires_at > now()

    async def of(self, account_id: str) -> Sequence[Device]:
        """An account's devices, the last used first."""
        async with self._database.read() as session:
            query = select(Device).where(Device.account_id == account_id).order_by(col(Device.used_at).desc())
            return (await session.exec(query)).all()

    async def end(self, account_id: str, device_id: str = "") -> None:
        """Sign out one device of an account, or all of them."""
        gone = delete(Device).where(col(Device.account_id) == account_id)
        async with self._database.write() as session:
            await session.exec(gone.where(col(Device.id) == device_id) if device_id else gone)
