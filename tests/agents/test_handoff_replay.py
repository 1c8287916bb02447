"""Thirty written conversations: no handoff is lost, the agent is silent after it, and people are called once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.registry import open_crew
from knowledge_base.settings import SHIPPED
from naryad.db.models.ticket import Ticket, TicketEntry
from naryad.events import Event, EventType
from naryad.handoffs import in_thread
from tests.agents.replaying import ANNA, TAKERS, Stage, Talk, people, settings_at

SCRIPTS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_name("conversations").glob("*.yaml"))
}
DOCUMENTS = [(lang, name) for lang in ("ru", "en") for name in ("printer", "vpn", "wifi", "password-reset")]
pytestmark = pytest.mark.slow
SPOKEN = (EventType.MESSAGE, EventType.TOKEN)


def restarts(script: dict[str, Any]) -> bool:
    """Whether it needs a server of its own."""
    return any("restart" in step for step in script["steps"])


@pytest.fixture
async def furnished(alone: Path) -> Path:
    """A home with people and a few documents."""
    async with open_crew(settings_at(alone)) as crew:
        async with crew.runtime.database.write() as session:
            session.add_all(people())
        taken = await crew.knowledge.ingest([SHIPPED / lang / f"{name}.md" for lang, name in DOCUMENTS], "test")
        assert not taken.refused
    return alone


async def test_conversations_at_the_same_time(furnished: Path) -> None:
    """On one server, whatever is said in the others; what is written in each file happens."""
    names = [name for name, script in SCRIPTS.items() if not restarts(script)]
    async with AsyncExitStack() as opened:
        stage = await opened.enter_async_context(Stage(furnished).open())
        played = (whole(name, stage, opened) for name in names)
        ends = dict(zip(names, await asyncio.gather(*played, return_exceptions=True), strict=True))
    assert {name: end for name, end in ends.items() if end} == {}


@pytest.mark.parametrize("name", [name for name, script in SCRIPTS.items() if restarts(script)])
async def test_a_conversation_over_restarts(name: str, furnished: Path) -> None:
    """The next process goes on where the one before ended."""
    async with AsyncExitStack() as opened:
        stage = Stage(furnished)
        await opened.enter_async_context(stage.open())
        await whole(name, stage, opened)


async def test_without_the_look_before_each_word_one_comes_too_late(
    furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a conversation that a person steps into fails where the agent's words are stored unasked."""
    monkeypatch.setattr(in_thread, "silent", lambda _session, _thread_id: False)
    async with AsyncExitStack() as opened:
        stage = await opened.enter_async_context(Stage(furnished).open())
        with pytest.raises(AssertionError):
            await whole("02_overtaken_ru", stage, opened)
        assert not silent_after_handoffs(await Talk(stage, "02_overtaken_ru", "").events())


def test_there_are_thirty() -> None:
    """None of them got lost on the way."""
    assert len(SCRIPTS) == 30


async def whole(name: str, stage: Stage, opened: AsyncExitStack) -> None:
    """One conversation, and what must hold at its end."""
    script = SCRIPTS[name]
    talk = Talk(stage, name, script.get("principal", "account:user"))
    for step in script["steps"]:
        if "restart" in step:
            if step["restart"]:
                await talk.hear(step["restart"])
                await asyncio.sleep(step.get("after_s", 0))
            await opened.aclose()
            await opened.enter_async_context(stage.open())
        else:
            await play(talk, step)
        await talk.idle()
        if "then" in step:
            assert await came(talk) == step["then"], step
    await check(talk, script)


async def play(talk: Talk, step: dict[str, Any]) -> None:
    """One step."""
    handoffs = talk.stage.crew.handoffs
    match step:
        case {"user": text}:
            await talk.hear(text)
        case {"both": texts}:
            await asyncio.gather(*(talk.hear(text) for text in texts))
        case {"again": text}:
            await asyncio.gather(*(talk.hear(text, key=text) for _ in range(3)))
        case {"overtaken": text}:
            await talk.overtaken(text)
        case {"person": "take"}:
            await handoffs.take((await talk.active()).id, ANNA)
        case {"person": "return"}:
            await handoffs.hand_back((await talk.active()).id, ANNA)
        case {"person": "take over"}:
            await handoffs.take_over(talk.thread, ANNA)
            await talk.stage.driver.end(talk.thread)
        case {"person": text}:
            await handoffs.reply((await talk.active()).id, ANNA, text)
        case _:
            raise AssertionError(f"not a step: {step}")


async def came(talk: Talk) -> str:
    """What came of the last input: `answered`, `handed over`, or `noted` for the person."""
    events = await talk.events()
    last = max(number for number, event in enumerate(events) if event.type is EventType.INPUT)
    kinds = [event.type for event in events[last:] if not event.data.get("by")]
    if EventType.HANDOFF_OPENED in kinds:
        return "handed over"
    return "noted" if EventType.HANDOFF_SAID in kinds else "answered" if EventType.MESSAGE in kinds else "silent"


async def check(talk: Talk, script: dict[str, Any]) -> None:
    """What must hold at the end of every conversation."""
    handoffs, events = await talk.handoffs(), await talk.events()
    assert [handoff.status.value for handoff in handoffs] == script["handoffs"]
    assert silent_after_handoffs(events)
    opened = [event for event in events if event.type is EventType.HANDOFF_OPENED]
    assert [event.data["handoff"] for event in opened] == [handoff.id for handoff in handoffs]
    told, known = await talk.stage.told(), {handoff.id for handoff in handoffs}
    called = {handoff.id for handoff in handoffs if handoff.opened_by == "agent:support"}
    expected = {(handoff, *target): 1 for handoff in called for target in TAKERS}
    assert {call: times for call, times in told.items() if call[0] in known} == expected
    tickets = await talk.stage.rows(Ticket, Ticket.thread_id == talk.thread)
    assert {handoff.ticket_id for handoff in handoffs} <= {ticket.id for ticket in tickets}
    noted = {event.data["input"] for event in events if event.type is EventType.HANDOFF_SAID}
    assert {f"handoff:said:{one}" for one in noted} <= {entry.key for entry in await talk.stage.rows(TicketEntry)}
    inputs = {event.data["input"] for event in events if event.type is EventType.INPUT}
    spoken = [event for event in events if event.type is EventType.MESSAGE and not event.data.get("by")]
    led = {handoff.input_id for handoff in handoffs} & inputs
    assert inputs == {event.data["input"] for event in spoken} | noted | led | overtaken(events)
    assert inputs == {event.data["input"] for event in events if event.type is EventType.RUN_FINISHED}


def silent_after_handoffs(events: list[Event]) -> bool:
    """Whether no word of the agent stands between a handoff and its return."""
    held = False
    for event in events:
        if event.type in (EventType.HANDOFF_OPENED, EventType.HANDOFF_RETURNED):
            held = event.type is EventType.HANDOFF_OPENED
        elif held and event.type in SPOKEN and not event.data.get("by"):
            return False
    return True


def overtaken(events: list[Event]) -> set[str]:
    """The inputs that were being dealt with when a person took the thread over, who reads them there."""
    going, found = set[str](), set[str]()
    for event in events:
        match event.type:
            case EventType.INPUT:
                going.add(event.data["input"])
            case EventType.HANDOFF_TAKEN:
                found |= going
            case EventType.RUN_FINISHED:
                going.discard(event.data["input"])
    return found
