"""Tokens: short signed ones that say who asks, and long random ones that are kept as digests."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from naryad.accounts.refusals import NotSignedIn
from naryad.auth import Role
from naryad.clock import now
from naryad.i18n import _

ACCESS_LIFE = timedelta(minutes=10)
KNOWN_LIFE = timedelta(days=365)
_ALGORITHM, _ACCESS, _KNOWN = "HS256", "naryad", "naryad-known-device"


def opaque() -> str:
    """A random token of 256 bits, fit for a header, a cookie or a link."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of an opaque token: enough to know it again, useless to a thief."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, from which device, and whether the second factor was shown on it."""

    account_id: str
    role: Role
    device_id: str
    second_factor: bool


class Signer:
    """Signs and reads tokens.

    Args:
        key: The install's own secret; another key makes every token worthless.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def sign(self, access: Access) -> str:
        """Make an access token that is good for ten minutes."""
        claims = {"role": access.role, "device": access.device_id, "second_factor": access.second_factor}
        return self._encode(_ACCESS, access.account_id, ACCESS_LIFE, claims)

    def read(self, token: str) -> Access:
        """Read an access token.

        Raises:
            NotSignedIn: It is not ours, was changed, or has run out.
        """
        claims = self._decode(_ACCESS, token, "role", "device", "second_factor")
        try:
            return Access(claims["sub"], Role(claims["role"]), claims["device"], claims["second_factor"] is True)
        except (KeyError, ValueError) as error:
            raise NotSignedIn(_("Sign in again: the access token is not valid any more.")) from error

    def know(self, account_id: str) -> str:
        """A token by which a device that was once signed in to an account is known again."""
        return self._encode(_KNOWN, account_id, KNOWN_LIFE, {"jti": opaque()})

    def known(self, token: str, account_id: str) -> str:
        """The name of a device that the account was signed in on before; empty for any other."""
        try:
            claims = self._decode(_KNOWN, token, "jti")
        except NotSignedIn:
            return ""
        return str(claims["jti"]) if claims["sub"] == account_id else ""

    def mac(self, text: str) -> str:
        """What only this install can say about a text."""
        made = hmac.digest(self._key.encode(), text.encode(), "sha256")
        return urlsafe_b64encode(made).rstrip(b"=").decode()

    def _encode(self, audience: str, subject: str, life: timedelta, claims: dict[str, Any]) -> str:
        import jwt

        whole = {**claims, "sub": subject, "aud": audience, "exp": now() + life}
        return jwt.encode(whole, self._key, algorithm=_ALGORITHM)

    def _decode(self, audience: str, token: str, *claims: str) -> dict[str, Any]:
        import jwt

        wanted = {"require": ["exp", "sub", *claims]}
        try:
            return jwt.decode(token, self._key, algorithms=[_ALGORITHM], audience=audience, options=wanted)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            raise NotSignedIn(_("Sign in again: the access token is not valid any more.")) from error
