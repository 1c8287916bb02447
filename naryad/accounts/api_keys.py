"""Keys for machines: shown once, kept as digests, each good only for its scopes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import tokens
from naryad.accounts.accounts import Accounts
from naryad.accounts.letters import Letters
from naryad.accounts.refusals import NotSignedIn
from naryad.auth import Role, roles_of
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, ApiKey
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _

PREFIX = "nrd_"
"""Begins every key, so that a leaked one is recognised."""
MOST = 20
"""Keys of one account."""


class Scope(StrEnum):
    """What a key may do; no scope decides approvals: only people do."""

    CHAT = "chat"
    ALERTS = "alerts"
    READ = "read"


NEEDS = {Scope.CHAT: Role.USER, Scope.ALERTS: Role.OPERATOR, Scope.READ: Role.OPERATOR}
"""The role that a key's owner must have, when it is issued and whenever it is used."""


class ApiKeys:
    """Issues, checks and revokes keys."""

    def __init__(self, database: Database, accounts: Accounts, letters: Letters) -> None:
        self._database, self._accounts, self._letters = database, accounts, letters

    async def issue(
        self, account_id: str, name: str, scopes: Iterable[Scope], expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key in a transaction of its own, as `add` does."""
        async with self._database.write() as session:
            account = await self._accounts.held(session, account_id)
            return await self.add(session, account, name, scopes, expires_at)

    async def add(
        self,
        session: AsyncSession,
        account: Account,
        name: str,
        scopes: Iterable[Scope],
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key in the transaction that holds its account; the second value is the key, never seen again.

        Raises:
            Refused: The account's role does not allow the scope, or it has too many keys.
        """
        key, wanted = PREFIX + tokens.opaque(), sorted({str(scope) for scope in scopes})
        row = ApiKey(account_id=account.id, name=name, sha256=tokens.digest(key), scopes=wanted, expires_at=expires_at)
        needed = {NEEDS[Scope(scope)] for scope in wanted}
        if account.status is not AccountStatus.ACTIVE or not needed <= roles_of(account.role):
            raise Refused(_("Your role does not allow such a key."))
        if len((await session.exec(select(ApiKey.id).where(ApiKey.account_id == account.id))).all()) >= MOST:
            raise Refused(_("An account has at most {most} keys: revoke one first.").format(most=MOST))
        session.add(row)
        await self._accounts.record(session, "key.issued", account.id, key=row.id, scopes=wanted)
        facts = {"key": f"{name} ({', '.join(wanted)})"}
        await self._letters.put(session, account.email, "account.key", account.lang, facts=facts)
        return row, key

    async def check(self, key: str, scope: Scope) -> Account:
        """The account behind a key.

        Raises:
            NotSignedIn: The key is unknown, revoked or too old, or its account is disabled.
            Refused: It lacks the scope, or its owner lost the role for that.
        """
        query = select(Account, ApiKey).join(ApiKey, col(ApiKey.account_id) == Account.id)
        query = query.where(ApiKey.sha256 == tokens.digest(key), Account.status == AccountStatus.ACTIVE)
        found = await self._database.look(lambda session: session.exec(query).first())
        good = found and (found[1].expires_at is None or found[1].expires_at > now())
        if found is None or not good:
            raise NotSignedIn(_("This key is not valid here."))
        if scope not in found[1].scopes or NEEDS[scope] not in roles_of(found[0].role):
            text = _("This needs a key with the scope {scope}, of an owner whose role still allows it.")
            raise Refused(text.format(scope=scope))
        return found[0]

    async def of(self, account_id: str) -> Sequence[ApiKey]:
        """An account's keys, without the keys themselves."""
        async with self._database.read() as session:
            return (await session.exec(select(ApiKey).where(ApiKey.account_id == account_id))).all()

    async def revoke(self, account_id: str, key_id: str) -> None:
        """End one key of an account; raises `NotFound` where it has none such."""
        gone = delete(ApiKey).where(col(ApiKey.account_id) == account_id, col(ApiKey.id) == key_id)
        async with self._database.write() as session:
            if not (await session.exec(gone)).rowcount:
                raise NotFound(_("There is no such key."))
            await self._accounts.record(session, "key.revoked", account_id, key=key_id)
