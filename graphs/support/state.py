"""What the Support graph carries from node to node, and what its nodes are given."""

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

from langgraph.channels import EphemeralValue
from langgraph.types import Overwrite

from graphs.ops.state import Evidence, Exchange, OpsDeps
from naryad.handoffs import Handoffs

if TYPE_CHECKING:
    from knowledge_base.base import KnowledgeBase
    from naryad.tickets.tickets import Tickets

Audience = Callable[[str], Awaitable[frozenset[str]]]
STAFF = frozenset({"operator", "admin"})
"""Who is shown what the tools saw; to others it is told in plain words."""


class Said(TypedDict):
    """What a person said, as `words.said` took it."""

    text: str
    subject: str
    origin: str
    lang: str


class Guide(TypedDict):
    """An instruction that is gone through: where, and the words of the present step, so that a new version is noticed.

    `step` counts from 0; after the last one it is asked whether it helped.
    """

    document: str
    lang: str
    title: str
    section: str
    step: int
    text: str
    failed: int


class Proposal(TypedDict):
    """A call that is to be made for the person, and where each argument came from."""

    tool: str
    args: dict[str, Any]
    provenance: dict[str, str]


class SupportInput(TypedDict):
    """What begins a run: a person's own words, gone after the first node; and `earlier`, as for Ops."""

    input_id: str
    text: NotRequired[Annotated[Any, EphemeralValue]]
    subject: NotRequired[Annotated[Any, EphemeralValue]]
    origin: NotRequired[Annotated[Any, EphemeralValue]]
    earlier: NotRequired[list[Exchange]]


class SupportState(SupportInput):
    """One input and what came of it; `fresh` begins each anew, the rest is what the conversation has come to.

    Attributes:
        route: The node that deals with it, or goes on with it.
        question: What is asked, which a model may have made whole from the conversation.
        before: What was found out on the way and is told first.
        reply: What is told.
        facts: What channels get beside the reply.
        reason: Why a person is called.
        hint: What triage knows besides: `suggested` for an instruction that was offered, `sorry` for no help.
        guide: The instruction that is gone through.
        offered: What a mere yes would begin: `guide` (with `suggested`), `ticket` or nothing.
        open_question: The last question that was not answered.
        failed: How often in a row an answer did not help.
        tried: What was done so far, for whoever takes over.
        heard: The last event of what a person and the user said to each other that is among `earlier`.
        last: The outcome of the input before.
    """

    said: Said
    route: str
    question: str
    before: str
    reply: str
    facts: dict[str, Any]
    reason: str
    hint: str
    outcome: str
    proposal: Proposal | None
    looks: list[dict[str, Any]]
    evidence: Annotated[list[Evidence], operator.add]
    guide: NotRequired[Guide | None]
    suggested: NotRequired[Guide | None]
    offered: NotRequired[str]
    open_question: NotRequired[str]
    failed: NotRequired[int]
    tried: NotRequired[list[str]]
    last: NotRequired[str]
    heard: NotRequired[int]


def fresh() -> dict[str, Any]:
    """What takes the place of all that belongs to one input only."""
    texts = dict.fromkeys(("route", "question", "before", "reply", "reason", "hint", "outcome"), "")
    return {**texts, "facts": {}, "proposal": None, "looks": [], "evidence": Overwrite([])}


@dataclass(frozen=True, slots=True)
class SupportDeps:
    """What the Support graph works with.

    Attributes:
        ops: What Ops looks with: the gate, the model chain, the catalogue and the runbooks.
        audience: What a principal may read.
    """

    ops: OpsDeps
    knowledge: "KnowledgeBase"
    tickets: "Tickets"
    handoffs: Handoffs
    audience: Audience


TRIED = 12
"""How much of what was tried is kept."""


def tried(state: SupportState, line: str) -> list[str]:
    """What was tried, with one more line."""
    return [*state.get("tried", []), line][-TRIED:]
