"""Passwords: Argon2id, a few at a time and never in the event loop; an unknown account takes as long as a known one."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from naryad.errors import Refused
from naryad.i18n import _

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_LENGTH, MAX_LENGTH = 10, 128
AT_ONCE = 2
"""Each takes 64 MiB and a core: a crowd at the door must not take them all."""


async def hashed(password: str) -> str:
    """Hash a new password.

    Raises:
        Refused: It is too short or too long.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        text = _("A password has {least} to {most} characters.")
        raise Refused(text.format(least=MIN_LENGTH, most=MAX_LENGTH))
    return await asyncio.get_running_loop().run_in_executor(_threads(), _hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Compare; None (no such account) takes as long as a real comparison and is false."""
    loop, given = asyncio.get_running_loop(), password[: MAX_LENGTH + 1]
    return await loop.run_in_executor(_threads(), _matches, given, password_hash)


def _hash(password: str) -> str:
    return _hasher().hash(_normal(password))


def _matches(password: str, password_hash: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    nobody = _nobody()
    try:
        return bool(_hasher().verify(password_hash or nobody, _normal(password))) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """One password on every keyboard: «й» may be one character, or two."""
    return unicodedata.normalize("NFKC", password)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash("the password of nobody")
