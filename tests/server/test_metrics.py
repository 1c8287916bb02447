"""Metrics: what Prometheus reads of ourselves is true, and a metric over time is what was measured."""

import asyncio
import subprocess
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from naryad.auth import Role
from naryad.db.models.incident import Severity
from naryad.db.models.mail import Fate, MailLetter
from naryad.observability import Kind, aside, operation, watched
from naryad.settings import Settings
from server.metrics.meters import Meters
from server.parts import Parts
from tests.needs import needs
from tests.server.applications import create
from tests.server.asking import Desk
from tests.server.conftest import Signed, counter_crew

URL = "/api/v1/metrics"
HERE = {"Host": "localhost"}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def desk(parts: Parts, client: httpx.AsyncClient, sign_in: Signed) -> Desk:
    return Desk(parts, client, sign_in)


async def scraped(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values, in the order of the labels' names."""
    text = (await client.get("/metrics", headers=HERE)).text
    return {
        (sample.name, *(value for _name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_happened_is_counted(desk: Desk) -> None:
    """One run with a question, from the asking to its end."""
    anna = await desk.person()
    before = await scraped(desk.client)
    [asked] = await desk.ask()
    waiting = await scraped(desk.client)
    assert waiting["naryad_approvals_waiting", "ops"] == 1
    assert waiting["naryad_approvals_oldest_waiting_seconds",] > 0
    assert waiting["naryad_runs_queued",] == 1
    await desk.post(anna, asked, "approve")
    await desk.finished(asked.thread_id)
    after = await scraped(desk.client)
    assert ("naryad_approvals_waiting", "ops") not in after
    assert after["naryad_approval_decisions_total", "approve"] == 1
    assert after["naryad_effects_total", "succeeded"] == 1
    [version] = {labels[3] for labels in after if labels[0] == "naryad_runs_total"}
    assert after["naryad_tool_calls_total", "ops", "done", "destructive", "counter_fire", version] == 1
    outcomes = {labels[2]: value for labels, value in after.items() if labels[:2] == ("naryad_runs_total", "ops")}
    assert outcomes == {"waiting": 1, "finished": 1, "failed": 0, "cancelled": 0}
    assert after["naryad_run_results_total", "ops", "reported", version] == 1
    assert after["naryad_run_duration_seconds_count", "ops", version] == 2
    approve = ("naryad_http_requests_total", "POST", "/api/v1/approvals/{approval_id}/approve", "200")
    assert (before.get(approve), after[approve]) == (None, 1)


def test_what_is_played_aside_is_not_counted() -> None:
    """A canary's run would falsify the figures of the company's own."""
    meters = Meters()
    with watched(meters.watch):
        for around in (aside(), nullcontext()):
            with around, operation(Kind.AGENT, "ops", outcome="finished"):
                pass
    counted = meters.registry.get_sample_value(
        "naryad_runs_total", {"agent": "ops", "version": "", "outcome": "finished"}
    )
    assert counted == 1


async def test_a_scanner_makes_no_series(client: httpx.AsyncClient) -> None:
    """What no route takes is one series, whatever the path and the method."""
    for n in range(5):
        await client.request(f"ODD{n}", f"/wp-admin/{n}.php")
        await client.get(f"/wp-login/{n}")
    series = [labels for labels in await scraped(client) if labels[0] == "naryad_http_requests_total"]
    assert {labels[1:] for labels in series} == {("other", "none", "404"), ("GET", "none", "404")}


async def test_what_is_refused_and_open_is_told(desk: Desk) -> None:
    """Calls that the gate refused, letters that nobody could read, and incidents by severity."""
    report = desk.parts.crew.incidents.report
    await report("slow", "", "shop", Severity.HIGH, by="local:anna", run=False)
    await desk.parts.driver.submit("t", "ops", "system:test", {"text": '[["no_such_tool", {}]]'})
    await desk.finished("t")
    async with desk.parts.crew.runtime.database.write() as session:
        session.add_all([MailLetter(fate=Fate.REFUSED, reason="no sender"), MailLetter(fate=Fate.TAKEN)])
    found = await scraped(desk.client)
    assert found["naryad_calls_refused_total",] == 1
    assert {labels: n for labels, n in found.items() if "letters_refused" in labels[0]} == {
        ("naryad_letters_refused_total", "no sender"): 1
    }
    assert (found["naryad_incidents_open", "high"], found["naryad_incidents_open", "low"]) == (1, 0)
    assert found["naryad_outbox_messages", "dead"] == 0


async def test_prometheus_takes_the_text(client: httpx.AsyncClient) -> None:
    """Its own linter has nothing to say."""
    text = (await client.get("/metrics", headers=HERE)).content

    def lint() -> tuple[int, bytes]:
        done = subprocess.run([needs("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert await asyncio.to_thread(lint) == (0, b"")


@pytest.mark.parametrize(
    ("address", "host", "headers", "status"),
    [
        ("127.0.0.1", "localhost:8000", {}, 200),
        ("127.0.0.1", "127.0.0.1:8000", {}, 200),
        ("::1", "[::1]:8000", {}, 200),
        ("10.0.0.7", "localhost", {}, 401),
        ("127.0.0.1", "localhost", {"X-Forwarded-For": "10.0.0.7"}, 401),
        ("10.0.0.7", "localhost", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", "localhost", {"Via": "1.1 proxy"}, 401),
        ("127.0.0.1", "naryad.example.ru", {}, 401),
        ("127.0.0.1", "localhost.example.ru", {}, 401),
        ("127.0.0.1", "127.0.0.1.example.ru", {}, 401),
    ],
)
async def test_only_this_machine_reads_our_metrics_unasked(
    app: FastAPI, address: str, host: str, headers: dict[str, str], status: int
) -> None:
    """Whoever comes from outside, through a proxy, or by another name, must show that they may read."""
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/metrics", headers={"Host": host, **headers})).status_code == status


@pytest.mark.parametrize(
    ("public_url", "status"),
    [("", 200), ("http://localhost:8000", 200), ("http://[::1]", 200), ("https://naryad.example.ru", 401)],
)
async def test_behind_a_silent_proxy_nobody_is_this_machine(settings: Settings, public_url: str, status: int) -> None:
    """Nginx as it comes asks with a loopback Host for nobody: only the public address tells of it."""
    app = create(settings.model_copy(update={"public_url": public_url}), counter_crew)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            assert (await client.get("/metrics")).status_code == status


async def test_who_may_read_reads_our_metrics_from_outside(app: FastAPI, sign_in: Signed) -> None:
    """An operator, and no user."""
    transport = httpx.ASGITransport(app, client=("10.0.0.7", 1))
    found = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for role in (Role.USER, Role.OPERATOR):
            found[role] = (await client.get("/metrics", headers=(await sign_in(role)).headers)).status_code
    assert found == {Role.USER: 403, Role.OPERATOR: 200}


@pytest.mark.parametrize(
    ("how", "values"),
    [
        ("avg", [2.5, 5.0]),
        ("min", [1.0, 5.0]),
        ("max", [4.0, 5.0]),
        ("sum", [10.0, 5.0]),
        ("p95", [4.0, 5.0]),
    ],
)
async def test_this_machines_figures_by_step(
    parts: Parts, client: httpx.AsyncClient, sign_in: Signed, how: str, values: list[float]
) -> None:
    """Each step sums up its own samples; those outside do not count."""
    anna = await sign_in()
    kept = parts.host_history._samples
    for second, value in ((-1, 99.0), (0, 1.0), (15, 2.0), (30, 3.0), (45, 4.0), (60, 5.0), (121, 99.0)):
        kept.append((NOON.timestamp() + second, {"host_cpu_percent": value}))
    asked: dict[str, Any] = {"metric_name": "host_cpu_percent", "aggregation": how, "step": 60}
    asked |= {"start_time": NOON.isoformat(), "end_time": (NOON + timedelta(minutes=2)).isoformat()}
    got = (await client.get(URL, params=asked, headers=anna.headers)).json()
    assert got["source"] == "host"
    assert [point["value"] for point in got["series"][0]["points"]] == values


async def test_the_machine_is_sampled(parts: Parts) -> None:
    """By the piece that runs in the background, or now."""
    await parts.host_history.sample()
    now = datetime.now(UTC).timestamp()
    [*_before, (_at, value)] = parts.host_history.points("host_memory_percent", now - 60, now + 60)
    assert 0 < value <= 100


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"metric_name": "no_such_metric"}, 404),
        ({}, 422),
        ({"metric_name": 'up{job="x"}'}, 422),
        ({"metric_name": "up", "aggregation": "median"}, 422),
        ({"metric_name": "up", "start_time": NOON.isoformat(), "end_time": NOON.isoformat()}, 422),
        ({"metric_name": "up", "start_time": "2020-01-01T00:00:00Z"}, 422),
        ({"metric_name": "up", "start_time": "2026-01-01T00:00:00"}, 422),
        ({"metric_name": "up", "step": "1", "start_time": "2026-01-01T00:00:00Z", "end_time": NOON.isoformat()}, 422),
    ],
)
async def test_what_cannot_be_told(
    client: httpx.AsyncClient, sign_in: Signed, asked: dict[str, str], status: int
) -> None:
    """A metric that is none, a range that is none, more points than anybody reads."""
    anna = await sign_in()
    assert (await client.get(URL, params=asked, headers=anna.headers)).status_code == status
