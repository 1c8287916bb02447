"""Health of each agent: by the ends of its last runs, by what stands still, and by what it works with."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, update

from naryad.clock import now
from naryad.db.models.event import EventRow
from naryad.db.models.thread import QueuedInput, Thread
from server.health import checks
from server.health.agents import LAST, STILL, WINDOW
from server.parts import Parts
from tests.server.asking import Desk
from tests.server.conftest import Signed

Get = Callable[[str], Awaitable[Any]]
URL = "/api/v1/agents/ops/health"
DOCUMENT = """---
id: wifi
title: Wi-Fi
kind: faq
audience: everyone
owner: it
---
# Wi-Fi

The password of the network for visitors hangs at the reception.
"""
ENDS = {"f": "run.failed", ".": "run.finished", "w": "run.waiting"}


@pytest.fixture
async def get(client: httpx.AsyncClient, sign_in: Signed, monkeypatch: pytest.MonkeyPatch) -> Get:
    """Ask as an operator; nothing is kept from one question to the next."""
    anna = await sign_in()
    monkeypatch.setattr(checks, "KEPT_S", 0)

    async def ask(path: str) -> Any:
        return (await client.get(path, headers=anna.headers)).json()

    return ask


async def told(
    parts: Parts,
    ends: str,
    thread: str = "t",
    *,
    agent: str = "ops",
    ago: timedelta = timedelta(),
    queued: bool = False,
) -> None:
    """Let a thread have these ends of runs behind it, the last so long ago."""
    async with parts.crew.runtime.database.write() as session:
        session.add(Thread(id=thread, agent=agent, principal="system:test", owner="gone", lease_until=now()))
        await session.flush()
        for seq, end in enumerate(ends, 1):
            at = now() - ago - timedelta(seconds=len(ends) - seq)
            session.add(EventRow(thread_id=thread, seq=seq, type=ENDS[end], at=at))
        if queued:
            session.add(QueuedInput(thread_id=thread, data={}))


@pytest.mark.parametrize(
    ("ends", "status", "share"),
    [
        ("", "degraded", 0),  # without a model no agent is better
        ("ff", "degraded", 1),
        ("....f", "degraded", 0.2),
        ("..fff", "unhealthy", 0.6),
        ("f" * LAST + "." * LAST, "degraded", 0),
        ("wwwwwww", "degraded", 0),
    ],
)
async def test_an_agent_is_as_its_last_runs_are(parts: Parts, get: Get, ends: str, status: str, share: float) -> None:
    """Most of them must have failed, and a single failure says nothing."""
    await told(parts, ends)
    found = await get(URL)
    assert (found["agent"], found["status"], found["failure_share"]) == ("ops", status, share)
    assert (await get("/api/v1/health"))["components"]["agents"] == {"ops": status}
    assert found["runs"] == len(ends.replace("w", "")[-LAST:])


async def test_other_agents_and_other_times_do_not_count(parts: Parts, get: Get) -> None:
    """Another agent's failures, and those of yesterday."""
    await told(parts, "ffffff", "other", agent="support")
    await told(parts, "ffffff", "old", ago=WINDOW)
    found = await get(URL)
    assert (found["runs"], found["failed"], found["stuck"]) == (0, 0, [])


async def test_what_stands_still_is_named(parts: Parts, get: Get) -> None:
    """A run that told nothing for long; one that has just told something, or has nothing to do, is not stuck."""
    await told(parts, "w", "stuck", ago=STILL, queued=True)
    await told(parts, "w", "busy", queued=True)
    await told(parts, ".", "done", ago=STILL)
    assert (await get(URL))["stuck"] == ["stuck"]


async def test_a_run_that_waits_for_people_is_not_stuck(
    parts: Parts, get: Get, client: httpx.AsyncClient, sign_in: Signed
) -> None:
    """However long they take."""
    [asked] = await Desk(parts, client, sign_in).ask()
    async with parts.crew.runtime.database.write() as session:
        await session.exec(
            update(EventRow).where(col(EventRow.thread_id) == asked.thread_id).values(at=now() - 2 * STILL)
        )
    assert (await get(URL))["stuck"] == []


async def test_an_agent_that_is_none(get: Get) -> None:
    """Is nowhere."""
    assert (await get("/api/v1/agents/nobody/health"))["error"]["code"] == "not_found"


async def test_the_index_of_the_knowledge_base_is_a_component(parts: Parts, get: Get) -> None:
    """Behind the documents until it is made; an agent that does not read it does not care."""
    assert (await get("/api/v1/health"))["components"]["knowledge"] == "degraded"
    document = parts.settings.home / "en" / "wifi.md"
    document.parent.mkdir()
    document.write_text(DOCUMENT)
    taken = await parts.crew.knowledge.ingest([document], "local:anna")
    assert taken.added, taken
    await parts.crew.knowledge.refresh()
    assert (await get("/api/v1/components/knowledge/status"))["status"] == "healthy"
    assert (await get(URL))["knowledge"] == "healthy"
