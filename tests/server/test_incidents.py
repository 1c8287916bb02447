"""Incidents over HTTP: found, worked on by people, silenced, counted."""

from datetime import timedelta

import httpx
import pytest

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.incident import Severity
from naryad.events import FEED
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn

URL = "/api/v1/incidents"


@pytest.fixture
async def anna(sign_in: Signed) -> SignedIn:
    return await sign_in()


@pytest.fixture
def reader(client: httpx.AsyncClient, anna: SignedIn) -> httpx.AsyncClient:
    """A client that is signed in as an operator."""
    client.headers.update(anna.headers)
    return client


async def report(client: httpx.AsyncClient, title: str, **more: object) -> dict[str, object]:
    answer = await client.post(URL, json={"title": title, "investigate": False, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


async def test_incidents_are_found_by_what_they_are(reader: httpx.AsyncClient) -> None:
    """By status, severity, component and text, in whatever letters."""
    first = await report(reader, "Касса не отвечает", service="pos", severity="high")
    second = await report(reader, "Slow mail", service="mail", severity="low", description="Queue grows")
    await reader.put(f"{URL}/{second['id']}/resolve", json={"reason": "flushed"})
    queries = {
        "status=open": [first], "status=resolved": [second], "severity=high": [first], "component=mail": [second],
        "text=касса": [first], "text=QUEUE": [second], "text=%25": [], "": [second, first],
        f"until={first['started_at']}": [], f"since={first['started_at']}": [second, first],
    }  # fmt: skip
    for query, wanted in queries.items():
        answer = await reader.get(f"{URL}?{query}".replace("+00:00", "Z"))
        assert [found["id"] for found in answer.json()["incidents"]] == [each["id"] for each in wanted], query


async def test_a_list_goes_on_where_the_page_ended(reader: httpx.AsyncClient) -> None:
    """Each incident once, also when new ones come between two pages."""
    made = [(await report(reader, f"Incident {number}"))["id"] for number in range(5)]
    seen, cursor = [], ""
    while True:
        page = (await reader.get(URL, params={"limit": 2, "cursor": cursor})).json()
        seen += [incident["id"] for incident in page["incidents"]]
        await report(reader, "One more")
        if not (cursor := page["next"]):
            break
    assert seen == list(reversed(made))


async def test_people_work_on_an_incident(
    reader: httpx.AsyncClient, parts: Parts, anna: SignedIn, sign_in: Signed
) -> None:
    """Each step is in the timeline with who did it, and is told in the feed."""
    bob, user = await sign_in(Role.ADMIN), await sign_in(Role.USER)
    made = await report(reader, "It burns", severity="critical")
    url = f"{URL}/{made['id']}"
    assert made["sla"]["state"] == "running"  # type: ignore[index]
    taken = (await reader.put(f"{url}/acknowledge")).json()
    assert (taken["status"], taken["sla"]["state"]) == ("acknowledged", "met")
    assert (await reader.put(f"{url}/assign", json={"assignee": user.id})).status_code == 409
    assert (await reader.put(f"{url}/assign", json={"assignee": "nobody"})).status_code == 404
    assert (await reader.put(f"{url}/assign", json={"assignee": bob.id})).json()["assignee"] == f"account:{bob.id}"
    await reader.post(f"{url}/comments", json={"text": "password=hunter2 does not work"})
    done = (await reader.put(f"{url}/resolve", json={"reason": "put out"})).json()
    assert (done["status"], done["resolution"], done["resolved_by"]) == ("resolved", "put out", f"account:{anna.id}")
    assert [line["event"] for line in done["timeline"]] == [
        *("reported", "acknowledged", "assigned", "comment", "resolved")
    ]
    assert {line["by"] for line in done["timeline"]} == {f"account:{anna.id}"}
    assert "hunter2" not in str(done)
    told = [event.type.value for event in await parts.crew.runtime.events.since(FEED)]
    assert told == ["incident.created", *["incident.changed"] * 3, "incident.resolved"]
    for action, body in (("acknowledge", None), ("resolve", {"reason": "again"}), ("assign", {"assignee": bob.id})):
        assert (await reader.put(f"{url}/{action}", json=body)).status_code == 409


async def test_a_resolved_incident_is_no_more_asked_about(reader: httpx.AsyncClient, parts: Parts) -> None:
    """Resolving ends what the agent does there; a run that is due never begins."""
    answer = await reader.post(URL, json={"title": '[["counter_add", {"amount": 1}]]'})
    await reader.put(f"{URL}/{answer.json()['id']}/resolve", json={"reason": "false alarm"})
    incident = await parts.crew.incidents.of_id(answer.json()["id"])
    assert (incident.run_due_at, await parts.crew.runs.unfinished()) == (None, [])


@pytest.mark.parametrize("path", ["", "/acknowledge", "/assign", "/resolve", "/comments"])
async def test_what_is_not_there(reader: httpx.AsyncClient, anna: SignedIn, path: str) -> None:
    """Is a 404, whatever is asked of it."""
    body = {"/assign": {"assignee": anna.id}, "/resolve": {"reason": "x"}, "/comments": {"text": "x"}}.get(path)
    method = {"": "GET", "/comments": "POST"}.get(path, "PUT")
    answer = await reader.request(method, f"{URL}/0190-none{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_figures_of_a_period(reader: httpx.AsyncClient, parts: Parts) -> None:
    """Means in seconds, counts by severity and service, and the share that no person resolved."""
    incidents, begin = parts.crew.incidents, now() - timedelta(hours=10)
    for number, service in enumerate(("web", "web", "db")):
        incident = await incidents.report(f"I{number}", "", service, Severity.HIGH, by="account:1", run=False)
        async with parts.crew.runtime.database.write() as session:
            started = begin + timedelta(hours=number)
            change: dict[str, object] = {"started_at": started}
            change |= {"acknowledged_at": started + timedelta(minutes=10 * (number + 1))}
            if number:
                change |= {"status": "resolved", "finished_at": started + timedelta(hours=number)}
                change |= {"resolved_by": "agent:ops" if number == 1 else "account:1"}
            incident.sqlmodel_update(change)
            await session.merge(incident)
    figures = (await reader.get(f"{URL}/statistics")).json()
    assert (figures["incidents"], figures["resolved"], figures["breached"]) == (3, 2, 0)
    assert (figures["mtta_s"], figures["mttr_s"], figures["mtbf_s"]) == (1200, 5400, 3600)
    assert figures["auto_resolved"] == 0.5
    assert (figures["by_severity"], figures["by_service"]) == ({"high": 3}, {"web": 2, "db": 1})
    early = (await reader.get(f"{URL}/statistics", params={"until": begin.isoformat()})).json()
    assert (early["incidents"], early["mttr_s"], early["auto_resolved"]) == (0, None, None)


async def test_silences_over_http(reader: httpx.AsyncClient, anna: SignedIn) -> None:
    """Made, listed, ended; an ended one is found among the past."""
    new = {"matchers": [{"name": "service", "op": "=~", "value": "web|db"}], "reason": "upgrade"}
    answer = await reader.post("/api/v1/silences", json=new | {"ends_at": (now() + timedelta(hours=1)).isoformat()})
    made = answer.json()
    assert (answer.status_code, made["state"], made["author"]) == (201, "holding", f"account:{anna.id}")
    assert [s["id"] for s in (await reader.get("/api/v1/silences")).json()["silences"]] == [made["id"]]
    assert (await reader.delete(f"/api/v1/silences/{made['id']}")).json()["state"] == "over"
    assert (await reader.get("/api/v1/silences")).json()["silences"] == []
    assert len((await reader.get("/api/v1/silences?past=true")).json()["silences"]) == 1
    assert (await reader.delete("/api/v1/silences/none")).status_code == 404
    past = new | {"ends_at": (now() - timedelta(hours=1)).isoformat()}
    assert (await reader.post("/api/v1/silences", json=past)).status_code == 409
