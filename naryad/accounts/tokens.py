"""Tokens: short signed ones that say who asks, and long random ones that are kept as digests."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from naryad.auth import Role
from naryad.clock import now
from naryad.errors import Refused
from naryad.i18n import _

ACCESS_LIFE = timedelta(minutes=10)
_ALGORITHM, _AUDIENCE = "HS256", "naryad"


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
    """Signs and reads access tokens.

    Args:
        key: The install's own secret; another key makes every token worthless.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def sign(self, access: Access) -> str:
        """Make a token that is good for ten minutes."""
        import jwt

        claims = {
            "sub": access.account_id,
            "role": access.role,
            "device": access.device_id,
            "mfa": access.second_factor,
            "aud": _AUDIENCE,
            "exp": now() + ACCESS_LIFE,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> Access:
        """Read a token.

        Raises:
            Refused: It is not ours, was changed, or has run out.
        """
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "sub", "role", "device", "mfa"]},
            )
            return Access(claims["sub"], Role(claims["role"]), claims["device"], claims["mfa"] is True)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Refused(_("Sign in again: the access token is not valid any more.")) from error
