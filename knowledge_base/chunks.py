"""Documents cut into passages along their own structure."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from knowledge_base.documents import Document

_FULL = 1200
_DEEPEST, _LONGEST_HEADING = 6, 300
_SENTENCE = re.compile(r"(?<=[.!?…])[»\")]*\s+(?=[«\"(]?[A-ZА-ЯЁ0-9])")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage of a document, which stands on its own.

    Attributes:
        id: The same as long as the passage's place and text are.
        path: The headings above it, without the document's title.
    """

    id: str
    document_id: str
    lang: str
    version: int
    kind: str
    title: str
    path: tuple[str, ...]
    text: str
    asked: str
    audience: tuple[str, ...]
    valid_from: date | None
    valid_until: date | None


def cut(document: Document, version: int) -> list[Chunk]:
    """Cut one document; a passage never crosses a heading, and a table's heading goes with each of its parts."""
    about = document.about
    found, seen = [], Counter[str]()
    for path, text in _passages(document.text, about.title):
        place = "\n".join((about.id, document.lang, *path, text))
        digest = hashlib.sha256(place.encode()).hexdigest()[:16]
        seen[digest] += 1
        name = f"{about.id}.{document.lang}.{digest}" + (f".{seen[digest]}" if seen[digest] > 1 else "")
        found.append(
            Chunk(
                name, about.id, document.lang, version, about.kind, about.title, path, text, " ".join(about.asked),
                about.audience, about.valid_from, about.valid_until,
            )
        )  # fmt: skip
    return found


def heading(line: str) -> tuple[int, str] | None:
    """The level and the words of a line that is a heading."""
    # No pattern: one that allows for the closing # takes hours for a line of a megabyte, and stops everything else.
    words = line.lstrip("#")
    level = len(line) - len(words)
    if not 0 < level <= _DEEPEST or not words.startswith((" ", "\t")):
        return None
    words = words.strip().rstrip("#").rstrip()
    return (level, words[:_LONGEST_HEADING]) if words else None


def sentences(text: str) -> list[str]:
    """The sentences of a passage; a list's items and a table's rows are sentences too."""
    found = []
    for block in _blocks(text):
        lines = block.splitlines()
        if _ITEM.match(block) or block.startswith("|"):
            found += [line.strip() for line in lines if not re.fullmatch(r"[|\s:-]+", line)]
        else:
            found += _SENTENCE.split(" ".join(line.strip() for line in lines))
    return [one for one in found if one]


def _passages(text: str, title: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for path, body in _sections(text):
        above = path[1:] if path and path[0] == title else path
        gathered: list[str] = []
        for part in (part for block in _blocks(body) for part in _parts(block)):
            if gathered and sum(map(len, gathered)) + len(part) > _FULL:
                yield above, "\n\n".join(gathered)
                gathered = []
            gathered.append(part)
        if gathered:
            yield above, "\n\n".join(gathered)


def _sections(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        if fenced or not (head := heading(line)):
            lines.append(line)
            continue
        yield tuple(name for _level, name in path), "\n".join(lines)
        lines, path = [], [*(above for above in path if above[0] < head[0]), head]
    yield tuple(name for _level, name in path), "\n".join(lines)


def _blocks(text: str) -> list[str]:
    """Paragraphs, lists, tables and fenced code, each whole."""
    found = [[]]  # type: list[list[str]]
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not line.strip() and not fenced:
            found.append([])
            continue
        found[-1].append(line.rstrip())
    return ["\n".join(lines) for lines in found if lines]


def _parts(block: str) -> Iterator[str]:
    """A block that is too long, cut where it hurts least; prose overlaps by a sentence, a table repeats its head."""
    if len(block) <= _FULL:
        yield block
        return
    lines = block.splitlines()
    table = block.startswith("|")
    head = "\n".join(lines[:2])[: _FULL // 2] if table else ""
    listed = table or _ITEM.match(block) or block.lstrip().startswith(("```", "~~~"))
    pieces = lines[2 if table else 0 :] if listed else _SENTENCE.split(" ".join(lines))
    joint = "\n" if listed else " "
    gathered = head
    for piece in (long[at : at + _FULL] for long in pieces for at in range(0, len(long), _FULL)):
        if gathered and len(gathered) + len(piece) > _FULL and gathered != head:
            yield gathered
            last = _SENTENCE.split(gathered)[-1]
            gathered = head if listed else last if len(last) < _FULL // 4 else ""
        gathered = joint.join(filter(None, (gathered, piece)))
    if gathered != head:
        yield gathered
