"""Passwords: Argon2id, never in the event loop, and as slow for an unknown address as for a known one."""

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from naryad.errors import Refused
from naryad.i18n import _

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH, MAX_LENGTH = 10, 128


async def hashed(password: str) -> str:
    """Hash a new password.

    Raises:
        Refused: It is too short or too long.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        text = _("A password has {least} to {most} characters.")
        raise Refused(text.format(least=MIN_LENGTH, most=MAX_LENGTH))
    return await asyncio.to_thread(_hasher().hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Compare; None (no such account) takes as long as a real comparison and is false."""
    return await asyncio.to_thread(_matches, password[: MAX_LENGTH + 1], password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher().verify(password_hash or _nobody(), password)) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash("the password of nobody")
