"""Answers from the knowledge base: a model's words where every claim holds, else the passage's own."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from graphs.ops.state import caller
from graphs.support import cited, earlier, escalate, steps
from graphs.support.said import title
from graphs.support.signs import Words
from graphs.support.state import Guide, SupportDeps, SupportState, tried
from knowledge_base import analysis
from knowledge_base.answer import Answer, Passage
from naryad import prompts
from naryad.errors import LLMUnavailable
from naryad.i18n import _
from naryad.llm.chain import Purpose

LANGUAGE = {"ru": "Russian", "en": "English"}
ALIKE = 0.6
"""From which share of common words two questions are one."""
WRITTEN = ("mail", "phone")
"""Channels in which nobody is there to say yes: what is not known becomes a ticket at once."""


class Answering:
    """The node that answers."""

    def __init__(self, deps: SupportDeps) -> None:
        self._deps = deps

    async def answer(self, state: SupportState, config: RunnableConfig) -> dict[str, Any]:
        """Answer from what the person may read, or say that it is not there."""
        question, lang = state["question"], state["said"]["lang"]
        audience = await self._deps.audience(caller(config).principal)
        # A lone foreign word in a conversation is asked in the conversation's language.
        told = lang if analysis.language(question) != lang else None
        found = await self._deps.knowledge.answer(question, audience, told)
        if not found.known:
            return await self._unknown(state, question)
        text = await self._written(state, found) or f"{found.text} [1]"
        sources = cited.sources(cited.used(text, found.passages), found.passages)
        guide = await self._guide(found.passages)
        steps_of = guide["section"] or guide["title"] if guide else ""
        offer = (
            _("Write «step by step», and I will lead you through «{section}».").format(section=steps_of)
            if guide
            else ""
        )
        after = _("If this did not help, write «did not help».")
        known = {"suggested": guide, "offered": "guide" if guide else "", "open_question": ""}
        return {
            **known,
            "reply": "\n\n".join([text, cited.listed(sources), f"{offer} {after}".strip()]),
            "facts": {"sources": sources},
            "outcome": "answered",
            "tried": tried(state, _("Answered from «{title}».").format(title=found.passages[0].title)),
        }

    async def _unknown(self, state: SupportState, question: str) -> dict[str, Any]:
        """Say so; the same question once more is a person's, and so is nobody's to be asked back."""
        line = tried(
            state, _("The knowledge base has no answer to «{question}».").format(question=title(state["said"]))
        )
        update = {"open_question": question, "suggested": None, "tried": line}
        if alike(question, state.get("open_question", "")):
            return {**update, "route": "escalate", "reason": escalate.REPEATED}
        told = _("I have no answer to this in the knowledge base.")
        if state["said"]["origin"] in WRITTEN:
            return {**update, "route": "ticket", "before": told}
        offer = _("Shall I open a ticket? Write «yes», or «person» if you want to talk to somebody now.")
        return {**update, "reply": f"{told} {offer}", "outcome": "unknown", "offered": "ticket"}

    async def _written(self, state: SupportState, found: Answer) -> str:
        """A model's answer, if there is one and all of it holds."""
        system = prompts.load("support", "answer").render(language=LANGUAGE[state["said"]["lang"]])
        asked = cited.asked(state["question"], found.passages, earlier=earlier.shown(state))
        try:
            # Nothing of it is shown before it is checked, so its tokens go nowhere.
            reply = await self._deps.ops.chain.complete(
                [SystemMessage(system), HumanMessage(asked)], purpose=Purpose.TEXT, max_tokens=800
            )
        except LLMUnavailable:
            return ""
        text = reply.text.strip()
        return text if cited.holds(text, found.passages) else ""

    async def _guide(self, passages: Sequence[Passage]) -> Guide | None:
        """The steps nearest to what was asked, in the document that the answer comes from."""
        best = passages[0]
        document = await self._deps.knowledge.document(best.document_id, best.lang)
        paths = [one.path for one in passages if (one.document_id, one.lang) == (best.document_id, best.lang)]
        found = [begun for path in paths if document and (begun := steps.begun(document, path, anywhere=False))]
        return found[0] if found else None


def alike(one: str, other: str) -> bool:
    """Whether two questions are about the same."""
    first, second = Words(one).subject, Words(other).subject
    return bool(other and first and second) and len(first & second) >= ALIKE * min(len(first), len(second))
