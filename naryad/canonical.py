"""One spelling of a JSON value, and its digest: what an approval is given for."""

import hashlib
from typing import Any

import rfc8785


def encode(value: Any) -> str:
    """Spell a JSON value by RFC 8785 (sorted keys, one number format)."""
    return rfc8785.dumps(value).decode()


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical spelling."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
