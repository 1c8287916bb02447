"""Alerts over HTTP: who may send them, what is taken, and the run of the real Ops agent that they begin."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from naryad.accounts.api_keys import Scope
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.incident import IncidentStatus
from naryad.events import FEED
from naryad.settings import Settings
from server.parts import Parts
from tests.server.applications import create
from tests.server.conftest import Signed

TOKEN = "alertmanager-token"
MONITOR = {"Authorization": f"Bearer {TOKEN}"}
CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts"


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    known = "services: [{name: billing, unit: billing, process: billing}]"
    (alone / "services.yaml").write_text(known)
    return Settings(
        NARYAD_HOME=alone,
        RATE_LIMIT_PER_MINUTE=100_000,
        ALERTMANAGER_TOKEN=TOKEN,
        NARYAD_MODEL="none",
        NARYAD_LANG="en",
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The server with the real crew."""
    made = create(settings)
    async with made.router.lifespan_context(made):
        yield made


def recorded(name: str) -> dict[str, Any]:
    """A delivery that a real Alertmanager made."""
    path = CONTRACTS / name
    if not path.exists():
        pytest.skip(f"no {name} beside the project")
    payload: dict[str, Any] = json.loads(path.read_text())
    return payload


async def until(true: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.1)


async def test_a_recorded_delivery_is_worked_on_once(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """It is kept, becomes an incident, starts one run of the Ops agent, and its end is told."""
    firing, resolved = recorded("alertmanager_webhook.json"), recorded("alertmanager_webhook_resolved.json")
    for _ in range(3):
        answer = await client.post("/webhook/alertmanager", json=firing, headers=MONITOR)
        assert answer.status_code == 200, answer.text
    operator = await sign_in()
    (line,) = (await client.get("/api/v1/incidents", headers=operator.headers)).json()["incidents"]
    assert (line["title"], line["service"], line["severity"]) == ("billing недоступен", "billing", "critical")

    async def escalated() -> bool:
        return (await parts.crew.incidents.of_id(line["id"])).status == IncidentStatus.ESCALATED

    await until(escalated)
    await client.post("/webhook/alertmanager", json=resolved, headers=MONITOR)
    shown = (await client.get(f"/api/v1/incidents/{line['id']}", headers=operator.headers)).json()
    assert [alert["firing"] for alert in shown["first_alerts"]] == [False]
    assert [each["event"] for each in shown["timeline"]][:2] == ["alert", "alerted"]
    assert shown["postmortem"]["en"]
    told = [event.type.value for event in await parts.crew.runtime.events.since(FEED)]
    assert told == [
        *("incident.created", "alert.triggered", "metric.threshold_exceeded", "component.unhealthy"),
        *("incident.escalated", "alert.resolved"),
    ]
    inputs = [e for e in await parts.crew.runtime.events.since(line["thread_id"]) if e.type == "input"]
    assert len(inputs) == 1


async def test_who_may_send(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """Alertmanager's token, a key for alerts, an operator; nobody else."""
    operator, user = await sign_in(), await sign_in(Role.USER)
    keys = {scope: (await parts.keys.issue(operator.id, "m", [scope]))[1] for scope in (Scope.ALERTS, Scope.READ)}
    given = {
        TOKEN: 200,
        keys[Scope.ALERTS]: 200,
        operator.token: 200,
        user.token: 403,
        TOKEN + "x": 401,
        "": 401,
        "ключ": 401,
    }
    body = {"version": "4", "alerts": []}
    found = {}
    for token in given:
        headers = {b"Authorization": f"Bearer {token}".encode()}
        found[token] = (await client.post("/webhook/alertmanager", json=body, headers=headers)).status_code
    assert found == given
    wrong = await client.post("/api/v1/alerts", json=[], headers={"Authorization": f"Bearer {keys[Scope.READ]}"})
    assert wrong.status_code in (401, 403)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/webhook/alertmanager", {"version": "4", "alerts": [], "new": {"field": 1}}, 200),
        ("/webhook/alertmanager", {"version": "3", "alerts": []}, 422),
        ("/webhook/alertmanager", {"alerts": []}, 422),
        ("/webhook/alertmanager", {"version": "4", "alerts": [{"status": "firing", "labels": {}}]}, 422),
        ("/webhook/alertmanager", [], 422),
        ("/api/v1/alerts", {"labels": {"alertname": "A"}}, 200),
        ("/api/v1/alerts", [{"labels": {"alertname": "A"}}, {"labels": {"alertname": "B"}, "status": "resolved"}], 200),
        ("/api/v1/alerts", {"labels": {}}, 422),
        ("/api/v1/alerts", {"labels": {"a": 1}}, 422),
        ("/api/v1/alerts", {"labels": {"a": "b"}, "extra": 1}, 422),
        ("/api/v1/alerts", {"labels": {"a": "b"}, "starts_at": "2026-11-21T10:00:00"}, 422),
        ("/api/v1/alerts", {"labels": {"a": "b"}, "starts_at": "9999-12-31T23:59:59Z"}, 422),
        ("/api/v1/alerts", {"labels": {"a": "b"}, "starts_at": "0001-01-01T00:00:00Z"}, 200),
    ],
)
async def test_what_is_taken(client: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    """Alertmanager may say more than we know; everything else is strict."""
    answer = await client.post(path, json=body, headers=MONITOR)
    assert answer.status_code == status, answer.text


async def test_a_flood_is_asked_to_come_again(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seconds to wait; what was accepted is there, and what was not is taken when it comes again."""
    from naryad.alerts import intake

    monkeypatch.setattr(intake, "MOST_WAITING", 20)
    bodies = [[{"labels": {"alertname": f"A{part}.{number}"}} for number in range(15)] for part in range(6)]

    async def send(body: Any) -> httpx.Response:
        return await client.post("/api/v1/alerts", json=body, headers=MONITOR)

    answers = await asyncio.gather(*map(send, bodies))
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    again = [await send(body) for body in bodies]
    assert [answer.status_code for answer in again] == [200] * 6
    assert sum(a.json()["changed"] for a in (*answers, *again) if a.status_code == 200) == 90


async def test_alerts_are_found_again(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """By what they are, page by page; a silenced one belongs to no incident, and who told of one is shown."""
    operator = await sign_in()
    rule = {"name": "service", "op": "=", "value": "mail"}
    await parts.silences.add([rule], now(), now() + timedelta(hours=1), "upgrade", "test")
    told = [
        {"labels": {"alertname": "A", "service": "billing", "severity": "critical"}},
        {"labels": {"alertname": "B", "service": "billing"}, "status": "resolved"},
        {"labels": {"alertname": "C", "service": "mail"}},
    ]
    await client.post("/api/v1/alerts", json=told[:2], headers=MONITOR)
    await client.post("/api/v1/alerts", json=told[2], headers=operator.headers)

    async def names(**asked: str | int) -> list[str]:
        answer = await client.get("/api/v1/alerts", params=asked, headers=operator.headers)
        assert answer.status_code == 200, answer.text
        return [line["labels"]["alertname"] for line in answer.json()["alerts"]]

    assert await names() == ["C", "B", "A"]
    assert await names(firing="true") == ["C", "A"]
    assert await names(firing="false", service="billing") == ["B"]
    assert await names(severity="critical") == ["A"]
    assert await names(until="2000-01-01T00:00:00Z") == []
    first = (await client.get("/api/v1/alerts", params={"limit": 2}, headers=operator.headers)).json()
    assert await names(cursor=first["next"]) == ["A"]
    line = (await client.get("/api/v1/alerts", params={"silenced": "true"}, headers=operator.headers)).json()["alerts"][
        0
    ]
    assert (line["incident_id"], line["reported_by"]) == (None, f"account:{operator.id}")
    assert (await client.get("/api/v1/alerts", headers=(await sign_in(Role.USER)).headers)).status_code == 403
