"""What time brings: calm, flapping, breaches, ended silences."""

from datetime import timedelta

import pytest
from sqlmodel import select

from naryad.alerts.response import Clock, clock
from naryad.alerts.rules import CALM, FLAP_CHANGES, QUIET, REOPEN
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.incident import IncidentStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.errors import Refused
from naryad.events import EventType
from tests.naryad.alerts.world import World

WEB = {"name": "service", "op": "=", "value": "web"}
LATER = CALM + timedelta(seconds=1)


async def run_over(world: World) -> None:
    """Take the due run back, as its start would have done."""
    async with world.database.write() as session:
        incident = await world.one()
        incident.run_due_at = None
        await session.merge(incident)


async def test_an_incident_passes_by_itself(world: World) -> None:
    """Once every alert is over and it has been calm; not before, and told once."""
    await world.fire("A", 0, service="web")
    await world.fire("B", 0, service="db")
    await world.end("A", 0, 1, service="web")
    await run_over(world)
    await world.watch.sweep(now() + LATER)
    assert (await world.one()).status == IncidentStatus.OPEN
    await world.end("B", 0, 1, service="db")
    await world.watch.sweep(now())
    assert (await world.one()).status == IncidentStatus.OPEN
    for _ in range(2):
        await world.watch.sweep(now() + LATER)
    done = await world.one()
    assert (done.status, done.resolved_by) == (IncidentStatus.RESOLVED, "system:alerts")
    told = await world.feed(EventType.INCIDENT_RESOLVED, EventType.COMPONENT_UNHEALTHY, EventType.COMPONENT_HEALTHY)
    assert [event.type.value for event in told] == [
        *["component.unhealthy"] * 2, *["component.healthy"] * 2, "incident.resolved"
    ]  # fmt: skip


async def test_not_while_an_agent_is_at_work(world: World) -> None:
    """The run is left to see for itself that the alerts are over."""
    await world.fire("A", 0, service="web")
    await world.end("A", 0, 1, service="web")
    await run_over(world)
    incident = await world.one()
    async with world.database.write() as session:
        session.add(Thread(id=incident.thread_id, agent="ops", principal="system:alerts"))
        await session.flush()
        session.add(QueuedInput(thread_id=incident.thread_id, data={}))
    await world.watch.sweep(now() + LATER)
    assert (await world.one()).status == IncidentStatus.OPEN


async def test_a_new_episode_opens_it_again(world: World) -> None:
    """The same incident, its thread asked for one more run."""
    await world.fire("A", 0, service="web")
    await world.end("A", 0, 1, service="web")
    await run_over(world)
    await world.watch.sweep(now() + LATER)
    await world.fire("A", 2, service="web")
    again = await world.one()
    assert (again.status, again.finished_at, again.runs) == (IncidentStatus.OPEN, None, 2)
    assert again.run_due_at is not None
    assert [line["event"] for line in again.timeline] == ["alert", "resolved", "alert", "reopened"]


async def test_an_alert_that_fires_on_long_after_the_repair_opens_it_again(world: World) -> None:
    """Somebody called it resolved, and the monitor keeps saying that it is not."""
    await world.fire("A", 0, service="web")
    await world.incidents.resolve((await world.one()).id, "restarted", "account:1")
    await world.fire("A", 0, service="web")
    assert (await world.one()).status == IncidentStatus.RESOLVED
    async with world.database.write() as session:
        incident = await world.one()
        incident.finished_at = now() - REOPEN - timedelta(seconds=1)
        await session.merge(incident)
    await world.fire("A", 0, service="web")
    assert (await world.one()).status == IncidentStatus.OPEN


async def flap(world: World, episodes: int) -> None:
    for number in range(episodes):
        await world.fire("A", number, service="web")
        await world.end("A", number, number + 0.5, service="web")


async def test_an_alert_that_comes_and_goes_is_one_flapping_incident(world: World) -> None:
    """It is not resolved and opened again all the time, nor told of each time, until it has been quiet."""
    await flap(world, FLAP_CHANGES + 2)
    await run_over(world)
    flapping = await world.one()
    assert flapping.flapping_until == world.at(FLAP_CHANGES + 1.5) + QUIET
    assert len(await world.feed(EventType.ALERT_TRIGGERED)) <= FLAP_CHANGES / 2
    await world.watch.sweep(now() + LATER)
    assert (await world.one()).status == IncidentStatus.OPEN
    assert await world.feed(EventType.COMPONENT_HEALTHY) == []
    await world.watch.sweep(flapping.flapping_until + timedelta(seconds=1))
    assert (await world.one()).status == IncidentStatus.RESOLVED
    await world.watch.sweep(now() + LATER)
    assert len(await world.feed(EventType.COMPONENT_HEALTHY)) == 1


