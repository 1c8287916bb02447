"""Health: a process that lives, one that is ready, and every component by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.incident import Severity
from naryad.errors import NaryadError
from naryad.settings import Settings
from server.health import checks
from server.metrics.scrape import scrape
from server.parts import Parts
from tests.server.conftest import Signed
from tools import registry

SERVICES = """services:
  - {name: db, unit: db, process: db}
  - {name: shop, unit: shop, process: shop, depends_on: [db]}
"""
Get = Callable[[str], Awaitable[Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    (settings.home / "services.yaml").write_text(SERVICES)
    return settings


@pytest.fixture
async def get(client: httpx.AsyncClient, sign_in: Signed) -> Get:
    """Ask as an operator."""
    anna = await sign_in()

    async def ask(path: str) -> Any:
        return (await client.get(path, headers=anna.headers)).json()

    return ask


async def test_a_living_server_says_so_to_everybody(client: httpx.AsyncClient) -> None:
    """In the shape that monitors know."""
    alive, ready = await client.get("/health"), await client.get("/ready")
    assert (alive.status_code, ready.status_code) == (200, 200)
    assert alive.json()["status"] == "healthy"
    assert alive.json()["components"] == {"api": "ok", "database": "ok"}
    assert ready.json() == {"ready": True, "components": {"database": "healthy", "policy": "healthy"}}


async def test_a_policy_that_cannot_be_read_is_not_ready(parts: Parts, client: httpx.AsyncClient) -> None:
    """Every call would be denied: no work for this process, but no reason to kill it."""
    broken = parts.settings.home / "policy.yaml"
    broken.write_text("rules: none")
    parts.crew.runtime.policy.path = broken
    assert (await client.get("/ready")).status_code == 503
    assert (await client.get("/health")).status_code == 200


async def test_a_database_that_does_not_answer(
    parts: Parts, client: httpx.AsyncClient, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process lives and is not ready; the failure is the whole's."""

    async def no_answer() -> None:
        raise NaryadError("connection refused by postgresql://user:secret@db/naryad")

    monkeypatch.setattr(parts.crew.runtime.database, "ping", no_answer)
    alive, ready = await client.get("/health"), await client.get("/ready")
    assert (alive.status_code, alive.json()["components"]["database"]) == (200, "failed")
    assert (ready.status_code, ready.json()["components"]["database"]) == (503, "unhealthy")
    whole = await get("/api/v1/health")
    assert (whole["status"], whole["components"]["database"]) == ("unhealthy", "unhealthy")
    assert "secret" not in alive.text + ready.text + str(whole)


async def test_a_component_that_hangs_is_cut_off(parts: Parts, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """And asked once, however many look."""
    asked = []

    async def hangs(_settings: Settings) -> Any:
        asked.append(1)
        await asyncio.Event().wait()

    monkeypatch.setattr(checks, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(checks, "KEPT_S", 3600)
    monkeypatch.setattr(registry, "checks", hangs)
    for _n in range(3):
        whole = await get("/api/v1/health")
        assert whole["components"]["integrations"] == {"integrations": "unhealthy"}
    assert (len(asked), whole["status"]) == (1, "degraded")


async def test_a_message_that_was_given_up_degrades_the_queue(parts: Parts, get: Get) -> None:
    """Each queue is named."""
    async with parts.crew.runtime.database.write() as session:
        session.add(Delivery(key="k", channel="mail", target="t", status=DeliveryStatus.DEAD))
    whole = await get("/api/v1/health")
    assert whole["components"]["queues"] == {"outbox": "degraded", "runs": "healthy"}
    assert (whole["components"]["queue"], whole["status"]) == ("degraded", "degraded")
    assert whole["components"]["agents"] == {"ops": "degraded"}, "there is no model"
    assert (await get("/api/v1/components/outbox/status"))["status"] == "degraded"


async def test_what_was_given_up_long_ago_or_bounced_troubles_nobody(parts: Parts, get: Get) -> None:
    """Neither the queue nor the metric that an alert looks at: a stranger's address is no fault of ours."""
    past = now() - checks.FRESH - timedelta(minutes=1)
    async with parts.crew.runtime.database.write() as session:
        session.add(Delivery(key="k", channel="mail", target="t", status=DeliveryStatus.DEAD, due_at=past))
        session.add(Delivery(key="letters:1", channel="letters", target="t", status=DeliveryStatus.DEAD))
    assert (await get("/api/v1/health"))["components"]["queues"] == {"outbox": "healthy", "runs": "healthy"}
    assert b'naryad_outbox_messages{status="dead"} 0.0' in await scrape(parts)


async def test_a_service_is_as_its_incidents_are(parts: Parts, get: Get) -> None:
    """Its neighbour stays healthy, and what is nowhere is a 404."""
    report = parts.crew.incidents.report
    incident = await report("slow", "", "shop", Severity.CRITICAL, by="local:anna", run=False)
    shop, database = [await get(f"/api/v1/components/{name}/status") for name in ("shop", "db")]
    assert (shop["kind"], shop["status"], shop["incidents"]) == ("service", "unhealthy", [incident.id])
    assert (shop["depends_on"], database["status"]) == (["db"], "healthy")
    assert (await get("/api/v1/components/none/status"))["error"]["code"] == "not_found"


async def test_breakers_are_shown(app: FastAPI, get: Get) -> None:
    """Without a model there are none."""
    assert await get("/api/v1/circuit-breakers") == {"breakers": []}
