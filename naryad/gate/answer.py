"""What the gate answers: an outcome, text for the model, and data for code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from naryad import masking
from naryad.db.models.gate import EffectStatus
from naryad.db.types import storable

if TYPE_CHECKING:
    from langchain_core.messages import ToolMessage

DATA_LIMIT = 64_000
"""Longest result, in characters, that code gets as data: checkpoints carry it."""


class Outcome(StrEnum):
    """How a call ended."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    DENIED = "denied"
    INVALID = "invalid"


OUTCOMES = {
    EffectStatus.SUCCEEDED: Outcome.DONE,
    EffectStatus.FAILED: Outcome.FAILED,
    EffectStatus.UNKNOWN: Outcome.UNKNOWN,
    EffectStatus.ROLLED_BACK: Outcome.ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that an agent wants.

    Attributes:
        id: Unique in its thread; the same id is the same call, however often it is made.
        name: The tool's name.
        args: JSON arguments, not yet trusted.
        provenance: For an argument's name, the untrusted source its value came from.
    """

    id: str
    name: str
    args: Mapping[str, Any]
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made: facts of the runtime, never of a message."""

    agent: str
    thread_id: str
    principal: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a call. `text` is for a model or a person, `data` (JSON, or None) for code."""

    call_id: str
    tool: str
    outcome: Outcome
    text: str
    data: Any = None
    approval_id: str | None = None
    effect_id: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the tool ran and returned."""
        return self.outcome is Outcome.DONE

    def message(self) -> "ToolMessage":
        """As the model sees it."""
        from langchain_core.messages import ToolMessage

        status = "success" if self.ok else "error"
        return ToolMessage(self.text, tool_call_id=self.call_id, name=self.tool, status=status)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result spelled out: all of it, and whether code may keep it as data."""

    text: str
    data: Any


def render(result: Any) -> Rendered:
    """Spell a tool's result as text and JSON, whatever it is, secrets masked."""
    try:
        plain = to_jsonable_python(result, serialize_unknown=True)
    except ValueError:  # bytes that are no text
        plain = str(result)
    data = masking.in_value(storable(plain), masking.secrets)
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return Rendered(text, data if len(text) <= DATA_LIMIT else None)


def cut(text: str, budget: int, handle: str) -> str:
    """The text's beginning and end, and how to read what was left out; not longer than the budget."""
    room = max(budget - 120, 0)
    head, tail = room * 3 // 4, room // 4
    left_out = len(text) - head - tail
    omission = f"[… {left_out} characters left out; output_read(handle='{handle}') …]"
    return f"{text[:head]}\n{omission}\n{text[len(text) - tail :]}"
