"""Threads on both databases: whose they are, how they are found, where they stand, and that they can be forgotten."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from naryad.auth import Person, Role
from naryad.errors import NotFound, Refused
from naryad.events import FEED, EventType
from naryad.gate import policy
from naryad.threads import Status, Threads
from tests.naryad.crew import PRINCIPAL, Crew, open_crew
from tests.naryad.test_runs import FIRE, look

USER = Person(PRINCIPAL, frozenset({Role.USER}))
OPERATOR = Person("local:olga", frozenset({Role.USER, Role.OPERATOR}))


@pytest.fixture
async def crew(url: str, tmp_path: Path) -> AsyncIterator[Crew]:
    (tmp_path / "policy.yaml").write_text(policy.DEFAULT.read_text())
    async with open_crew(url, tmp_path) as opened:
        yield opened


@pytest.fixture
def threads(crew: Crew) -> Threads:
    saver = crew.graph.checkpointer
    assert saver
    assert not isinstance(saver, bool)
    return Threads(crew.database, crew.events, saver)


async def test_a_thread_is_its_principals(crew: Crew, threads: Threads) -> None:
    """The monitoring's are seen by operators; a name that only looks alike is nobody's."""
    for thread, principal in (("mine", USER.id), ("alarm", "system:alertmanager"), ("odd", "system-like:x")):
        await crew.runs.submit(thread, "ops", principal, {"text": "hello", "calls": [look()]})
    assert [t.id for t in await threads.listed(USER)] == ["mine"]
    assert [t.id for t in await threads.listed(OPERATOR)] == ["alarm"]
    assert (await threads.get("mine", USER)).title == "hello"
    for thread, person in (("mine", OPERATOR), ("alarm", USER), ("odd", OPERATOR), ("none", USER)):
        with pytest.raises(NotFound):
            await threads.get(thread, person)


async def test_the_same_key_queues_nothing_more(crew: Crew) -> None:
    """Also after the run has finished; other input under it is refused."""
    given = {"calls": [look()]}
    first = await crew.runs.enqueue("t", "ops", PRINCIPAL, given, key="k")
    assert await crew.runs.enqueue("t", "ops", PRINCIPAL, given, key="k") == first
    await crew.runs.drive("t")
    assert await crew.runs.enqueue("t", "ops", PRINCIPAL, given, key="k") == first
    with pytest.raises(Refused):
        await crew.runs.enqueue("t", "ops", PRINCIPAL, {"calls": []}, key="k")
    assert len(await crew.events.since("t", kinds=[EventType.INPUT])) == 1
    assert await crew.runs.enqueue("t", "ops", PRINCIPAL, given, key="other") != first


async def test_where_it_stands_and_how_it_is_forgotten(crew: Crew, threads: Threads) -> None:
    """Waiting, it is not erased; cancelled, nothing of it is left but numbers in the feed."""
    await crew.start(FIRE)
    thread = await threads.get("t", USER)
    standing = await threads.standing(thread)
    assert (standing.status, len(standing.approvals)) == (Status.WAITING, 1)
    with pytest.raises(Refused):
        await threads.erase("t")
    await crew.runs.cancel("t", USER.id)
    assert await crew.runs.end("t") == "ops"
    assert (await threads.standing(thread)).status is Status.IDLE
    feed = len(await crew.events.since(FEED))
    await threads.erase("t")
    assert await crew.events.since("t") == []
    told = await crew.events.since(FEED)
    assert [event.data for event in told] == [{"thread": "t", "erased": True}] * feed
    assert len(await crew.gate.approvals.listed(None, thread_id="t")) == 1
    assert await crew.graph.checkpointer.aget_tuple({"configurable": {"thread_id": "t"}}) is None  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        await threads.get("t", USER)
