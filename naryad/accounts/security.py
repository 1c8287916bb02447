"""What a signed-in person changes about how they prove themselves; a stolen token alone changes none of it."""

from sqlalchemy import Update
from sqlmodel import col, delete, update
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import passwords, second_factor
from naryad.accounts.accounts import LINK, RESET, Accounts
from naryad.accounts.attempts import PASSWORDS, Counter
from naryad.accounts.devices import end_others
from naryad.accounts.letters import Letters
from naryad.accounts.refusals import SecondFactorNeeded
from naryad.clock import now
from naryad.db.models.account import Account, Code, Device
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _


class Security:
    """The password and the second factor of an account."""

    def __init__(self, database: Database, accounts: Accounts, counter: Counter, letters: Letters) -> None:
        self._database, self._accounts, self._counter, self._letters = database, accounts, counter, letters

    async def prove(self, account_id: str, password: str, code: str | None = None) -> None:
        """Check the password of a signed-in person and, unless `code` is None, the second factor where one is set up.

        Raises:
            Refused: It is wrong.
            SecondFactorNeeded: The code is missing.
            TooSoon: It was tried too often.
        """
        account = await self._try(account_id)
        right = await passwords.matches(password, account.password_hash)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            if right and account.totp_secret and code is not None:
                if not code:
                    raise SecondFactorNeeded(_("Send the code of your authenticator app, or a recovery code."))
                right = await second_factor.spend(session, account, code)
            if right:
                await self._counter.forget(session, f"account:{account_id}")
        if not right:
            raise Refused(_("The password or the code is wrong."))

    async def change_password(self, account_id: str, old: str, new: str, device_id: str) -> None:
        """Set another password; every other device is signed out.

        Raises:
            Refused: The old one is wrong, or the new one does not do.
        """
        await self.prove(account_id, old)
        password_hash = await passwords.hashed(new)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            account.password_hash = password_hash
            await self._changed(session, account, "password.changed", device_id)

    async def begin_second_factor(self, account_id: str, password: str) -> tuple[str, str]:
        """Make a secret for an authenticator app, not yet in force; returns it and the link for a QR code.

        Raises:
            Refused: The password is wrong, or there is a second factor already.
        """
        await self.prove(account_id, password)
        secret = second_factor.new_secret()
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            if account.totp_secret:
                raise Refused(_("A second factor is set up already: switch it off first."))
            account.totp_pending = secret
            session.add(account)
        return secret, second_factor.link(account, secret)

    async def confirm_second_factor(self, account_id: str, code: str, device_id: str) -> list[str]:
        """Put the secret in force by its first code; returns the recovery codes, which nobody sees again.

        Raises:
            Refused: The code is wrong.
        """
        await self._try(account_id)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            codes = await second_factor.switch_on(session, account, code)
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
        await self.prove(account_id, password, code)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            await second_factor.switch_off(session, account)
            await session.exec(_devices(account_id).values(second_factor_at=None))
            await self._changed(session, account, "second_factor.off")

    async def show_second_factor(self, account_id: str, code: str, device_id: str) -> None:
        """Show a code again on a signed-in device, for what wants a fresh one.

        Raises:
            Refused: The code is wrong, or there is no second factor.
        """
        await self._try(account_id)
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            right = bool(account.totp_secret) and await second_factor.spend(session, account, code)
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
