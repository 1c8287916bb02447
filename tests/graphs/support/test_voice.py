"""What the agent says to one input, it says once."""

from types import SimpleNamespace
from typing import cast

from graphs.support.state import SupportDeps
from graphs.support.voice import Voice
from naryad.events import EventType
from tests.graphs.support.conftest import Open


async def test_a_step_made_again_says_nothing_twice_whoever_spoke_meanwhile(desk: Open) -> None:
    """A colleague's words in between do not hide that the agent said its own."""
    async with desk() as boris:
        crew = boris.crew
        voice = Voice(cast(SupportDeps, SimpleNamespace(ops=crew.runtime, handoffs=crew.handoffs)))
        assert await voice.tell("t", "1", "reply", "Done.")
        await crew.runtime.events.append("t", EventType.MESSAGE, by="account:clara", text="I see.")
        assert await voice.tell("t", "1", "reply", "Done.")
        assert await voice.tell("t", "2", "reply", "Done too.")
        assert await boris.told() == ["Done.", "I see.", "Done too."]
