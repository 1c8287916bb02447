"""A person's words, taken from outside: whatever comes, the run gets plain, short, masked text and its language."""

from typing import Any

from graphs.support.signs import Whole, Words
from graphs.support.state import Said
from knowledge_base import analysis
from naryad import masking
from naryad.db.types import storable
from naryad.i18n import language

TEXT_CHARS = 8_000
SUBJECT_CHARS = 200
QUERY_CHARS = 1_000
ORIGINS = ("chat", "mail", "phone")


def said(text: Any, subject: Any, origin: Any, before: str = "") -> Said:
    """Take an input as it came; nothing in it can make this fail.

    Args:
        text: The words.
        subject: What a letter is headed with.
        origin: The channel.
        before: The language that the conversation was in.
    """
    words, head = _text(text, TEXT_CHARS), " ".join(_text(subject, SUBJECT_CHARS).split())
    known = origin if origin in ORIGINS else ORIGINS[0]
    return Said(text=words, subject=head, origin=known, lang=_language(words or head, before))


def whole(words: Said) -> str:
    """What is asked: the words, with the subject of a letter before them."""
    head = words["subject"] if words["origin"] == "mail" and words["subject"] != words["text"] else ""
    return f"{head}\n{words['text']}".strip()[:QUERY_CHARS]


def title(words: Said, chars: int = 120) -> str:
    """It in one line."""
    return " ".join((words["subject"] or words["text"]).split())[:chars]


def _language(text: str, before: str) -> str:
    """That of the words; a lone foreign word, a number or a smile changes no conversation's language.

    What follows their first line, such as a pasted log, may be in any.
    """
    read = Words(text)
    telling = read.count > 1 or any(read.only(one) for one in Whole)
    if (before and not telling) or not any(letter.isalpha() for letter in text):
        return before or language()
    return analysis.language(next((line for line in text.splitlines() if len(analysis.words(line)) > 1), text))


def _text(value: Any, chars: int) -> str:
    if not isinstance(value, str):
        return ""
    # Masked before it is cut: half a secret is not known as one.
    return masking.secrets(str(storable(value[: 2 * chars])))[:chars].strip()
