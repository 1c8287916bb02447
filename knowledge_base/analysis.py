"""Words as the index sees them: lemmas of Russian, stems of English, and pieces of words that survive typos."""

import re
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymorphy3 import MorphAnalyzer  # type: ignore[import-untyped]
    from snowballstemmer.basestemmer import BaseStemmer  # type: ignore[import-untyped]

_WORD = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*|[а-яё]+(?:-[а-яё]+)*")
_PIECE = 4
_LONGEST = 60
_TWO_WAYS, _MOST_WAYS = re.compile("недо|небез"), 2
"""Prefixes that are also two, and how many of them a word may have: each doubles the ways to look it up."""
_lock = Lock()


@cache
def _russian() -> "MorphAnalyzer":
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer()


@cache
def _stemmer(cyrillic: bool) -> "BaseStemmer":
    from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]
    from snowballstemmer.russian_stemmer import RussianStemmer  # type: ignore[import-untyped]

    return RussianStemmer() if cyrillic else EnglishStemmer()


@cache
def _same() -> dict[str, str]:
    lines = Path(__file__).with_name("same_words.txt").read_text(encoding="utf-8").splitlines()
    return {other: first for first, *others in map(str.split, lines) for other in others}


@lru_cache(300_000)
def forms(word: str) -> tuple[str, ...]:
    """What one lower-case word is looked up by: its dictionary form and, in Russian, the stem of that.

    The form makes «шёл» and «идти» one verb, the stem «сбросить» and «сброс» one subject. Jargon and spellings of one
    thing become one.
    """
    word = _same().get(word, word)
    if russian := "а" <= word[0] <= "ё":
        if len(_TWO_WAYS.findall(word)) <= _MOST_WAYS:
            word = str(_russian().parse(word)[0].normal_form)
        word = word.replace("ё", "е")
        word = _same().get(word, word)
        russian = word[0] >= "а"
    with _lock:  # a stemmer keeps the word it works on in itself
        stem = str(_stemmer(russian).stemWord(word))
    return (word, f"~{stem}") if russian else (stem,)


def words(text: str) -> list[str]:
    """The lower-case words of a text, as they stand; a word of absurd length is data, and is cut."""
    return [found[:_LONGEST] for found in _WORD.findall(text.lower())]


def terms(text: str) -> list[str]:
    """The forms of a text's words, and those of the parts of compounds."""
    found: list[str] = []
    for word in words(text):
        found += forms(word)
        for part in filter(None, re.split("[-_]", word) if "-" in word or "_" in word else ()):
            found += forms(part)
    return found


@cache
def _listed(name: str) -> frozenset[str]:
    listed = Path(__file__).with_name(name).read_text(encoding="utf-8").split()
    return frozenset(forms(word)[0] for word in listed).union(listed)


def telling(text: str) -> str:
    """A question without the words that every question has; the whole question if nothing else is left."""
    return _without(text, _listed("common_words.txt"))


def subject(text: str) -> str:
    """What a question is about: also without the words of asking, which fit any subject."""
    return _without(telling(text), _listed("weak_words.txt"))


def _without(text: str, left_out: frozenset[str]) -> str:
    kept = [word for word in words(text) if left_out.isdisjoint((word, forms(word)[0]))]
    return " ".join(kept) or text


def pieces(text: str) -> list[str]:
    """Overlapping pieces of four letters, with the ends of words marked."""
    found = []
    for word in words(text):
        marked = f"^{word.replace('ё', 'е')}$"
        found += [marked[start : start + _PIECE] for start in range(max(1, len(marked) - _PIECE + 1))]
    return found


def language(text: str) -> str:
    """The language a text is most likely in: `ru` or `en`."""
    cyrillic = len(re.findall("[а-яё]", text[:20_000].lower()))
    return "ru" if cyrillic * 2 > len(re.findall("[a-z]", text[:20_000].lower())) else "en"
