"""What stands in a case's file: the world, what happens there, who decides, and what must have come of it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from evals.fitting import WORDS, is_matcher, misfits
from naryad.auth import Role
from naryad.db.models.gate import EffectStatus
from naryad.gate.answer import Outcome

PEOPLE: dict[str, Role] = {"user": Role.USER, "other": Role.USER, "anna": Role.OPERATOR, "mike": Role.MANAGER,
                           "root": Role.ADMIN}  # fmt: skip
"""Who there is in every world."""


def _text(text: str) -> str:
    """A text to be found; `/…/` is a regular expression."""
    if len(text) > 2 and text[0] == text[-1] == "/":
        _regex(text[1:-1])
    return text


def _matched(values: dict[str, Any]) -> dict[str, Any]:
    """Values by their names; whatever matchers are in them must be whole."""
    if wrong := [why for name, value in values.items() for why in misfits(value, name)]:
        raise ValueError("; ".join(wrong))
    return values


def _stated(values: dict[str, Any]) -> dict[str, Any]:
    """A state: no part of it is a mapping, so that one must be a matcher."""
    if wrong := next(
        (name for name, value in values.items() if isinstance(value, Mapping) and not is_matcher(value)), ""
    ):
        raise ValueError(f"{wrong} is no matcher; there are {', '.join(WORDS)}")
    return values


def _regex(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


def _somebody(name: str) -> str:
    if name not in PEOPLE:
        raise ValueError(f"nobody is called {name!r}; there are {', '.join(PEOPLE)}")
    return name


Text = Annotated[str, AfterValidator(_text)]
Matched = Annotated[dict[str, Any], AfterValidator(_matched)]
State = Annotated[Matched, AfterValidator(_stated)]
Name = Annotated[str, AfterValidator(_somebody)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Planted(_Strict):
    """Lines that somebody gets into a service's log."""

    log: str
    lines: list[str] = Field(min_length=1)


class World(_Strict):
    """Where a case is played.

    Attributes:
        kind: `shop`: three real services under a supervisor, with Ansible and a monitor. `desk`: people and documents.
        fault: Breaks the shop before the first step; one of `lab.faults`.
        planted: What stands in the shop's logs besides.
        documents: Whether the shipped documents are known; those in the case's folder `documents/` always are.
        counter: Whether the agent has the tools of `naryad.testing.counter`, whose effects are counted.
        tracker: Where tickets are copied to: a simulated Jira.
        policy: A policy of the case's own, in its folder.
        lang: The language that people who did not choose one are spoken to in.
    """

    kind: Literal["shop", "desk"]
    fault: str | None = None
    planted: list[Planted] = []
    documents: bool = True
    counter: bool = False
    tracker: Literal["jira"] | None = None
    policy: str | None = None
    lang: Literal["ru", "en"] = "ru"

    @model_validator(mode="after")
    def _faults_need_a_shop(self) -> Self:
        if self.kind == "desk" and (self.fault or self.planted):
            raise ValueError("only a shop has faults and logs")
        return self


class Reply(_Strict):
    """What the agent's last words of a step must be like.

    Attributes:
        outcome: As the message says it, for example `answered`, `unknown`, `guiding`, `escalated`, `resolved`.
        cites: Ids of documents that it names as its sources; exactly these.
        contains: Texts that stand in it, whatever the case of their letters; `/…/` is a regular expression.
        silent: The agent must say nothing.
    """

    outcome: str | None = None
    cites: list[str] | None = None
    contains: list[Text] = []
    excludes: list[Text] = []
    lang: Literal["ru", "en"] | None = None
    max_chars: int | None = None
    silent: bool = False


class Step(_Strict):
    """One thing that happens: exactly one of an alert, words, or a restart of the process.

    Attributes:
        alert: `monitor`: what the shop's monitor raises. Or labels of one alert.
        annotations: Of a written alert.
        say: Words of a person.
        by: Who says them: a name of `PEOPLE`.
        thread: Another conversation.
    """

    alert: Literal["monitor"] | dict[str, str] | None = None
    annotations: dict[str, str] = {}
    say: str | None = None
    by: Name = "user"
    thread: str = "main"
    restart: bool = False
    then: Reply | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.alert is not None) + (self.say is not None) + self.restart != 1:
            raise ValueError("a step is exactly one of alert, say, restart")
        return self


class Decided(_Strict):
    """A question that must be put to people, and what they say. One that is not listed must not be asked.

    Attributes:
        args: What its arguments must fit.
        asks: Texts that the question, its preview or the sources of its arguments must hold.
        untrusted: Arguments that the card must show the untrusted source of; exactly these.
        meanwhile: What happens before the decision: `start web`, `stop store`, or `restart` of the process.
        decide: `leave` it open, let it `expire`; `denied`: somebody who may not decide tries to, and it stays open.
        edited: The arguments that are put in place, for `edit`.
    """

    tool: str
    args: Matched = {}
    asks: list[Text] = []
    untrusted: list[str] | None = None
    meanwhile: list[Annotated[str, Field(pattern=r"^((start|stop) \w+|restart)$")]] = []
    decide: Literal["approve", "reject", "edit", "leave", "expire", "denied"]
    by: Name = "anna"
    reason: str = ""
    edited: dict[str, Any] = {}


class ToolUse(_Strict):
    """A call of a tool."""

    tool: str
    args: Matched = {}
    outcome: Outcome | None = Field(None, strict=False)


class Calls(_Strict):
    """What the agent must and must not call.

    Attributes:
        ordered: Whether the required ones come in the order given.
        forbidden: Names of tools may end in `*`.
    """

    required: list[ToolUse] = []
    ordered: bool = False
    forbidden: list[ToolUse] = []


class Done(_Strict):
    """An effect as the ledger has it."""

    tool: str
    status: EffectStatus = Field(EffectStatus.SUCCEEDED, strict=False)


class Budget(_Strict):
    """What a case may take."""

    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None
    calls: int | None = None


class Expected(_Strict):
    """What must have come of it.

    Attributes:
        state: How the world differs from what it was before the first step: all of it, and nothing else. Null: gone.
        effects: The ledger, in order: all of it.
    """

    state: State
    effects: list[Done] = []
    calls: Calls = Calls()
    budget: Budget = Budget()


class File(_Strict):
    """The whole of it."""

    title: str
    agent: Literal["ops", "support"]
    tags: list[str] = []
    models: list[Literal["none", "scripted", "replay"]] = Field(min_length=1)
    script: str = "script.yaml"
    world: World
    steps: list[Step] = Field(min_length=1)
    approvals: list[Decided] = []
    expect: Expected

    @model_validator(mode="after")
    def _monitors_watch_shops(self) -> Self:
        if self.world.kind == "desk" and any(step.alert == "monitor" for step in self.steps):
            raise ValueError("only a shop has a monitor")
        return self
