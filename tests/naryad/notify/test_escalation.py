"""The chain of escalation: the next is told in time, and nobody once somebody answered."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlmodel import select

from naryad.clock import now
from naryad.db.models.delivery import Escalation
from naryad.db.models.gate import ApprovalStatus
from naryad.db.models.incident import IncidentStatus
from naryad.events import EventType
from naryad.notify import herald as heralds
from tests.naryad.notify.world import World, aged, approval, caught_up, following, until


async def escalation_over(world: World) -> bool:
    """Whether nothing is due, nor will be."""
    async with world.database.read() as session:
        return not (await session.exec(select(Escalation))).all()


async def test_the_next_is_told_when_nobody_answers_also_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of the chain in its time, by whichever process is there; then it is over."""
    monkeypatch.setattr(heralds, "TICK_S", 0.02)
    async with following((await world.notifications()).herald.run):
        await world.incident("critical")
        await caught_up(world)
    hooks = 0
    for step in (1, 2):
        assert len(await world.told("addresses")) == hooks
        await aged(world, timedelta(minutes=11))

        async def told(step: int = step) -> bool:
            return len(await world.told("addresses")) == step

        # Two at once: the step is told once.
        async with following(*[(await world.notifications()).herald.watch for _ in range(2)]):
            await until(told)
        hooks = step
    rows = await world.told("addresses")
    assert [(row.target, row.payload["escalated"], row.payload["lang"]) for row in rows] == [
        ("boss/hook", True, "en")
    ] * 2
    assert [row.payload["escalated"] for row in await world.told("email")] == [False, True]
    assert await escalation_over(world)


@pytest.mark.parametrize("matter", ["acknowledged", "resolved", "decided"])
async def test_nobody_is_told_next_once_somebody_answered(
    world: World, monkeypatch: pytest.MonkeyPatch, matter: str
) -> None:
    """An acknowledged or resolved incident, and a decided approval, end their chain."""
    monkeypatch.setattr(heralds, "TICK_S", 0.02)
    notifications = await world.notifications()
    async with following(notifications.herald.run):
        incident = await world.incident("critical")
        if matter == "decided":
            await world.keep(asked := approval(thread_id=incident.thread_id, roles=["admin"]))
            await world.events.append(incident.thread_id, EventType.APPROVAL_REQUESTED, approval=asked.id)
        await caught_up(world)
    assert not await escalation_over(world)
    answers: Mapping[str, Callable[[], None]] = {
        "acknowledged": lambda: setattr(incident, "acknowledged_at", now()),
        "resolved": lambda: setattr(incident, "status", IncidentStatus.RESOLVED),
    }
    async with world.database.write() as session:
        if matter == "decided":
            asked.status, incident.acknowledged_at = ApprovalStatus.REJECTED, now()
            session.add(await session.merge(asked))
        else:
            answers[matter]()
        session.add(await session.merge(incident))
    await aged(world, timedelta(minutes=11))
    async with following(notifications.herald.watch):
        await until(lambda: escalation_over(world))
    assert await world.told("addresses") == []
