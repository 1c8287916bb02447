"""What a run says that it has spent: tokens of a model, or that none answered."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from naryad.db.models.report import ReportKind
from naryad.events import EventType
from naryad.reports.gathering import gather
from naryad.reports.period import Period
from naryad.testing.openai_server import OpenAIServer, Reply
from tests.graphs.support.conftest import Desk, Open

FIRE = ({"name": "counter_fire", "arguments": '{"what": "x"}'},)


async def spent(desk: Desk, kind: EventType = EventType.RUN_FINISHED) -> tuple[int, bool]:
    event = await desk.crew.runtime.events.last(desk.thread_id, kind)
    assert event
    return event.data["tokens"], event.data["degraded"]


async def test_a_run_that_got_no_model_says_so(desk: Open) -> None:
    """Where it wanted one, also in a report; what plain signs decide needs none, and silence is no work."""
    async with desk() as boris:
        await boris.say("как подключиться к VPN из дома")
        assert await spent(boris) == (0, True)
        for text in ("спасибо!", "позовите человека", "ау"):
            await boris.say(text)
            assert await spent(boris) == (0, False)
        today = Period.holding(ReportKind.DAILY, datetime.now(UTC).date(), "UTC")
        [support] = (await gather(boris.crew.runtime.database, today)).agents
    assert (support.runs, support.succeeded, support.without_model) == (3, 2, 1)


async def test_a_run_counts_what_it_spent_before_a_pause(desk: Open) -> None:
    """Before people decide, and before a restart: the end of the run tells of all its legs."""
    replies = (Reply('{"route": "act"}'), Reply(calls=FIRE, finish="tool_calls"), Reply(status=401))
    with await asyncio.to_thread(OpenAIServer, *replies) as server:
        named: dict[str, Any] = {"NARYAD_MODEL": "openai", "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "k"}
        async with desk(**named) as boris:
            waiting = await boris.put("отлично, выполняй")
            before = await spent(boris, EventType.RUN_WAITING)
            assert before[0] > 14
        async with desk(**named) as boris:
            await boris.decide(waiting)
            assert await spent(boris) == before
            await boris.say("как подключиться к VPN из дома")
            assert await spent(boris) == (0, True)
