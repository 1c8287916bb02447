"""Citations: where passages come from, and whether a model's answer keeps to them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from knowledge_base.answer import Passage
from knowledge_base.chunks import sentences
from naryad.i18n import _

PASSAGE_CHARS = 2_000
_CITED = re.compile(r"\[(\d{1,2})\]")
_EXACT = re.compile(r"https?://\S+|[\w.+-]{1,64}@[\w-]+\.\w+|`[^`]+`|\d+(?:[.,:]\d+)*")
"""What must stand in a source letter by letter: links, addresses, code and numbers."""
_LIST = re.compile(r"(?<!\s)[^\S\n]*(\n|\A)\s*(?:[-*]|\d{1,3}[.)])\s+")


def holds(text: str, passages: Sequence[Passage]) -> bool:
    """Whether every claim cites a passage that was given, and takes its figures and links from those it cites."""
    claims = sentences(_LIST.sub(r"\1", _CITED.sub(r" [\1] ", text).replace(".  [", " [")))
    return bool(claims) and all(_claim_holds(claim, passages) for claim in claims)


def _claim_holds(claim: str, passages: Sequence[Passage]) -> bool:
    numbers = [int(number) for number in _CITED.findall(claim)]
    if not numbers or not all(0 < number <= len(passages) for number in numbers):
        return False
    source = " ".join(passages[number - 1].text for number in numbers).lower()
    return all(one in source for one in exact(claim))


def exact(claim: str) -> list[str]:
    """What of a claim must stand in its source letter by letter, in small letters."""
    return [one.strip(".,;:`").lower() for one in _EXACT.findall(_LIST.sub(r"\1", _CITED.sub("", claim)))]


def used(text: str, passages: Sequence[Passage]) -> list[int]:
    """The numbers of the passages that a text cites, in order."""
    return [number for number in sorted({int(n) for n in _CITED.findall(text)}) if 0 < number <= len(passages)]


def sources(numbers: Sequence[int], passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """The cited passages as channels get them."""
    return [
        {
            "number": number,
            "document": passages[number - 1].document_id,
            "lang": passages[number - 1].lang,
            "version": passages[number - 1].version,
            "title": passages[number - 1].title,
            "section": " → ".join(passages[number - 1].path),
        }
        for number in numbers
    ]


def listed(found: Sequence[dict[str, Any]]) -> str:
    """The sources as people read them."""
    line = "[{number}] {place} ({document}, {version})"
    return "\n".join(
        [
            _("Sources:"),
            *(
                line.format(
                    number=one["number"],
                    place=" → ".join(filter(None, [one["title"], one["section"]])),
                    document=one["document"],
                    version=_("version {number}").format(number=one["version"]),
                )
                for one in found
            ),
        ]
    )


def as_data(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """The passages as a model gets them: values in JSON, which cannot be taken for anybody's words."""
    return [
        {"number": number, "title": one.title, "section": list(one.path), "text": one.text[:PASSAGE_CHARS]}
        for number, one in enumerate(passages, 1)
    ]


def asked(request: str, passages: Sequence[Passage], **more: Any) -> str:
    """A question with what is known about it, as the last message of a prompt."""
    return json.dumps({"request": request, **more, "passages": as_data(passages)}, ensure_ascii=False)
