"""What the chat API takes and gives."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from naryad.db.models.gate import Approval as ApprovalRow
from naryad.db.models.thread import Thread as ThreadRow
from naryad.events import Event, EventType
from naryad.gate.shown import without_secrets
from naryad.i18n import _
from naryad.inputs import TITLE_CHARS
from naryad.threads import Standing, Status

TEXT_CHARS = 16_000
ID_CHARS = 100
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_CHARS)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_CHARS)]
Seq = Annotated[int, Field(ge=0, lt=2**31)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewThread(_Strict):
    """A conversation that begins."""

    title: str = Field("", max_length=TITLE_CHARS)


class NewRun(_Strict):
    """What a person says."""

    text: Said


class Agents(BaseModel):
    """The agents that the caller may talk with."""

    agents: list[str]


class Thread(BaseModel):
    """One conversation."""

    id: str
    agent: str
    title: str
    principal: str
    created_at: datetime

    @classmethod
    def of(cls, row: ThreadRow) -> Self:
        """A row as clients see it."""
        return cls.model_validate(row, from_attributes=True)


class ThreadPage(BaseModel):
    """Conversations, the newest first; `next` is the cursor of the following page."""

    threads: list[Thread]
    next: str | None


class Approval(BaseModel):
    """A question to people; deciding it has an API of its own, which chat texts never reach."""

    id: str
    tool: str
    question: str
    expires_at: datetime

    @classmethod
    def of(cls, row: ApprovalRow) -> Self:
        """A row as clients see it."""
        return cls.model_validate(without_secrets(row), from_attributes=True)


class State(BaseModel):
    """Where a conversation stands; `answer` is the last thing that the agent said."""

    status: Status
    approvals: list[Approval]
    answer: str | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """A standing as clients see it."""
        approvals = [Approval.of(row) for row in standing.approvals]
        return cls(status=standing.status, approvals=approvals, answer=standing.answer)


class Run(BaseModel):
    """What came of one input so far; `message` tells why it failed."""

    thread: str
    input: str
    status: Literal["running", "finished", "waiting", "failed"]
    outcome: str | None = None
    answer: str | None = None
    approvals: list[str] = []
    message: str | None = None


class Message(BaseModel):
    """Something that was said."""

    seq: int
    role: Literal["user", "assistant"]
    text: str
    at: datetime

    @classmethod
    def of(cls, event: Event) -> Self:
        """An event as something said."""
        role = "user" if event.type is EventType.INPUT else "assistant"
        return cls(seq=event.seq, role=role, text=event.data.get("text") or "", at=event.at)


class MessagePage(BaseModel):
    """What was said, in order; `next` goes into `after` for what follows."""

    messages: list[Message]
    next: int | None


class Subscription(_Strict):
    """A thread of one's own, or the feed of what concerns the whole company; events after the number `after`.

    Without `after` a thread is told from its beginning, the feed from now on.
    """

    thread: Id | None = None
    feed: Literal[True] | None = None
    after: Seq | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.thread is None) == (self.feed is None):
            raise ValueError(_("name a thread, or the feed"))
        return self


class Command(_Strict):
    """What a WebSocket client sends: first its token, again before it runs out; then what it wants to hear of."""

    token: str | None = Field(None, min_length=1, max_length=4_000)
    subscribe: Subscription | None = None
    unsubscribe: Subscription | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.token or self.subscribe or self.unsubscribe):
            raise ValueError(_("say something"))
        return self
