"""What the Ops graph carries from node to node, and what its nodes are given."""

import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NotRequired, TypedDict

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import EphemeralValue
from langgraph.graph.message import add_messages
from langgraph.types import Overwrite

from graphs.ops.asked import Asked
from knowledge_base.runbooks import Runbook
from knowledge_base.services import Catalogue
from naryad.clock import now
from naryad.events import EventLog
from naryad.gate.answer import Answer, Call, Caller
from naryad.gate.gate import Gate
from naryad.incidents import Incidents
from naryad.llm.chain import Chain

SUMMARY_CHARS = 1_500
"""What a checkpoint keeps of one answer's text."""
LINE_CHARS = 1_000
DATA_CHARS = 24_000
"""Longest answer whose data is kept for conditions: forty long lines of a log fit."""


class Evidence(TypedDict):
    """One observation: the tool call it came from, and what it said."""

    id: str
    tool: str
    args: dict[str, Any]
    ok: bool
    text: str
    data: Any


class PlannedLook(TypedDict):
    """One look on its way to its own node run."""

    id: str
    tool: str
    args: dict[str, Any]
    input_id: str


class Moment(TypedDict):
    """One line of the incident's timeline."""

    at: str
    event: str
    text: dict[str, str]


class Claim(TypedDict):
    """A stated cause and the evidence it rests on."""

    text: dict[str, str]
    evidence: list[str]


class Check(TypedDict):
    """A verification call and what must be true of its result."""

    tool: str
    args: dict[str, Any]
    expect: str


class Plan(TypedDict):
    """What is to be done, and how one will know that it helped.

    `name` is the title as the question shows it: fixed here, for whoever decides may speak another language, and a
    call in other words is another call. Without any `verify` nothing can prove that it helped.
    """

    source: str
    title: dict[str, str]
    name: str
    playbook: str
    variables: dict[str, str]
    rollback: str
    verify: list[Check]
    timeout_s: float


class Exchange(TypedDict):
    """What was asked before on the same thread, what was told, and which documents or persons that came from."""

    asked: str
    told: str
    sources: NotRequired[list[str]]


def last(_before: Any, after: Any) -> Any:
    """The later of two writes of one step: a model may say twice at once what it should say once."""
    return after


class OpsInput(TypedDict):
    """What begins a run: one alert of Alertmanager's webhook, or a person's own words. Gone after the first node.

    `earlier` stays: what was said before, also where another thread, or whoever asks, is all that remembers it.
    """

    input_id: str
    alert: NotRequired[Annotated[Any, EphemeralValue]]
    text: NotRequired[Annotated[Any, EphemeralValue]]
    earlier: NotRequired[list[Exchange]]


class OpsState(OpsInput):
    """One input and what came of it; `fresh` begins each anew."""

    asked: Asked
    incident_id: NotRequired[str]
    service: NotRequired[str]
    looks: NotRequired[list[dict[str, Any]]]
    evidence: Annotated[list[Evidence], operator.add]
    messages: Annotated[list[AnyMessage], add_messages]
    tokens: NotRequired[int]
    repairs: NotRequired[int]
    conclusion: NotRequired[Annotated[dict[str, Any] | None, last]]
    claims: NotRequired[list[Claim]]
    plan: NotRequired[Plan | None]
    outcome: NotRequired[str]
    reason: NotRequired[dict[str, str] | None]
    undo: NotRequired[bool]
    timeline: Annotated[list[Moment], operator.add]


def fresh() -> dict[str, Any]:
    """What takes the place of all that an earlier input of the thread left behind."""
    return {
        "incident_id": "",
        "service": "",
        "looks": [],
        "evidence": Overwrite([]),
        "messages": Overwrite([]),
        "tokens": 0,
        "repairs": 0,
        "conclusion": None,
        "claims": [],
        "plan": None,
        "outcome": "",
        "reason": None,
        "undo": False,
        "timeline": Overwrite([]),
    }


@dataclass(frozen=True, slots=True)
class OpsDeps:
    """What the Ops graph works with."""

    gate: Gate
    chain: Chain
    events: EventLog
    incidents: Incidents
    catalogue: Catalogue
    runbooks: Sequence[Runbook]


def caller(config: RunnableConfig) -> Caller:
    """On whose behalf this run acts, as the runner wrote it into the configuration."""
    told = config["configurable"]
    return Caller(told["agent"], told["thread_id"], told["principal"])


def observed(evidence_id: str, call: Call, answer: Answer, *, data_chars: int = DATA_CHARS) -> Evidence:
    """An answer as evidence, cut to what a checkpoint should carry."""
    whole = json.dumps(answer.data, ensure_ascii=False)
    return Evidence(
        id=evidence_id,
        tool=call.name,
        args=dict(call.args),
        ok=answer.ok,
        text=_shortened(answer.text),
        data=answer.data if len(whole) <= data_chars else None,
    )


def _shortened(text: str) -> str:
    """The beginning and, since a log's news stands last, more of the end."""
    if len(text) <= SUMMARY_CHARS:
        return text
    return f"{text[: SUMMARY_CHARS // 4]} … {text[-SUMMARY_CHARS * 3 // 4 :]}"


def moment(event: str, text: dict[str, str], at: datetime | None = None) -> Moment:
    """A line of the timeline, at present unless said otherwise; foreign words in it cannot begin another."""
    return Moment(
        at=(at or now()).isoformat(), event=event, text={lang: one_line(words) for lang, words in text.items()}
    )


def one_line(text: str, chars: int = LINE_CHARS) -> str:
    """A text on one line, cut."""
    return " ".join(text.split())[:chars]
