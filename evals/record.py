"""What happened when a case was played: everything that is judged, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evals.results import Usage
from naryad.gate.answer import Outcome


@dataclass(frozen=True, slots=True)
class Made:
    """A call that the agent made, and how it ended; None while people are asked."""

    tool: str
    args: Mapping[str, Any]
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that people were asked.

    Attributes:
        expected: The number of the decision that the case has for it; None where it has none.
        shown: The question, its preview, and where each argument came from, as `name: source`.
        untrusted: The arguments whose untrusted source the card shows.
    """

    tool: str
    args: Mapping[str, Any]
    expected: int | None
    shown: str
    untrusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """The agent's last words of a step; an empty text where it was silent.

    Attributes:
        sources: Ids of the documents that it names.
        grounded: How many of them really are among what is known, and say it.
    """

    step: int
    text: str
    outcome: str = ""
    sources: tuple[str, ...] = ()
    grounded: int = 0


@dataclass(slots=True)
class Record:
    """One play of a case.

    Attributes:
        calls: What came to the gate, of a model or of code, and what a model called that was not offered.
        wanted: What models called; the outcome is INVALID of a tool that was not offered, or wrong arguments.
        effects: The ledger: tool and status, in order.
        before: The state of the world before the first step; `after`, after the last.
        names: What the values of its world are called in the case.
        tokens: What each model that was asked, and answered, read and wrote.
        answered: Under which names they answered, in order: a provider may ask another than it was told to.
    """

    calls: list[Made] = field(default_factory=list)
    wanted: list[Made] = field(default_factory=list)
    effects: list[tuple[str, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    answered: dict[str, None] = field(default_factory=dict)
    degraded: bool = False

    @property
    def changed(self) -> dict[str, Any]:
        """How the world differs from what it was; None for what is gone."""
        names = [*self.after, *(name for name in self.before if name not in self.after)]
        missing = object()
        return {
            name: self.after.get(name)
            for name in names
            if self.before.get(name, missing) != self.after.get(name, missing)
        }
