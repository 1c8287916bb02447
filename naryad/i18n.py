"""Texts shown to people: English in the code, the reader's language on the screen."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, translation
from pathlib import Path

LANGUAGES = ("ru", "en")
CATALOGUES = Path(__file__).parent / "locale"

_chosen: ContextVar[str] = ContextVar("language", default="")


def language() -> str:
    """The language of this task: the one chosen with `use` or `speaking`, else `NARYAD_LANG`, else Russian."""
    lang = _chosen.get() or os.environ.get("NARYAD_LANG", "")
    return lang if lang in LANGUAGES else LANGUAGES[0]


def accepted(header: str) -> str:
    """The language that an `Accept-Language` header likes best, of those there are; else the present one."""
    liked = {language(): 0.0}
    for part in header[:1000].split(","):
        tag, _semicolon, weight = part.partition(";")
        lang = tag.strip().lower().partition("-")[0]
        if lang in LANGUAGES:
            found = re.fullmatch(r"\s*(?:q=([01](?:\.\d{0,3})?))?\s*", weight)
            liked[lang] = max(liked.get(lang, 0.0), float(found[1] or 1) if found else 0.0)
    return max(liked, key=liked.__getitem__)


def use(lang: str) -> None:
    """Speak `lang` from here on, and in every task and thread that is started from here.

    Raises:
        ValueError: There is no such catalogue.
    """
    _chosen.set(_known(lang))


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Speak `lang` inside the block: one request, one message, one reader.

    Raises:
        ValueError: There is no such catalogue.
    """
    token = _chosen.set(_known(lang))
    try:
        yield
    finally:
        _chosen.reset(token)


def _(message: str) -> str:
    """The text in the present language; format it afterwards: `_("Stop {name}?").format(name=name)`."""
    # gettext answers the empty text with the catalogue's header.
    return _catalogue(language()).gettext(message) if message else ""


def ngettext(one: str, many: str, number: int) -> str:
    """The form of the text that fits `number`: Russian has three."""
    return _catalogue(language()).ngettext(one, many, number)


def N_(message: str) -> str:
    """Mark a text that is declared here and translated with `_` where it is shown."""
    return message


def _known(lang: str) -> str:
    if lang not in LANGUAGES:
        raise ValueError(f"{lang!r} is none of the languages {', '.join(LANGUAGES)}")
    return lang


@cache
def _catalogue(lang: str) -> GNUTranslations:
    return translation("naryad", CATALOGUES, [lang])
