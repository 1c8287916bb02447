"""Handoffs as the API speaks of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.ticket import Priority
from naryad.handoffs.conversation import Speaker, Utterance
from server.chat.schemas import ID_CHARS, Said

Show = Literal["open", "mine", "active", "all"]
"""Those that nobody has taken, one's own, both and those of others, or also what was returned."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TakeOver(_Strict):
    """A thread that somebody wants to answer in from now on, and what for."""

    thread: Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARS)]
    reason: str = Field("", max_length=1_000)


class HandoffReply(_Strict):
    """What somebody says to the user."""

    text: Said


class HandoffLine(BaseModel):
    """A handoff in a list."""

    id: str
    thread_id: str
    ticket_id: str
    principal: str
    status: HandoffStatus
    summary: str
    urgency: Priority
    reason: str
    opened_by: str
    opened_at: datetime
    taken_by: str
    taken_at: datetime | None
    returned_by: str
    returned_at: datetime | None
    rings: int

    @classmethod
    def of(cls, handoff: Handoff) -> Self:
        """A row as clients see it."""
        return cls.model_validate(handoff, from_attributes=True)


class HandoffPage(BaseModel):
    """A page of a list; `next` is the cursor of the page behind it."""

    handoffs: list[HandoffLine]
    next: str | None


class UtteranceShown(BaseModel):
    """Something that was said."""

    seq: int
    speaker: Speaker
    name: str
    text: str
    at: datetime


class HandoffShown(HandoffLine):
    """All that is known of a handoff, and the last of what was said in its thread."""

    tried: list[str]
    contact: str
    conversation: list[UtteranceShown]

    @classmethod
    def whole(cls, handoff: Handoff, said: Sequence[Utterance]) -> Self:
        """A row with its conversation."""
        shown = [UtteranceShown.model_validate(one, from_attributes=True) for one in said]
        return cls(**handoff.model_dump(), conversation=shown)