async def test_few_changes_are_no_flapping(world: World) -> None:
    """One change less than the limit."""
    await flap(world, FLAP_CHANGES // 2 - 1)
    await world.fire("A", 7, service="web")
    assert (await world.one()).flapping_until is None


async def test_a_breach_is_told_once(world: World) -> None:
    """After the promised time, where nobody acknowledged; an acknowledged one is no breach."""
    await world.fire("A", 0, service="web", severity="critical")
    await world.fire("B", 0, service="mail", severity="critical")
    first, second = await world.all()
    await world.incidents.acknowledge(second.id, "account:1")
    for minutes in (4, 6, 7):
        await world.watch.sweep(now() + timedelta(minutes=minutes))
    told = [e.data["incident"] for e in await world.feed(EventType.INCIDENT_CHANGED) if e.data.get("sla")]
    assert told == [first.id]
    later = now() + timedelta(minutes=6)
    assert [clock(i, later) for i in await world.all()] == [Clock.BREACHED, Clock.MET]
    assert [clock(i, now()) for i in await world.all()] == [Clock.RUNNING, Clock.MET]


async def test_a_silence_keeps_alerts_from_incidents_while_it_holds(world: World) -> None:
    """What still fires at its end makes its incident then; what is over never does."""
    silence = await world.silences.add([WEB], world.zero, now() + timedelta(hours=1), "works", "account:1")
    await world.fire("A", 0, service="web")
    await world.fire("B", 0, service="web")
    await world.fire("C", 0, service="mail")
    await world.end("B", 0, 1, service="web")
    assert await world.groups() == {frozenset("C")}
    await world.watch.sweep(now())
    assert await world.groups() == {frozenset("C")}
    await world.silences.end(silence.id)
    await world.watch.sweep(now())
    assert await world.groups() == {frozenset("C"), frozenset("A")}
    assert len(await world.silences.listed()) == 0
    assert len(await world.silences.listed(past=True)) == 1


async def test_a_planned_silence_does_not_hold_yet(world: World) -> None:
    """Only between its moments."""
    await world.silences.add([WEB], now() + timedelta(hours=1), now() + timedelta(hours=2), "later", "account:1")
    await world.fire("A", 0, service="web")
    assert await world.groups() == {frozenset("A")}


@pytest.mark.parametrize(
    ("matchers", "silent"),
    [
        ([("service", "=", "web")], True),
        ([("service", "!=", "web")], False),
        ([("service", "=~", "we|api")], False),
        ([("service", "=~", "(we.|api)")], True),
        ([("service", "!~", "we")], True),
        ([("service", "!~", "web|api")], False),
        ([("service", "=", "web"), ("zone", "=", "")], True),
        ([("service", "=", "web"), ("zone", "=", "a")], False),
        ([("service", "=", "web"), ("alertname", "=~", "(x+x+)+y")], False),
    ],
)
async def test_matchers_are_alertmanagers(world: World, matchers: list[tuple[str, str, str]], silent: bool) -> None:
    """A pattern meets the whole value; an absent label is empty; a pattern that would take years fits nothing."""
    asked = [dict(zip(("name", "op", "value"), each, strict=True)) for each in [*matchers, ("service", "!=", "")]]
    await world.silences.add(asked, world.zero, now() + timedelta(hours=1), "works", "account:1")
    name = "A" if len(matchers) == 1 or matchers[1][0] == "zone" else "x" * 400
    await world.fire(name, 0, service="web")
    async with world.database.read() as session:
        (alert,) = (await session.exec(select(Alert))).all()
    assert (alert.silence_id is not None) is silent


@pytest.mark.parametrize(
    ("matcher", "hours"),
    [
        ({"name": "a", "op": "=~", "value": "("}, 1),
        ({"name": "a", "op": "=~", "value": "x" * 300}, 1),
        ({"name": "a", "op": "=~", "value": ".*"}, 1),
        ({"name": "a", "op": "!=", "value": "b"}, 1),
        (WEB, -1),
    ],
    ids=["broken", "long", "everything", "everything else", "past"],
)
async def test_a_wrong_silence_is_refused(world: World, matcher: dict[str, str], hours: int) -> None:
    """Before it could hide anything."""
    with pytest.raises(Refused):
        await world.silences.add([matcher], now(), now() + timedelta(hours=hours), "x", "account:1")
