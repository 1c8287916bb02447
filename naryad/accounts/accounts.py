"""Accounts: registration with a confirmed address, signing in with lock-out, roles, deletion."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import passwords, second_factor, tokens
from naryad.auth import Person, Role, roles_of
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, ApiKey, Code, Device
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _

CODE_LIFE = timedelta(hours=24)
RESEND_AFTER = timedelta(seconds=60)
FAILURES = 3
"""Wrong passwords in a row that lock an account."""
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)
CONFIRM, LINK = "confirm", "telegram"


def person(account: Account) -> Person:
    """An account as the gate knows it."""
    return Person(f"account:{account.id}", roles_of(account.role))


class Accounts:
    """Makes, confirms, checks and removes accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, email: str, password: str, name: str = "", *, lang: str = "ru") -> str | None:
        """Make an account that waits for its address to be confirmed.

        Returns:
            The code to be mailed; None where the address has an account, which nobody else may learn.

        Raises:
            Refused: The password does not do.
        """
        password_hash = await passwords.hashed(password)
        async with self._database.write() as session:
            if await self._by_email(session, email):
                return None
            account = Account(email=email.lower(), name=name, password_hash=password_hash, lang=lang)
            session.add(account)
            await session.flush()
            return await self._code(session, account, CONFIRM)

    async def create(self, email: str, password: str, role: Role, name: str = "") -> Account:
        """Make a confirmed account with a role: an administrator's act."""
        password_hash = await passwords.hashed(password)
        async with self._database.write() as session:
            if await self._by_email(session, email):
                raise Refused(_("{email} has an account already.").format(email=email))
            account = Account(
                email=email.lower(), name=name, password_hash=password_hash, role=role, status=AccountStatus.ACTIVE
            )
            session.add(account)
        return account

    async def resend(self, email: str) -> str | None:
        """A new confirmation code; None where there is nothing to confirm.

        Raises:
            Refused: The last one was sent less than a minute ago.
        """
        async with self._database.write() as session:
            account = await self._by_email(session, email)
            if account is None or account.status is not AccountStatus.UNCONFIRMED:
                return None
            last = select(Code.sent_at).where(Code.account_id == account.id, Code.purpose == CONFIRM)
            sent = (await session.exec(last.order_by(col(Code.sent_at).desc()).limit(1))).first()
            if sent and now() - sent < RESEND_AFTER:
                left = int((RESEND_AFTER - (now() - sent)).total_seconds()) + 1
                raise Refused(_("Wait {seconds} s before asking for another code.").format(seconds=left))
            return await self._code(session, account, CONFIRM)

    async def confirm(self, code: str) -> Account:
        """Take a confirmation code; raises `Refused` for a wrong or old one."""
        async with self._database.write() as session:
            account = await self._redeem(session, code, CONFIRM)
            if account.status is AccountStatus.UNCONFIRMED:
                account.status = AccountStatus.ACTIVE
                session.add(account)
        return account

    async def sign_in(self, email: str, password: str, totp: str = "") -> Account:
        """Check a password and, where one is set up, the second factor.

        Raises:
            Refused: Something is wrong; the same words for an unknown address and a wrong password.
        """
        wrong = _("The address, the password or the code is wrong.")
        async with self._database.read() as session:
            found = await self._by_email(session, email)
        right = await passwords.matches(password, found.password_hash if found else None)
        if found is None:
            raise Refused(wrong)
        refusal, moment = "", now()
        async with self._database.write() as session:
            account = (await session.exec(select(Account).where(Account.id == found.id).with_for_update())).one()
            if account.locked_until and account.locked_until > moment:
                raise Refused(_("Too many wrong passwords; try again later."))
            if account.totp_secret:
                step = second_factor.fitting_step(account.totp_secret, totp, moment, account.totp_step)
                right, account.totp_step = right and step is not None, step or account.totp_step
            if not right:
                refusal = wrong
                account.failures += 1
                if account.failures >= FAILURES:
                    account.locked_until = moment + min(
                        LONGEST_LOCK, FIRST_LOCK * 2 ** min(account.failures - FAILURES, 10)
                    )
            elif account.status is not AccountStatus.ACTIVE:
                refusal = _("Confirm your e-mail address first, or ask an administrator.")
            else:
                account.failures, account.locked_until = 0, None
            session.add(account)
        if refusal:
            raise Refused(refusal)
        return account

    async def get(self, account_id: str) -> Account:
        """One account; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            account = await session.get(Account, account_id)
        if account is None:
            raise NotFound(_("There is no such account."))
        return account

    async def by_email(self, email: str) -> Account:
        """One account by its address; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            account = await self._by_email(session, email)
        if account is None:
            raise NotFound(_("There is no account {email}.").format(email=email))
        return account

    async def listed(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        """Accounts in the order of their making, from the one after `after`."""
        async with self._database.read() as session:
            query = select(Account).where(col(Account.id) > after).order_by(col(Account.id)).limit(limit)
            return (await session.exec(query)).all()

    async def change(self, account_id: str, *, role: Role | None = None, disabled: bool | None = None) -> Account:
        """Give another role, or disable and enable; a disabled account's devices are signed out."""
        async with self._database.write() as session:
            account = await session.get(Account, account_id, with_for_update=True)
            if account is None:
                raise NotFound(_("There is no such account."))
            if role is not None:
                account.role = role
            if disabled is not None:
                account.status = AccountStatus.DISABLED if disabled else AccountStatus.ACTIVE
            session.add(account)
            if disabled:
                await session.exec(delete(Device).where(col(Device.account_id) == account_id))
        return account

    async def remove(self, account_id: str) -> None:
        """Delete an account with its devices, keys and codes."""
        async with self._database.write() as session:
            for table in (Device, ApiKey, Code):
                await session.exec(delete(table).where(col(table.account_id) == account_id))
            await session.exec(delete(Account).where(col(Account.id) == account_id))

    async def _by_email(self, session: AsyncSession, email: str) -> Account | None:
        return (await session.exec(select(Account).where(Account.email == email.lower()))).first()

    async def _code(self, session: AsyncSession, account: Account, purpose: str) -> str:
        code = tokens.opaque()
        session.add(
            Code(account_id=account.id, purpose=purpose, sha256=tokens.digest(code), expires_at=now() + CODE_LIFE)
        )
        return code

    async def _redeem(self, session: AsyncSession, code: str, purpose: str) -> Account:
        query = select(Code).where(Code.sha256 == tokens.digest(code), Code.purpose == purpose)
        found = (await session.exec(query.with_for_update())).first()
        account = await session.get(Account, found.account_id) if found and found.expires_at > now() else None
        if found is None or account is None:
            raise Refused(_("This code is wrong, used, or too old; ask for another one."))
        await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose) == purpose))
        return account
