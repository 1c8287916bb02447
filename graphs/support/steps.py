"""The numbered steps of a document, section by section."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graphs.support.state import Guide
from knowledge_base.chunks import heading
from knowledge_base.documents import Document

KINDS = ("howto", "runbook")
STEP_CHARS = 1_500
KEPT_CHARS = 200
_STEP = re.compile(r" {0,3}(\d{1,3})[.)][ \t]+(.+)")


@dataclass(frozen=True, slots=True)
class Howto:
    """One list of steps, and the heading that it stands under."""

    section: str
    steps: tuple[str, ...]


def howtos(document: Document) -> list[Howto]:
    """Every numbered list of two steps or more; what stands below a step, up to the next one, belongs to it."""
    found: list[tuple[str, list[str]]] = []
    section, inside = "", False
    for line in document.text.splitlines():
        if head := heading(line):
            section, inside = head[1], False
        elif step := _STEP.fullmatch(line):
            if not inside or step[1] == "1":
                found.append((section, []))
            found[-1][1].append(step[2])
            inside = True
        elif inside and line[:1].isspace() and line.strip():
            if len(found[-1][1][-1]) < STEP_CHARS:
                found[-1][1][-1] += f"\n{line.strip()}"
        elif line.strip():
            inside = False
    return [Howto(head, tuple(step[:STEP_CHARS] for step in steps)) for head, steps in found if len(steps) > 1]


def begun(document: Document, path: Sequence[str], *, anywhere: bool) -> Guide | None:
    """The start of the steps in the section that a passage stands in, or also of the first that there are."""
    if document.about.kind not in KINDS:
        return None
    found = howtos(document)
    here = [one for one in found if path and one.section == path[-1]] or (found if anywhere else [])
    if not here:
        return None
    return Guide(
        document=document.about.id, lang=document.lang, title=document.about.title, section=here[0].section,
        step=0, text=here[0].steps[0][:KEPT_CHARS], failed=0,
    )  # fmt: skip


def placed(guide: Guide, document: Document) -> tuple[tuple[str, ...], int]:
    """The steps as they stand now, and where the present one is among them; -1 where it is no more."""
    found = howtos(document)
    for howto in sorted(found, key=lambda one: one.section != guide["section"]):
        kept = [step[:KEPT_CHARS] for step in howto.steps]
        if guide["step"] < len(kept) and kept[guide["step"]] == guide["text"]:
            return howto.steps, guide["step"]
        if guide["text"] in kept:
            return howto.steps, kept.index(guide["text"])
    return next((one.steps for one in found if one.section == guide["section"]), ()), -1
