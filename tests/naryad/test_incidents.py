"""Incidents of the agent and of the alerts are the same rows: neither undoes what the other, or a person, wrote."""

from typing import Any

import pytest

from naryad.alerts import timeline
from naryad.db.models.incident import IncidentStatus
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import FEED, EventType
from tests.naryad.alerts.world import World

LINE = {"at": "2026-11-21T10:00:00+00:00", "event": "resolved", "text": {"ru": "x", "en": "x"}}
END: dict[str, Any] = {"timeline": [LINE], "postmortem": {"en": "Draft.", "ru": "Draft."}, "cause": "disk"}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_the_agent_finds_the_incident_of_its_thread(world: World) -> None:
    """It opens no second one, and what the alerts said of it stays."""
    await world.fire("Down", 0, service="web", severity="critical")
    made = await world.one()
    found = await world.incidents.open(made.thread_id, "i1", title="other", service="x", severity="low", fingerprint="")
    assert (found.id, found.title, found.severity) == (made.id, "Down", "critical")
    assert len([e for e in await world.events.since(FEED) if e.type == EventType.INCIDENT_CREATED]) == 1


@pytest.mark.parametrize(("told", "severity"), [("page", "critical"), ("warning", "medium"), ("?", "medium")])
async def test_the_agent_s_own_incident_has_a_severity_and_a_clock(world: World, told: str, severity: str) -> None:
    """In the four words, whatever the label says."""
    made = await world.incidents.open("t", "i1", title="A", service="", severity=told, fingerprint="f")
    assert (made.severity, made.respond_by is not None) == (severity, True)


async def test_an_end_is_written_once(world: World) -> None:
    """Repeating it changes nothing; it names who resolved it."""
    await world.fire("Down", 0, service="web")
    thread = (await world.one()).thread_id
    for _ in range(2):
        done = await world.incidents.close(thread, "i1", IncidentStatus.RESOLVED, **END)
    assert (done.status, done.resolved_by, done.postmortem["en"]) == (IncidentStatus.RESOLVED, "agent:ops", "Draft.")
    assert [line["event"] for line in done.timeline] == ["alert", "resolved"]
    assert len(await world.feed(EventType.INCIDENT_RESOLVED)) == 1


async def test_what_a_person_resolved_stays_resolved(world: World) -> None:
    """A run that ends later adds its evidence and draft only."""
    await world.fire("Down", 0, service="web")
    incident = await world.one()
    await world.incidents.resolve(incident.id, "done by hand", "account:1")
    late = await world.incidents.close(incident.thread_id, "i1", IncidentStatus.ESCALATED, **END)
    assert (late.status, late.resolved_by, late.cause) == (IncidentStatus.RESOLVED, "account:1", "disk")
    assert await world.feed(EventType.INCIDENT_ESCALATED) == []
    with pytest.raises(Refused):
        await world.incidents.resolve(incident.id, "again", "account:1")


async def test_what_went_into_another_incident_stays_there(world: World) -> None:
    """Its agent may end its run; the incident is not opened again by it."""
    await world.fire("A", 0, service="web")
    await world.fire("B", 0, service="mail")
    first, second = await world.all()
    await world.fire("C", 0, service="db", host="h")
    await world.fire("D", 0, service="queue", host="h")
    kept = await world.one()
    gone = second if kept.id == first.id else first
    again = await world.incidents.open(gone.thread_id, "i1", title="x", service="", severity="low", fingerprint="")
    ended = await world.incidents.close(gone.thread_id, "i1", IncidentStatus.ESCALATED, **END)
    assert (again.merged_into, ended.merged_into, ended.status) == (kept.id, kept.id, IncidentStatus.RESOLVED)


async def test_a_timeline_does_not_grow_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand lines the first are kept."""
    monkeypatch.setattr(timeline, "LINES", 5)
    await world.fire("A", 0, service="web")
    incident = await world.one()
    for number in range(10):
        await world.incidents.comment(incident.id, f"{number} {{braces}}", "account:1")
    lines = (await world.one()).timeline
    assert [line["text"]["en"] for line in lines][1:] == [f"{number} {{braces}}" for number in range(4)]
    with pytest.raises(NotFound):
        await world.incidents.comment("none", "x", "account:1")
