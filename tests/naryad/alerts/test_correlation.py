"""Which alerts make one incident: the rules, each by itself, and in any order of telling."""

from itertools import permutations

import pytest

from naryad.alerts.rules import STORM_PLACES, host_of
from naryad.db.models.incident import IncidentStatus
from naryad.events import EventType
from tests.naryad.alerts.world import World


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ({"service": "web"}, {"service": "web"}, True),
        ({"service": "web"}, {"service": "db"}, True),
        ({"service": "db"}, {"service": "web"}, True),
        ({"service": "web"}, {"service": "mail"}, False),
        ({"service": "web", "instance": "h1:80"}, {"service": "mail", "node": "h1"}, True),
        ({"service": "web", "instance": "127.0.0.1:80"}, {"service": "mail", "instance": "127.0.0.1:81"}, False),
        ({"instance": "h1:9100"}, {"instance": "https://h1/health"}, True),
        ({"instance": "h1:9100"}, {"instance": "h2:9100"}, False),
        ({"service": "unknown"}, {"service": "unknown"}, True),
        ({}, {}, False),
    ],
)
async def test_alerts_of_one_minute(
    world: World, first: dict[str, str], second: dict[str, str], together: bool
) -> None:
    """The same service, one that the other stands on, or the same host."""
    await world.fire("A", 0, **first)
    await world.fire("B", 1, **second)
    assert await world.groups() == ({frozenset("AB")} if together else {frozenset("A"), frozenset("B")})


async def test_alerts_far_from_each_other_in_time(world: World) -> None:
    """Related alerts that begin more than the window apart are two incidents, one between them makes them one."""
    await world.fire("A", -6, service="web")
    await world.fire("B", 0, service="web")
    assert await world.groups() == {frozenset("A"), frozenset("B")}
    await world.fire("C", -3, service="db")
    assert await world.groups() == {frozenset("ABC")}


@pytest.mark.parametrize("order", list(permutations(range(4)))[::4])
async def test_any_order_gives_the_same_incident(world: World, order: tuple[int, ...]) -> None:
    """Two sides that only the last one joins are merged, and nothing of either is lost."""
    given = [("A", 0, {"service": "web"}), ("B", 1, {"service": "mail"}), ("C", 2, {"service": "db", "host": "h"})]
    given.append(("D", 3, {"service": "queue", "host": "h"}))
    for index in order:
        name, minutes, labels = given[index]
        await world.fire(name, minutes, **labels)
    assert await world.groups() == {frozenset("ABCD")}
    incident = await world.one()
    assert (incident.alerts, incident.status) == (4, IncidentStatus.OPEN)
    created = len(await world.feed(EventType.INCIDENT_CREATED))
    merged = [event for event in await world.feed(EventType.INCIDENT_CHANGED) if "merged_into" in event.data]
    assert created == 1 + len(merged)


@pytest.mark.parametrize("late", [False, True], ids=["in order", "the end comes last"])
@pytest.mark.parametrize(("begin", "together"), [(-20, False), (-16, True), (-9, True)])
async def test_a_new_episode_soon_after_the_end(world: World, late: bool, begin: float, together: bool) -> None:
    """It belongs to the same incident, however long that had been going on."""
    end = world.end("A", -60, begin - (5 if together else 17), service="web")
    await world.fire("A", -60, service="web")
    if not late:
        await end
    await world.fire("A", begin, service="web")
    if late:
        await end
    assert len(await world.all()) == (1 if together else 2)


async def test_a_storm_is_one_incident(world: World) -> None:
    """Up to the limit each place is an incident of its own; one more, and the minute is one storm."""
    for number in range(STORM_PLACES):
        await world.fire(f"A{number}", 1 + number / 100, service=f"s{number}")
    assert len(await world.all()) == STORM_PLACES
    await world.fire("B", 1.5, instance="h1:9100")
    storm = await world.one()
    assert (storm.storm, storm.alerts) == (True, STORM_PLACES + 1)
    for number in range(STORM_PLACES + 20):
        await world.fire(f"C{number}", 2 + number / 100, service=f"t{number}")
    await world.fire("D", 4, service="web")
    assert sorted(incident.alerts for incident in await world.all()) == [1, 2 * STORM_PLACES + 21]
    assert len(await world.feed(EventType.ALERT_TRIGGERED)) <= STORM_PLACES * 3 + 2
    # Two minutes until each was known to be a storm, and what is none; nobody is told of more.
    assert len(await world.feed(EventType.INCIDENT_CREATED)) == 2 * (STORM_PLACES + 1) + 1


async def test_old_alerts_that_come_at_once_are_a_storm(world: World) -> None:
    """After a monitor was cut off it tells of hours: they count in the minute of their receipt."""
    for number in range(STORM_PLACES * 2 + 1):
        await world.fire(f"A{number}", -100 - 10 * number, service=f"s{number}")
    assert len(await world.all()) <= STORM_PLACES + 1  # the receipts may lie in two minutes
    assert any(incident.storm for incident in await world.all())


async def test_the_gravest_alert_counts(world: World) -> None:
    """A graver alert makes the incident graver, and its answer due earlier; a lesser one changes nothing."""
    await world.fire("A", 0, service="web", severity="warning")
    before = await world.one()
    await world.fire("B", 0, service="web", severity="page")
    await world.fire("C", 0, service="web", severity="info")
    after = await world.one()
    assert (before.severity, after.severity) == ("medium", "critical")
    assert before.respond_by is not None
    assert after.respond_by is not None
    assert after.respond_by < before.respond_by


@pytest.mark.parametrize(
    ("labels", "host"),
    [
        ({"instance": "web1:9100"}, "web1"),
        ({"instance": "10.0.0.5:9100"}, "10.0.0.5"),
        ({"instance": "[2001:db8::1]:9100"}, "2001:db8::1"),
        ({"instance": "https://Shop.example/health"}, "shop.example"),
        ({"instance": "localhost:9100"}, ""),
        ({"instance": "[::1]:9100"}, ""),
        ({"instance": "http://[bad"}, "http://[bad"),
        ({"node": "n1", "instance": "x:1"}, "n1"),
        ({}, ""),
    ],
)
def test_the_host_of_an_alert(labels: dict[str, str], host: str) -> None:
    """Without its port; a loopback address is everybody's."""
    assert host_of(labels) == host
