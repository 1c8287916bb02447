"""What was accepted is started once, whatever dies in between, and by however many processes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from naryad.alerts import start
from naryad.alerts.rules import SETTLE
from naryad.alerts.start import CLAIM, PRINCIPAL, start_due
from naryad.auth import REPORTED
from naryad.clock import now
from naryad.db.models.incident import Severity
from naryad.driver import Driver
from naryad.events import EventType
from naryad.gate.policy import DEFAULT
from tests.naryad.alerts.world import World, message
from tests.naryad.crew import Crew, open_crew

SOON = SETTLE + timedelta(seconds=1)


class Died(Exception):
    """The process ended here."""


@pytest.fixture
async def crew(url: str, tmp_path: Path) -> AsyncIterator[Crew]:
    (tmp_path / "policy.yaml").write_text(DEFAULT.read_text())
    async with open_crew(url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def driver(crew: Crew) -> AsyncIterator[Driver]:
    made = Driver(crew.runs, most=2)
    yield made
    await made.close()


async def inputs(world: World) -> int:
    """How many runs the incident's thread was given."""
    incident = await world.one()
    return sum(event.type == EventType.INPUT for event in await world.events.since(incident.thread_id))


async def test_correlated_alerts_start_one_run(world: World, driver: Driver) -> None:
    """After a moment, of the gravest; those that come later join without another."""
    await world.fire("A", 0, service="web", severity="warning")
    assert await start_due(world.database, driver, now()) == 0
    await world.fire("B", 0, service="db", severity="critical")
    assert await start_due(world.database, driver, now() + SOON) == 1
    await world.fire("C", 0, service="api", severity="critical")
    assert await start_due(world.database, driver, now() + SOON) == 0
    incident = await world.one()
    assert (await inputs(world), incident.title, incident.service, incident.alerts) == (1, "B", "db", 3)


async def test_what_is_over_before_its_start_starts_nothing(world: World, driver: Driver) -> None:
    """A short burst is looked into by nobody."""
    await world.fire("A", 0, service="web")
    await world.end("A", 0, 1, service="web")
    assert await start_due(world.database, driver, now() + SOON) == 0
    assert ((await world.one()).run_due_at, await inputs(world)) == (None, 0)


async def test_a_person_s_report_starts_a_run_of_its_words(world: World, driver: Driver) -> None:
    """At once, and only where it was wished for."""
    await world.incidents.report("Slow", "since noon", "web", Severity.LOW, by="account:1", run=False)
    assert await start_due(world.database, driver, now()) == 0
    asked = await world.incidents.report("Down", "since noon", "web", Severity.LOW, by="account:1", run=True)
    assert await start_due(world.database, driver, now()) == 1
    (told,) = [e for e in await world.events.since(asked.thread_id) if e.type == EventType.INPUT]
    assert told.data["text"] == "Down\nweb\nsince noon"


async def test_a_run_is_on_behalf_of_who_told_of_its_alert(world: World, driver: Driver) -> None:
    """A person, or the owner of a key; an alert of a monitor's own token is the system's, and each is started once."""
    await world.intake.accept([message("A", world.at(0), {"service": "mail"})], by="account:1")
    await world.fire("B", 0, service="web")
    assert await start_due(world.database, driver, now() + SOON) == 2
    assert await start_due(world.database, driver, now() + SOON + CLAIM) == 0
    given = [
        e for one in await world.all() for e in await world.events.since(one.thread_id) if e.type == EventType.INPUT
    ]
    assert sorted(event.data["by"] for event in given) == [PRINCIPAL, REPORTED + "account:1"]


@pytest.mark.parametrize("moment", ["before the input", "after the input"])
async def test_a_crash_loses_and_doubles_nothing(
    world: World, crew: Crew, driver: Driver, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whoever claimed it died; after a while another starts it, unless it was started."""
    await world.fire("A", 0, service="web")

    def dies(*_given: object, **_named: object) -> object:
        raise Died

    with monkeypatch.context() as patch:
        if moment == "before the input":
            patch.setattr(driver, "submit", dies)
        else:
            patch.setattr(start, "_done", dies)
        with pytest.raises(Died):
            await start_due(world.database, driver, now() + SOON)
    assert await start_due(world.database, driver, now() + SOON) == 0
    assert await start_due(world.database, driver, now() + SOON + CLAIM) == 1
    assert await inputs(world) == 1
    assert (await world.one()).run_due_at is None


async def test_two_processes_start_it_once(world: World, driver: Driver, crew: Crew) -> None:
    """And a dozen incidents as well."""
    for number in range(12):
        await world.fire(f"A{number}", 0, service=f"s{number}")
    other = Driver(crew.runs, most=2)
    moment: datetime = now() + SOON
    started = await asyncio.gather(*(start_due(world.database, each, moment) for each in (driver, other) * 2))
    given = [
        sum(event.type == EventType.INPUT for event in await world.events.since(incident.thread_id))
        for incident in await world.all()
    ]
    assert (sum(started), given) == (12, [1] * 12)
    await other.close()
