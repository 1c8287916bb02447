"""Secrets and personal data taken out of text before it reaches a log, a prompt or the audit."""

import re
from collections.abc import Callable
from typing import Any

_MASK = "•••"
# Tools answer with megabytes of one "word", or of blanks: no pattern may look at the same text again from each of its
# letters. So repetitions are bounded, or possessive (`++`: what one took it never gives back).
_NAME = r"""
    (?: passw(?:or)?d[\w-]{0,40}+ | passphrase | (?<![a-z])pass | pwd | secret(?:s(?![\w-])|[\w-]{0,40}+)
      | (?:api|access|private|signing|encryption|auth|account)[_-]?keys? | tokens? | credentials?
      | (?:парол|секрет|токен)[а-яё]{0,3}+ (?:\s(?:от|для|к|у)(?:\s[^\s:=]{1,40}+){1,2}+)?+ )
"""
_NAMED = re.compile(
    rf"""(?ix)
    ( {_NAME} \\{{0,8}}+["']? \s*+ (?:=>|:=|[:=]) [^\S\n]*+ (?:\n[ \t]++)?+ )
    (?: (?P<quote>\\{{0,8}}+["']) (?: (?!(?P=quote)) (?:\\.|[^\n]) )++
      | [|>][+-]?\n (?:[ \t]++[^\n]*+\n?)++
      | (?!(?:null|none|nil|true|false|yes|no)\b)
        (?: (?! [,;&}})\]] (?:[\s,;}})\]] | [\w.-]{{1,40}}+\s?[=:] | \Z) ) [^\s"'] ){{3,}}+ )""",
)
_OPTION = re.compile(rf"(?ix) ( (?<![\w-])--?[\w-]{{0,30}}? {_NAME} \s++ ) (?!-) \S++")
_HEADER = re.compile(r"""(?i)(\b(?:authorization|(?:set-)?cookie)\\{0,8}+["']?\s*+[:=]\s*+\\{0,8}+["']?)[^\n"'\\]++""")
_BARE = re.compile(
    r"(?i:\b(?:bearer|basic)\s++[A-Za-z0-9._~+/=-]{8,}+)"
    r"|(?i:\bidentified\s++by\s++(?:password\s++)?)['\"][^'\"\n]++"
    r"|\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AIza|hf_|npm_|y[0-6]_|AQVN)[A-Za-z0-9_-]{16,}+"
    r"|(?<!\d)\d{8,10}:[A-Za-z0-9_-]{30,50}(?![A-Za-z0-9_-])"
    r"|\beyJ[\w-]{8,512}+\.[\w-]{8,}+\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,200}):[^\s/]{1,200}@", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+\b")
_PHONE = re.compile(r"(?<![\w.])\+?[78][\s(-]{0,2}\d{3}[\s)-]{0,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?![\w.])")


def secrets(text: str) -> str:
    """Replace what looks like a secret: keys, tokens, passwords, private keys, passwords in URLs."""
    text = _URL_PASSWORD.sub(rf"\1:{_MASK}@", text)
    text = _HEADER.sub(rf"\1{_MASK}", text)
    text = _NAMED.sub(lambda found: f"{found[1]}{found['quote'] or ''}{_MASK}", text)
    text = _OPTION.sub(rf"\1{_MASK}", text)
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
