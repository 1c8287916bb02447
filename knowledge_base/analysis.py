"""Words as the index sees them: lemmas of Russian, stems of English, and pieces of words that survive typos."""

import re
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymorphy3 import MorphAnalyzer  # type: ignore[import-untyped]
    from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]

_WORD = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*|[а-яё]+(?:-[а-яё]+)*")
_PIECE = 4
_LONGEST = 60
_lock = Lock()


@cache
def _russian() -> "MorphAnalyzer":
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer()


@cache
def _english() -> "EnglishStemmer":
    from snowballstemmer.english_stemmer import EnglishStemmer

    return EnglishStemmer()


@lru_cache(300_000)
def lemma(word: str) -> str:
    """The dictionary form of one lower-case word."""
    if "а" <= word[0] <= "я" or word[0] == "ё":
        return str(_russian().parse(word)[0].normal_form).replace("ё", "е")
    with _lock:  # the stemmer keeps the word it works on in itself
        return str(_english().stemWord(word))


def words(text: str) -> list[str]:
    """The lower-case words of a text, as they stand; a word of absurd length is data, and is cut."""
    return [found[:_LONGEST] for found in _WORD.findall(text.lower())]


def lemmas(text: str) -> list[str]:
    """The dictionary forms of a text's words, and those of the parts of compounds."""
    found = []
    for word in words(text):
        found.append(lemma(word))
        if "-" in word or "_" in word:
            found += [lemma(part) for part in re.split("[-_]", word) if part]
    return found


@cache
def _common() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common_words.txt").read_text(encoding="utf-8").split())


def telling(text: str) -> str:
    """A question without the words that every question has; the whole question if nothing else is left."""
    kept = [word for word in words(text) if _common().isdisjoint((word, lemma(word)))]
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
