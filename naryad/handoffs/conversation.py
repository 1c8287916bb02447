"""What was said in a thread, and by whom: for those who answer there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from naryad.events import Event, EventLog, EventType


class Speaker(StrEnum):
    """Who said something."""

    USER = "user"
    AGENT = "agent"
    PERSON = "person"
    """Who answers instead of the agent."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing that was said; `name` is what people call whoever answered instead of the agent."""

    seq: int
    speaker: Speaker
    text: str
    at: datetime
    name: str = ""


async def of_thread(events: EventLog, thread_id: str, *, limit: int) -> Sequence[Utterance]:
    """The last of what was said, in order."""
    said = await events.since(thread_id, kinds=(EventType.INPUT, EventType.MESSAGE))
    return [utterance(event) for event in said[-limit:]]


def utterance(event: Event) -> Utterance:
    """An event as something said."""
    by_agent = Speaker.PERSON if event.data.get("by") else Speaker.AGENT
    speaker = Speaker.USER if event.type is EventType.INPUT else by_agent
    name = event.data.get("name", "") if speaker is Speaker.PERSON else ""
    return Utterance(event.seq, speaker, event.data.get("text") or "", event.at, name)
