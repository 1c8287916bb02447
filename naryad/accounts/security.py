"""What a signed-in person changes about how they prove themselves; a stolen token alone changes none of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Update
from sqlmodel import col, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import passwords, second_factor
from naryad.accounts.accounts import LINK, RESET, Accounts, end_others
from naryad.accounts.attempts import PASSWORDS, Counter
from naryad.accounts.devices import Devices
from naryad.accounts.letters import Letters
from naryad.accounts.refusals import SecondFactorNeeded
from naryad.accounts.sealing import Seal
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, Code, Device
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _


class Security:
    """The password and the second factor of an account."""

    def __init__(
        self, database: Database, accounts: Accounts, counter: Counter, letters: Letters, devices: Devices, seal: Seal
    ) -> None:
        self._database, self._accounts, self._counter, self._letters = database, accounts, counter, letters
        self._devices, self._seal = devices, seal

    @asynccontextmanager
    async def proven(
        self, account_id: str, password: str, code: str | None = None
    ) -> AsyncIterator[tuple[AsyncSession, Account]]:
        """A transaction of a person who proved themselves; whatever was proven still holds when it commits.

        Args:
            account_id: Whose.
            password: The password.
            code: Of the second factor, where one is set up; None where it is not asked for.

        Raises:
            Refused: It is wrong, or not right any more.
            SecondFactorNeeded: The code is missing.
            TooSoon: It was tried too often.
        """
        before = await self._try(account_id)
        right = await passwords.matches(password, before.password_hash)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            right = right and account.password_hash == before.password_hash
            if right and account.totp_secret and code is not None:
                if not code:
                    raise SecondFactorNeeded(_("Send the code of your authenticator app, or a recovery code."))
                right = await second_factor.spend(session, account, code, self._seal)
            if not right or account.status is not AccountStatus.ACTIVE:
                raise Refused(_("The password or the code is wrong."))
            await self._counter.forget(session, f"account:{account_id}")
            yield session, account

    async def prove(self, account_id: str, password: str, code: str | None = None) -> None:
        """Check what `proven` does, for something that is no single transaction."""
        async with self.proven(account_id, password, code):
            pass

    async def change_password(self, account_id: str, old: str, new: str, device_id: str) -> None:
        """Set another password; every other device is signed out.

        Raises:
            Refused: The old one is wrong, or the new one does not do.
        """
        password_hash = await passwords.hashed(new)
        async with self.proven(account_id, old) as (session, account):
            account.password_hash, account.totp_pending = password_hash, None
            await self._changed(session, account, "password.changed", device_id)

    async def begin_second_factor(self, account_id: str, password: str) -> tuple[str, str]:
        """Make a secret for an authenticator app, not yet in force; returns it and the link for a QR code.

        Raises:
            Refused: The password is wrong, or there is a second factor already.
        """
        secret = second_factor.new_secret()
        async with self.proven(account_id, password) as (session, account):
            if account.totp_secret:
                raise Refused(_("A second factor is set up already: switch it off first."))
            account.totp_pending = self._seal.close(secret)
            session.add(account)
        return secret, second_factor.link(account, secret)

    async def confirm_second_factor(self, account_id: str, code: str, device_id: str) -> list[str]:
        """Put the secret in force by its first code; returns the recovery codes, which nobody sees again.

        Raises:
            NotSignedIn: The device was signed out meanwhile.
            Refused: The code is wrong.
        """
        await self._try(account_id)
        async with self._database.write() as session:
            account = await self._devices.held(session, account_id, device_id)
            codes = await second_factor.switch_on(session, account, code, self._seal)
            if codes:
                await self._show(session, account_id, device_id)
                await self._changed(session, account, "second_factor.on", device_id)
        if not codes:
            raise Refused(_("The code is wrong."))
        return codes

    async def disable_second_factor(self, account_id: str, password: str, code: str) -> None:
        """Switch the second factor off.

        Raises:
            Refused: The password or the code is wrong.
        """
        async with self.proven(account_id, password, code) as (session, account):
            await second_factor.switch_off(session, account)
            await session.exec(_devices(account_id).values(second_factor_at=None))
            await self._changed(session, account, "second_factor.off")

    async def show_second_factor(self, account_id: str, code: str, device_id: str) -> None:
        """Show a code again on a signed-in device, for what wants a fresh one.

        Raises:
            NotSignedIn: The device was signed out meanwhile.
            Refused: The code is wrong, or there is no second factor.
        """
        await self._try(account_id)
        async with self._database.write() as session:
            account = await self._devices.held(session, account_id, device_id)
            right = bool(account.totp_secret) and await second_factor.spend(session, account, code, self._seal)
            if right:
                await self._show(session, account_id, device_id)
        if not right:
            raise Refused(_("The code is wrong."))

    async def _try(self, account_id: str) -> Account:
        async with self._database.write() as session:
            await self._counter.take(session, f"account:{account_id}", PASSWORDS)
        return await self._accounts.get(account_id)

    async def _show(self, session: AsyncSession, account_id: str, device_id: str) -> None:
        await session.exec(_devices(account_id).where(col(Device.id) == device_id).values(second_factor_at=now()))
        await self._counter.forget(session, f"account:{account_id}")

    async def _changed(self, session: AsyncSession, account: Account, what: str, device_id: str = "") -> None:
        """Tell the person and the audit; whoever else is signed in must sign in again."""
        session.add(account)
        await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose).in_([RESET, LINK])))
        if device_id:
            await end_others(session, account.id, device_id)
        await self._letters.put(session, account.email, "account.changed", account.lang)
        await self._accounts.record(session, what, account.id)


def _devices(account_id: str) -> Update:
    return update(Device).where(col(Device.account_id) == account_id)
