"""Secrets of second factors as they are stored: sealed with the install's key, which no copy of the database has."""

import hmac
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import structlog
from sqlmodel import col, or_, select

from naryad.db.models.account import Account
from naryad.db.session import Database

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

log = structlog.get_logger()
_PLAIN = re.compile(r"[A-Z2-7]{16,64}")
"""A secret that was stored before there was a seal."""


class Seal:
    """Seals and opens secrets.

    Args:
        key: The install's own secret.
        before: Earlier ones: they open, and never seal.
    """

    def __init__(self, key: str, *before: str) -> None:
        self._keys = [key, *before]

    def close(self, secret: str) -> str:
        """Seal a secret."""
        return self._fernet(self._keys[0]).encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret; empty, with a line in the log, where it was sealed with a key that nobody gave."""
        if secret := self._opened(sealed, self._keys):
            return secret
        log.error("account.second_factor.unreadable", hint="NARYAD_SECRET is another one: set NARYAD_SECRET_BEFORE")
        return ""

    async def renew(self, database: Database) -> int:
        """Seal with the present key what is not yet; returns how many accounts that was."""
        query = select(Account).where(
            or_(col(Account.totp_secret).is_not(None), col(Account.totp_pending).is_not(None))
        )
        async with database.read() as session:
            known = (await session.exec(query)).all()
        due = [account.id for account in known if self._due(account.totp_secret) or self._due(account.totp_pending)]
        if not due:
            return 0
        async with database.write() as session:
            rows = (await session.exec(query.where(col(Account.id).in_(due)).with_for_update())).all()
            for account in rows:
                account.totp_secret, account.totp_pending = map(
                    self._renewed, (account.totp_secret, account.totp_pending)
                )
                session.add(account)
        return len(rows)

    def _due(self, stored: str | None) -> bool:
        return bool(stored) and not self._opened(str(stored), self._keys[:1])

    def _renewed(self, stored: str | None) -> str | None:
        if not stored or not self._due(stored):
            return stored
        secret = stored if _PLAIN.fullmatch(stored) else self.open(stored)
        return self.close(secret) if secret else stored

    def _opened(self, sealed: str, keys: list[str]) -> str:
        from cryptography.fernet import InvalidToken

        for key in keys:
            try:
                return self._fernet(key).decrypt(sealed.encode()).decode()
            except InvalidToken:
                continue
        return ""

    @staticmethod
    def _fernet(key: str) -> "Fernet":
        from cryptography.fernet import Fernet

        return Fernet(urlsafe_b64encode(hmac.digest(key.encode(), b"naryad: secrets of second factors", "sha256")))
