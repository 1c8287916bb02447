"""What a person and the user said to each other while the agent was silent: it goes on from there."""

from typing import Any

from graphs.ops.report import REMEMBERED, TOLD_CHARS
from graphs.ops.state import Exchange
from graphs.support.said import title
from graphs.support.state import SupportState
from naryad.events import EventType
from naryad.handoffs import Handoffs


async def heard(handoffs: Handoffs, thread_id: str, state: SupportState) -> dict[str, Any]:
    """The conversation since the thread was handed over, as earlier exchanges; each is remembered once."""
    talk = [event for event in await handoffs.meanwhile(thread_id) if event.seq > state.get("heard", 0)]
    if not talk:
        return {}
    found: list[Exchange] = []
    for event in talk:
        text = str(event.data.get("text") or "")
        if event.type is EventType.INPUT or not found:
            found.append(Exchange(asked="", told="", sources=[]))
        last = found[-1]
        if event.type is EventType.INPUT:
            last["asked"] = title({"text": text, "subject": "", "origin": "", "lang": ""})
        else:
            last["told"] = f"{last['told']}\n{text}".strip()[:TOLD_CHARS]
            last["sources"] = sorted({*last["sources"], f"words of {event.data.get('by')}"})
    return {"earlier": [*state.get("earlier", []), *found][-REMEMBERED:], "heard": talk[-1].seq}
