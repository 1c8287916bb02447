"""Secrets and personal data taken out of text before it reaches a log, a prompt or the audit."""

import re
from collections.abc import Callable
from typing import Any

# Tools answer with megabytes of one "word": a pattern must not look at the same text again from each of its letters.
_MASK = "•••"
_NAMED = re.compile(
    r"""(?ix)
    ((?:password|passwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|token|credential)s?
     ["']?\s*[:=]\s*["']?)
    (?!\s*(?:null|none|true|false)\b)[^\s"',;&}\]]{3,}""",
)
_BARE = re.compile(
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\beyJ[\w-]{8,512}+\.[\w-]{8,}+\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+\b")
_PHONE = re.compile(r"(?<![\w.])\+?[78][\s(-]{0,2}\d{3}[\s)-]{0,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?![\w.])")


def secrets(text: str) -> str:
    """Replace what looks like a secret: keys, tokens, passwords, private keys, passwords in URLs."""
    text = _URL_PASSWORD.sub(rf"\1:{_MASK}@", text)
    text = _NAMED.sub(rf"\1{_MASK}", text)
    return _BARE.sub(_MASK, text)


def personal(text: str) -> str:
    """Replace secrets, e-mail addresses and Russian phone numbers."""
    return _PHONE.sub(_MASK, _EMAIL.sub(_MASK, secrets(text)))


def in_value(value: Any, mask: Callable[[str], str] = personal) -> Any:
    """Mask every string inside a JSON value; a value under a secret's name is masked whole."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _under(key, item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_value(item, mask) for item in value]
    return value


def _under(key: str, item: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(item, str | list | tuple | dict) and item and _NAMED.search(f"{key}=abcdef"):
        return _MASK
    return in_value(item, mask)
