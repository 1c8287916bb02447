"""What a tracker can do for us, in our words; `tools/<system>/tracker.py` puts it into its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from naryad.db.models.ticket import Priority, TicketStatus
from naryad.errors import ToolFailed


class State(StrEnum):
    """Where a ticket stands, as far as both sides can say."""

    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"


OURS = {
    TicketStatus.NEW: State.OPEN,
    TicketStatus.OPEN: State.OPEN,
    TicketStatus.WAITING: State.WAITING,
    TicketStatus.RESOLVED: State.RESOLVED,
    TicketStatus.CLOSED: State.CLOSED,
    TicketStatus.MERGED: State.CLOSED,
}
OVER = frozenset({State.RESOLVED, State.CLOSED})


class Again(ToolFailed):
    """It failed this time, or whether it took effect is not known; it is tried again after a look."""


class Unavailable(ToolFailed):
    """The tracker takes nothing from us now: all of its tickets wait.

    Args:
        message: Why.
        seconds: How long it wants to be left alone; None where it did not say.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Remote:
    """A ticket as the tracker has it."""

    id: str
    url: str
    state: State
    priority: Priority
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """A comment there that its requester may read."""

    id: str
    author: str
    text: str


class Tracker(Protocol):
    """One tracker. Every method may raise `Again`, `Unavailable`, or `ToolFailed` for what it refuses for good."""

    @property
    def name(self) -> str:
        """What its rows are marked with."""
        ...

    async def check(self) -> None:
        """Raise unless the tracker knows us."""
        ...

    async def find(self, key: str) -> Remote | None:
        """The ticket that was made with a key."""
        ...

    async def create(self, key: str, subject: str, text: str, priority: Priority) -> Remote:
        """Make a ticket that `find` finds by the key; no markup of its text has effect."""
        ...

    async def get(self, external_id: str) -> Remote:
        """One ticket."""
        ...

    async def said(self, external_id: str) -> Sequence[Said]:
        """Its public comments, the oldest first."""
        ...

    async def say(self, external_id: str, text: str, mark: str) -> None:
        """Write a public comment that ends with our mark. The text may be a stranger's: no markup of it has effect."""
        ...

    async def move(self, external_id: str, state: State) -> bool:
        """Put it into a state; False where the tracker has no way there."""
        ...

    async def rank(self, external_id: str, priority: Priority) -> None:
        """Give it a priority."""
        ...

    async def changed(self, minutes: int) -> Sequence[str]:
        """The ids of our tickets that were changed in the last minutes, by the tracker's own clock."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
