"""Links between accounts and Telegram: a person is known there by the numeric id alone, never by a name."""

import secrets
from datetime import timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import tokens
from naryad.accounts.accounts import LINK, Accounts
from naryad.accounts.letters import Letters
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, Code
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _

CODE_LIFE = timedelta(minutes=10)
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""None that looks like another: the code is read from one screen and typed on another."""
_LENGTH = 10


class Links:
    """Makes and breaks links; the audit has each, and the person is told of a new one by a letter.

    Args:
        database: Where they are kept.
        letters: Tell of a new link; needed where codes are redeemed.
    """

    def __init__(self, database: Database, letters: Letters | None = None) -> None:
        self._database, self._accounts, self._letters = database, Accounts(database), letters

    async def code(self, account_id: str) -> str:
        """A new code in a transaction of its own, as `add_code` makes it; `NotFound` where there is no such account."""
        async with self._database.write() as session:
            return await self.add_code(session, await self._accounts.held(session, account_id))

    async def add_code(self, session: AsyncSession, account: Account) -> str:
        """A new one-time code that is good for ten minutes; it makes the one before worthless.

        Args:
            session: The transaction that holds the account.
            account: Whose it is.

        Raises:
            Refused: The account is not active.
        """
        if account.status is not AccountStatus.ACTIVE:
            raise Refused(_("This account is not active."))
        code = "".join(secrets.choice(_LETTERS) for _letter in range(_LENGTH))
        await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose) == LINK))
        session.add(Code(account_id=account.id, purpose=LINK, sha256=tokens.digest(code), expires_at=now() + CODE_LIFE))
        return code

    async def redeem(self, code: str, telegram_id: int) -> Account:
        """Link the account that the code was made for; it may have been linked to another telephone before.

        Raises:
            Refused: The code is wrong, used or too old; or this person is linked to another account: who follows a
                stranger's link must not lose their own.
        """
        digest = tokens.digest(code.strip().upper())
        async with self._database.write() as session:
            # One at a time, on PostgreSQL too: two codes redeemed at once must not give one person two accounts.
            await self._database.serialize(session, f"telegram:{telegram_id}")
            query = select(Code).where(Code.sha256 == digest, Code.purpose == LINK).with_for_update()
            found = (await session.exec(query)).first()
            account = await session.get(Account, found.account_id, with_for_update=True) if found else None
            if found is None or account is None or found.expires_at <= now():
                raise Refused(_("This code is wrong, used, or too old; ask for another one."))
            other = (await session.exec(select(Account).where(Account.telegram_id == telegram_id))).first()
            if account.status is not AccountStatus.ACTIVE or (other and other.id != account.id):
                raise Refused(_("This Telegram is linked to another account, or the account is not active."))
            await session.delete(found)
            account.telegram_id = telegram_id
            session.add(account)
            await self._accounts.record(session, "telegram.linked", account.id)
            if self._letters:
                await self._letters.put(session, account.email, "account.linked", account.lang)
        return account

    async def of(self, telegram_id: int) -> Account | None:
        """The active account of a person on Telegram."""
        query = select(Account).where(Account.telegram_id == telegram_id, Account.status == AccountStatus.ACTIVE)
        async with self._database.read() as session:
            return (await session.exec(query)).first()

    async def active(self, account_id: str) -> Account | None:
        """An account while it is linked and active."""
        async with self._database.read() as session:
            account = await session.get(Account, account_id)
        known = account and account.telegram_id is not None and account.status is AccountStatus.ACTIVE
        return account if known else None

    async def unlink(self, account_id: str) -> None:
        """Break the link, and make a waiting code worthless."""
        async with self._database.write() as session:
            await session.exec(delete(Code).where(col(Code.account_id) == account_id, col(Code.purpose) == LINK))
            account = await session.get(Account, account_id, with_for_update=True)
            if account and account.telegram_id is not None:
                account.telegram_id = None
                session.add(account)
                await self._accounts.record(session, "telegram.unlinked", account_id)
