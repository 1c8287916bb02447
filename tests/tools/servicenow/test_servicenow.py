"""ServiceNow: the simulator is one to a client that is not ours, and our own takes what a real one answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pysnc import ServiceNowClient as Foreign  # type: ignore[import-untyped]  # it ships no types
from pysnc.exceptions import RoleException  # type: ignore[import-untyped]  # the same
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

from lab.servicenow.server import PASSWORD, USER, Simulator, simulator
from naryad.db.models.ticket import Priority
from naryad.errors import ToolFailed
from naryad.ticket_sync.mapping import ServiceNowWords
from naryad.ticket_sync.tracker import Again, State, Unavailable
from tools.servicenow.client import PAGE, ServiceNowClient
from tools.servicenow.tracker import ServiceNowTracker


class Plain(HTTPAdapter):
    """Carries what a client would only say over TLS."""

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        request.url = (request.url or "").replace("https://", "http://")
        return super().send(request, *args, **more)


@pytest.fixture
async def there() -> AsyncIterator[Simulator]:
    async with simulator() as running:
        yield running


@pytest.fixture(params=[USER, ""], ids=["basic", "bearer"])
async def tracker(request: pytest.FixtureRequest, there: Simulator) -> AsyncIterator[ServiceNowTracker]:
    made = ServiceNowTracker(ServiceNowClient(there.url, request.param, PASSWORD), ServiceNowWords())
    yield made
    await made.close()


async def test_a_foreign_client_takes_it_for_a_servicenow(there: Simulator) -> None:
    """It makes, finds, reads and changes an incident, and reads its journal."""

    def work() -> None:
        session = Session()
        session.auth = (USER, PASSWORD)
        session.mount("https://", Plain())
        client = Foreign(there.url.replace("http", "https"), session, auto_retry=False)
        record = client.GlideRecord("incident")
        record.initialize()
        record.short_description, record.correlation_id = "Smoke", "naryad-1"
        sys_id = str(record.insert())
        found = client.GlideRecord("incident")
        found.add_query("correlation_id", "naryad-1")
        found.query()
        assert found.next()
        assert (str(found.sys_id), found.get_value("state"), found.get_value("priority")) == (sys_id, "1", "5")
        found.comments = "It still smokes"
        assert found.update()
        journal = client.GlideRecord("sys_journal_field")
        journal.add_query("element_id", sys_id)
        journal.query()
        assert [row.get_value("value") for row in journal] == ["It still smokes"]
        found.state = "6"
        with pytest.raises(RoleException, match="Resolution code"):
            found.update()
        other = client.GlideRecord("incident")
        assert not other.get("none")

    await asyncio.to_thread(work)


async def test_an_incident_is_found_by_its_key(tracker: ServiceNowTracker) -> None:
    """And not by another's."""
    assert await tracker.find("naryad-1") is None
    made = await tracker.create("naryad-1", "Smoke" * 100, "The printer" * 1000, Priority.CRITICAL)
    assert await tracker.find("naryad-1") == made == await tracker.get(made.id)
    assert await tracker.find("naryad-2") is None
    assert (made.state, made.priority) == (State.OPEN, Priority.CRITICAL)


async def test_a_journal_too_long_is_refused(
    there: Simulator, tracker: ServiceNowTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words of ours may be in what was not read: they would be said again."""
    monkeypatch.setattr("tools.servicenow.client.MOST_PAGES", 1)
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.LOW)
    there.world.write(made.id, {"comments": "a comment"}, "boris")
    with pytest.raises(ToolFailed, match="more than can be read"):
        await tracker.said(made.id)


async def test_a_strangers_markup_has_no_effect(there: Simulator, tracker: ServiceNowTracker) -> None:
    """What the journal would take for HTML is broken wherever a text goes; our mark stays the last word."""
    text = "[code]<img src=x onerror=alert(1)>[/code] [CoDe]<b>[/CODE]"
    made = await tracker.create("naryad-1", text, text, Priority.LOW)
    await tracker.say(made.id, text * 100, "(naryad 1)")
    (said,) = await tracker.said(made.id)
    assert said.text.endswith("\n\n(naryad 1)")
    assert len(said.text) < 4_000
    incident = there.world.tables["incident"][made.id]
    for told in (said.text, incident["description"], incident["short_description"]):
        assert "<img src=x" in told
        assert "[code" not in told.lower()
        assert "[/code" not in told.lower()


@pytest.mark.parametrize("priority", [*Priority])
async def test_every_priority_has_its_impact_and_urgency(tracker: ServiceNowTracker, priority: Priority) -> None:
    """The instance reckons the same priority from them."""
    made = await tracker.create("naryad-1", "Smoke", "The printer", priority)
    assert made.priority is priority


@pytest.mark.parametrize("state", [*State])
async def test_every_state_is_reached(tracker: ServiceNowTracker, state: State) -> None:
    """With the reason or the resolution that the instance's rules want."""
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.LOW)
    assert await tracker.move(made.id, state)
    assert (await tracker.get(made.id)).state is state


async def test_everything_is_read_page_by_page(there: Simulator, tracker: ServiceNowTracker) -> None:
    """The journal without work notes, and what changed lately."""
    made = await tracker.create("naryad-0", "Smoke", "The printer", Priority.LOW)
    for n in range(PAGE + 20):
        there.world.write(made.id, {"comments": f"comment {n}", "work_notes": "a fool"}, "boris")
    assert [said.text for said in await tracker.said(made.id)] == [f"comment {n}" for n in range(PAGE + 20)]
    for n in range(1, PAGE + 5):
        there.world.create({"correlation_id": f"naryad-{n}", "correlation_display": "naryad"}, USER)
    there.world.create({"short_description": "somebody else's"}, "boris")
    changed = await tracker.changed(5)
    assert len({*changed}) == len(changed) == PAGE + 5
    there.world.ahead += 10 * 60 * there.world.ahead.resolution * 1_000_000
    assert await tracker.changed(5) == []


async def test_rules_that_refuse_are_told(there: Simulator, tracker: ServiceNowTracker) -> None:
    """An instance with more rules than usual; and a password that is no more."""
    made = await tracker.create("naryad-1", "Smoke", "The printer", Priority.LOW)
    strict = ServiceNowTracker(tracker._client, ServiceNowWords(close_code=""))
    with pytest.raises(Again, match="Resolution code"):
        await strict.move(made.id, State.RESOLVED)
    there.faults.revoked = True
    with pytest.raises(Unavailable, match="HTTP 401") as told:
        await tracker.check()
    assert PASSWORD not in told.value.message
