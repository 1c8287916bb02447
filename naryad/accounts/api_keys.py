"""Keys for machines: shown once, kept as digests, each good only for its scopes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from sqlmodel import col, delete, select

from naryad.accounts import tokens
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, ApiKey
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _

PREFIX = "nrd_"
"""Begins every key, so that a leaked one is recognised."""


class Scope(StrEnum):
    """What a key may do; no scope decides approvals: only people do."""

    CHAT = "chat"
    ALERTS = "alerts"
    READ = "read"


class ApiKeys:
    """Issues, checks and revokes keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(
        self, account_id: str, name: str, scopes: Iterable[Scope], expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key; the second value is the key itself, which is never seen again."""
        key = PREFIX + tokens.opaque()
        row = ApiKey(
            account_id=account_id, name=name, sha256=tokens.digest(key), scopes=sorted(scopes), expires_at=expires_at
        )
        async with self._database.write() as session:
            session.add(row)
        return row, key

    async def check(self, key: str, scope: Scope) -> Account:
        """The account behind a key.

        Raises:
            Refused: The key is unknown, revoked or too old, lacks the scope, or its account is disabled.
        """
        async with self._database.read() as session:
            row = (await session.exec(select(ApiKey).where(ApiKey.sha256 == tokens.digest(key)))).first()
            account = await session.get(Account, row.account_id) if row else None
        good = row and (row.expires_at is None or row.expires_at > now()) and scope in row.scopes
        if not good or account is None or account.status is not AccountStatus.ACTIVE:
            raise Refused(_("This key is not valid here."))
        return account

    async def of(self, account_id: str) -> Sequence[ApiKey]:
        """An account's keys, without the keys themselves."""
        async with self._database.read() as session:
            return (await session.exec(select(ApiKey).where(ApiKey.account_id == account_id))).all()

    async def revoke(self, account_id: str, key_id: str) -> None:
        """End one key of an account."""
        async with self._database.write() as session:
            await session.exec(delete(ApiKey).where(col(ApiKey.account_id) == account_id, col(ApiKey.id) == key_id))
