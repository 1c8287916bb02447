"""Accounts: who they are, what they may do, and what an administrator changes; every change of that is audited."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlmodel import col, delete, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import addresses, passwords
from naryad.auth import Person, Role, roles_of
from naryad.db.models.account import Account, AccountStatus, ApiKey, Device, Registration
from naryad.db.models.delivery import Delivery
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.gate.audit import Audit
from naryad.i18n import _
from naryad.notify import removal

RESET, RECOVERY, LINK = "password", "recovery", "telegram"
"""What a code is for."""


def principal(account_id: str) -> str:
    """An account's name to the gate, the audit and the threads."""
    return f"account:{account_id}"


def person(account: Account) -> Person:
    """An account as the gate knows it."""
    return Person(principal(account.id), roles_of(account.role))


class Accounts:
    """Makes, finds, changes and removes accounts."""

    def __init__(self, database: Database) -> None:
        self._database, self._audit = database, Audit(database)

    async def create(
        self, email: str, password: str, role: Role = Role.USER, name: str = "", *, lang: str = "ru", by: str = ""
    ) -> Account:
        """Make an account without asking its address: an administrator's act.

        Args:
            email: Its address.
            password: Its first password.
            role: What the person may do.
            name: How the person is called.
            lang: Their language.
            by: Who makes it, for the audit.

        Raises:
            Refused: The address is none, or has an account; or the password does not do.
        """
        address = _address(email)
        password_hash = await passwords.hashed(password)
        account = Account(email=address, name=name, password_hash=password_hash, role=role, lang=lang)
        async with self._database.write() as session:
            if not await self.add(session, account, by=by):
                raise Refused(_("{email} has an account already.").format(email=address))
        return account

    async def add(self, session: AsyncSession, account: Account, *, by: str = "") -> bool:
        """Add an account in the caller's transaction; False where its address has one already."""
        await self._database.serialize(session, f"account:{account.email}")
        if await self.find(session, account.email):
            return False
        session.add(account)
        await session.flush()
        await self.record(session, "created", account.id, by=by, role=account.role)
        return True

    async def find(self, session: AsyncSession, email: str) -> Account | None:
        """The account of an address in its normal form."""
        return (await session.exec(select(Account).where(Account.email == email))).first()

    async def get(self, account_id: str) -> Account:
        """One account; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            return _there(await session.get(Account, account_id))

    async def by_email(self, email: str) -> Account:
        """One account by its address; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            return _there(await self.find(session, _address(email)))

    async def listed(self, *, search: str = "", after: str = "", limit: int = 50) -> Sequence[Account]:
        """Accounts in the order of their making, from the one after `after`; of a search in address and name."""
        query = select(Account).where(col(Account.id) > after).order_by(col(Account.id)).limit(limit)
        if search:
            fits = [col(column).icontains(search, autoescape=True) for column in (Account.email, Account.name)]
            query = query.where(or_(*fits))
        async with self._database.read() as session:
            return (await session.exec(query)).all()

    async def describe(self, account_id: str, **values: str) -> Account:
        """Change what a person says of themselves: `name`, `lang`."""
        async with self._database.write() as session:
            account = await self.held(session, account_id)
            for name, value in values.items():
                setattr(account, name, value)
            session.add(account)
        return account

    async def change(
        self, account_id: str, *, by: str = "", role: Role | None = None, disabled: bool | None = None
    ) -> Account:
        """Give another role, or disable and enable; a disabled account loses its devices, keys and link for good.

        Raises:
            NotFound: There is no such account.
            Refused: It is the last administrator's.
        """
        async with self._database.write() as session:
            account = await self.held(session, account_id)
            if role not in (None, Role.ADMIN) or disabled:
                await self.spare_last_admin(session, account)
            if role is not None and role is not account.role:
                account.role = role
                await self.record(session, "role.changed", account_id, by=by, role=role)
            status = AccountStatus.DISABLED if disabled else AccountStatus.ACTIVE
            if disabled is not None and status is not account.status:
                account.status = status
                await self.record(session, "disabled" if disabled else "enabled", account_id, by=by)
            session.add(account)
            if disabled:
                account.telegram_id = None
                await end_others(session, account_id)
                await session.exec(delete(ApiKey).where(col(ApiKey.account_id) == account_id))
        return account

    async def remove(self, account_id: str, *, by: str) -> None:
        """Delete an account with its devices, keys and codes, and every message to it; the audit keeps its id.

        Raises:
            NotFound: There is no such account.
            Refused: It is the last administrator's.
        """
        async with self._database.write() as session:
            account = await self.held(session, account_id)
            await self.spare_last_admin(session, account)
            ways = [account.email, *([str(account.telegram_id)] if account.telegram_id else [])]
            # First, for it waits for whoever writes messages, and they for no row that is gone.
            await session.run_sync(partial(removal.erase, self._database, [principal(account_id)]))
            await session.exec(delete(Delivery).where(func.lower(col(Delivery.target)).in_(ways)))
            await session.exec(delete(Registration).where(col(Registration.email) == account.email))
            await session.delete(account)
            await self.record(session, "deleted", account_id, by=by)

    async def check_removable(self, account_id: str) -> None:
        """Raise what `remove` would, and change nothing."""
        async with self._database.write() as session:
            await self.spare_last_admin(session, await self.held(session, account_id))

    async def held(self, session: AsyncSession, account_id: str) -> Account:
        """An account that nobody else changes until the transaction ends; raises `NotFound` where there is none."""
        return _there(await session.get(Account, account_id, with_for_update=True))

    async def spare_last_admin(self, session: AsyncSession, account: Account) -> None:
        """Raise `Refused` where nobody could manage the install without this account."""
        if account.role is not Role.ADMIN or account.status is not AccountStatus.ACTIVE:
            return
        await self._database.serialize(session, "account:administrators")
        others = select(func.count()).where(
            Account.role == Role.ADMIN, Account.status == AccountStatus.ACTIVE, Account.id != account.id
        )
        if not (await session.exec(others)).one():
            raise Refused(_("This is the last administrator: make another one first."))

    async def record(self, session: AsyncSession, what: str, account_id: str, *, by: str = "", **data: Any) -> None:
        """Write what happened to an account into the audit, in the caller's transaction."""
        told = {"person": by or principal(account_id), "account": principal(account_id), **data}

        def write(direct: Any) -> None:
            self._audit.record(direct, f"account.{what}", "", **told)

        await session.run_sync(write)


async def end_others(session: AsyncSession, account_id: str, but: str = "") -> None:
    """Sign out every device of an account but one, in the caller's transaction."""
    await session.exec(delete(Device).where(col(Device.account_id) == account_id, col(Device.id) != but))


def _address(email: str) -> str:
    try:
        return addresses.normal(email)
    except ValueError as error:
        raise Refused(_("This is not an e-mail address.")) from error


def _there(account: Account | None) -> Account:
    if account is None:
        raise NotFound(_("There is no such account."))
    return account
