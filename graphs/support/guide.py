"""Leading a person through an instruction, step by step, for as many days as it takes."""

from datetime import date
from typing import Any

from langchain_core.runnables import RunnableConfig

from graphs.ops.state import caller
from graphs.support import escalate, steps
from graphs.support.signs import Sign, Whole, Words
from graphs.support.state import Guide, SupportDeps, SupportState, tried
from knowledge_base.documents import EVERYONE, Document
from naryad.i18n import _

GIVEN_UP = 2
"""So many steps that did not help are enough."""
SHORT = 8
"""Words of an answer to a step; what is longer says something else."""


def move(words: Words) -> str:
    """Where a person wants to go from a step: `stop`, `failed`, `helped`, `back`, `next`, or nowhere."""
    if words.only(Whole.STOP):
        return "stop"
    if words.count > SHORT:
        return ""
    if words.only(Whole.NO) or words.has(Sign.NOT_HELPED) or words.has(Sign.STILL_NOT):
        return "failed"
    if words.has(Sign.HELPED):
        return "helped"
    if words.only(Whole.BACK):
        return "back"
    return "next" if words.only(Whole.YES) or words.has(Sign.DONE) else ""


class Guiding:
    """The node that leads."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def guide(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Begin an instruction, or go on from where it stands."""
        audience = await self._deps.audience(caller(config).principal)
        guide = state.get("guide")
        if guide is None:
            if Words(state["said"]["text"]).nothing_but(Sign.GUIDE) and not state["hint"]:
                told = _("Tell me what you want to do, and I will lead you through it if there is an instruction.")
                return {"reply": told, "outcome": "guiding"}
            begun = state.get("suggested") if state["hint"] == "suggested" else await self._found(state, audience)
            if begun is None:
                return {"route": "answer"}
            return await self._shown(state, begun, audience)
        return await self._shown(state, guide, audience, move(Words(state["said"]["text"])))

    async def _found(self, state: SupportState, audience: frozenset[str]) -> Guide | None:
        """The instruction that fits a question best."""
        found = await self._deps.knowledge.answer(state["question"], audience, state["said"]["lang"])
        for passage in found.passages if found.known else ():
            document = await self._deps.knowledge.document(passage.document_id, passage.lang)
            if document and (begun := steps.begun(document, passage.path, anywhere=True)):
                return begun
        return None

    async def _shown(
        self, state: SupportState, guide: Guide, audience: frozenset[str], wanted: str = ""
    ) -> dict[str, Any]:
        """Make the move, by the document as it is now."""
        document = await self._deps.knowledge.document(guide["document"], guide["lang"])
        if document is None or not readable(document, audience, self._deps.knowledge.settings.today):
            gone = _("The instruction «{title}» has been withdrawn, so I do not lead through it any more.")
            offer = _("Shall I open a ticket? Write «yes», or «person» if you want to talk to somebody now.")
            told = f"{gone.format(title=guide['title'])} {offer}"
            return _ended(told, "withdrawn") | {"offered": "ticket", "open_question": guide["title"]}
        listed, at = steps.placed(guide, document)
        if at < 0:
            changed = _("The instruction has changed meanwhile, so we begin it again.")
            begun = steps.begun(document, (guide["section"],), anywhere=True)
            if begun is None:
                return _ended(changed, "withdrawn") | {"route": "answer", "before": "", "question": guide["title"]}
            return self._step(state, {**begun, "failed": guide["failed"]}, steps.placed(begun, document)[0], changed)
        return self._moved(state, guide, listed, at, wanted)

    def _moved(
        self, state: SupportState, guide: Guide, listed: tuple[str, ...], at: int, wanted: str
    ) -> dict[str, Any]:
        over = guide["step"] >= len(listed) and at == len(listed) - 1
        done = {"tried": tried(state, _line(guide, at, wanted))} if wanted in ("next", "failed", "helped") else {}
        match wanted:
            case "stop":
                told = _("All right, we stop here. Ask me again whenever you like.")
                return _ended(told, "stopped")
            case "helped":
                return done | _ended(_("Good that it works. I am here if anything else comes up."), "resolved")
            case "next" if over:
                return done | _ended(_("Good that it works. I am here if anything else comes up."), "resolved")
            case "failed" if over or at + 1 >= len(listed) or guide["failed"] + 1 >= GIVEN_UP:
                return {**done, "route": "escalate", "reason": escalate.GUIDE, "guide": None}
            case "failed":
                guide = {**guide, "failed": guide["failed"] + 1}
                return done | self._step(state, _at(guide, listed, at + 1), listed, _("Then let us try the next step."))
            case "next" if at + 1 >= len(listed):
                asked = {**guide, "step": len(listed)}
                told = _("That was the last step. Did it help? Write «yes» or «no».")
                return {**done, "guide": asked, "reply": told, "outcome": "guiding"}
            case "next":
                return done | self._step(state, _at(guide, listed, at + 1), listed)
            case "back":
                return self._step(state, _at(guide, listed, at if over else max(0, at - 1)), listed)
        return self._step(state, _at(guide, listed, at), listed)

    def _step(self, state: SupportState, guide: Guide, listed: tuple[str, ...], before: str = "") -> dict[str, Any]:
        place = " → ".join(dict.fromkeys(filter(None, [guide["title"], guide["section"]])))
        head = _("{place}, step {step} of {steps}").format(place=place, step=guide["step"] + 1, steps=len(listed))
        how = _("Write «done» for the next step, «back», «it works», «did not help» or «stop».")
        parts = filter(None, [before, f"{head}\n{listed[guide['step']]}", how])
        return {
            "guide": guide, "suggested": None, "offered": "", "reply": "\n\n".join(parts), "outcome": "guiding",
            "facts": {"guide": guide["document"], "step": guide["step"] + 1, "steps": len(listed)},
        }  # fmt: skip


def reminder(guide: Guide) -> str:
    """What is said below an answer to something else."""
    text = _("We are at step {step} of «{title}»: write «done» to go on, or «stop».")
    return text.format(step=guide["step"] + 1, title=guide["title"])


def readable(document: Document, audience: frozenset[str], today: date) -> bool:
    """Whether somebody may be told of it today."""
    about = document.about
    current = (about.valid_from or today) <= today <= (about.valid_until or today)
    return current and bool({EVERYONE, *audience}.intersection(about.audience))


def _at(guide: Guide, listed: tuple[str, ...], step: int) -> Guide:
    return {**guide, "step": step, "text": listed[step][: steps.KEPT_CHARS]}


def _ended(told: str, outcome: str) -> dict[str, Any]:
    return {"guide": None, "suggested": None, "offered": "", "failed": 0, "reply": told, "outcome": outcome}


def _line(guide: Guide, at: int, wanted: str) -> str:
    how = {"next": _("done"), "failed": _("did not help"), "helped": _("helped")}[wanted]
    return f"{guide['title']}, {at + 1}. {guide['text'][:80]}: {how}"
