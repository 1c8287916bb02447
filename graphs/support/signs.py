"""What a person's words say plainly: read by the forms of words, so that neither a model nor a guess is needed."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

from knowledge_base import analysis

READ_CHARS = 2_000
"""How much of a text is read for signs."""
GAP = 3
"""How many other words may stand between two of a phrase."""
DENIED = 2
"""How near a denial stands before what it denies."""
_CLAUSE = re.compile(r"[.!?…;\n]+")
_NUMBER = re.compile(
    r"^\W*#(\d{1,9})\W*$"
    r"|\b(?:tickets?|requests?|заявк\w*|обращени\w*|тикет\w*)\W+(?:(?:номер|number|no)\W+)?(\d{1,9})\b"
)
Word = frozenset[str]
_END = frozenset("$")
Phrase = tuple[Word, ...]


class Sign(StrEnum):
    """Signs that stand anywhere in a text, by the names of the lexicon."""

    PERSON = "person"
    ANGER = "anger"
    GUIDE = "guide"
    TICKET_STATUS = "ticket_status"
    TICKET_NEW = "ticket_new"
    TICKET_COMMENT = "ticket_comment"
    ACT = "act"
    RESTART = "restart"
    TROUBLE = "trouble"
    NOT_HELPED = "not_helped"
    STILL_NOT = "still_not"
    HELPED = "helped"
    DONE = "done"


class Whole(StrEnum):
    """What a text says when it says nothing else."""

    PERSON = "person_only"
    TICKET = "ticket_only"
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    YES = "yes"
    NO = "no"
    BACK = "back"
    STOP = "stop"


class Words:
    """A text, cut into clauses of words."""

    def __init__(self, text: str) -> None:
        self.text = text[:READ_CHARS]
        self._clauses = [analysis.words(clause) for clause in _CLAUSE.split(self.text)]

    @property
    def count(self) -> int:
        """How many words it has."""
        return sum(map(len, self._clauses))

    def has(self, sign: Sign) -> bool:
        """Whether the sign stands in it, and is not denied."""
        if sign is Sign.ANGER and self._annoyed():
            return True
        return self._has(sign)

    def only(self, whole: Whole) -> bool:
        """Whether it says this and nothing else."""
        known, filler = _single(whole), _single("filler")
        found = [_forms(word) for clause in self._clauses for word in clause]
        return bool(found) and all(word & (known | filler) for word in found) and any(word & known for word in found)

    def nothing_but(self, sign: Sign) -> bool:
        """Whether nothing is left of it without the sign's words and those that say little."""
        known = _single("filler") | _single("denial") | _single("thanks") | _single("no") | _single("yes")
        parts = frozenset(word for phrase in _phrases(sign) for part in phrase for word in part)
        said = [_forms(word) for clause in self._clauses for word in clause]
        return self.has(sign) and all(word & (known | parts) for word in said)

    @property
    def asks(self) -> bool:
        """Whether it is a question about how things are, rather than a wish that something be done."""
        first = next((clause for clause in self._clauses if clause), [])
        return "?" in self.text or any(_forms(word) & _single("asking") for word in first[:2])

    @property
    def number(self) -> int | None:
        """The number of a ticket that it names."""
        found = _NUMBER.search(self.text.lower())
        return int(found[1] or found[2]) if found else None

    @property
    def subject(self) -> frozenset[str]:
        """What it is about, as a set of forms."""
        return frozenset(analysis.forms(word)[0] for word in analysis.words(analysis.subject(self.text)))

    def _has(self, name: str) -> bool:
        return any(_stands(phrase, clause) for phrase in _phrases(name) for clause in self._clauses)

    def _annoyed(self) -> bool:
        """Nothing that is anger by itself, but more than one thing that together are."""
        letters = [letter for letter in self.text if letter.isalpha()]
        shouted = len(letters) >= 12 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters)
        marks = "!!!" in self.text or "?!" in self.text
        said = sum(any(_stands(p, clause) for clause in self._clauses) for p in _phrases("annoyance"))
        return said + shouted + marks >= 2


def _stands(phrase: Phrase, clause: Sequence[str]) -> bool:
    return any(_follows(phrase, clause, start) for start in range(len(clause)))


def _follows(phrase: Phrase, clause: Sequence[str], start: int) -> bool:
    if not _forms(clause[start]) & phrase[0] or _denied(phrase, clause[max(0, start - DENIED) : start]):
        return False
    at = start
    for wanted in phrase[1:]:
        if wanted == _END:
            return all(_forms(word) & _single("filler") for word in clause[at + 1 :])
        near = range(at + 1, min(at + GAP + 2, len(clause)))
        found = next((place for place in near if _forms(clause[place]) & wanted), None)
        if found is None or _denied(phrase, clause[at + 1 : found]):
            return False
        at = found
    return True


def _denied(phrase: Phrase, before: Sequence[str]) -> bool:
    return not phrase[0] & _single("denial") and any(_forms(word) & _single("denial") for word in before)


def _forms(word: str) -> Word:
    return frozenset((word, analysis.forms(word)[0]))


@cache
def _lexicon() -> dict[str, list[str]]:
    path = Path(__file__).with_name("lexicon.yaml")
    # Every word as it is spelled: `yes` and `no` are words here.
    read: dict[str, list[str]] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    return read


@cache
def _single(name: str) -> Word:
    return frozenset(form for line in _lexicon()[name] for word in str(line).split() for form in _forms(word))


@cache
def _phrases(name: str) -> list[Phrase]:
    return [tuple(_alternatives(line.split())) for line in _lexicon()[name]]


def _alternatives(words: Sequence[str]) -> Iterator[Word]:
    for word in words:
        yield _END if word == "$" else frozenset(form for one in word.split("|") for form in _forms(one))
