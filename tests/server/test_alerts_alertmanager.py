"""A real Alertmanager tells a real server, over HTTP, that something fires and that it is over."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from naryad.db.models.incident import IncidentStatus
from naryad.settings import Settings
from server.parts import Parts
from tests.needs import needs
from tests.server.applications import create
from tests.server.test_alerts import TOKEN, settings, until  # noqa: F401  `settings` is a fixture
from tests.servers import free_port

CONFIG = """
route: {{receiver: naryad, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: naryad
    webhook_configs:
      - url: http://127.0.0.1:{port}/webhook/alertmanager
        http_config: {{authorization: {{type: Bearer, credentials: {token}}}}}
"""
LABELS = {"alertname": "ServiceDown", "service": "billing", "severity": "critical", "instance": "10.0.0.7:9100"}


@contextmanager
def alertmanager(folder: Path, port_of_ours: int) -> Iterator[str]:
    """Start Alertmanager with our webhook; gives its URL."""
    program, port = needs("prometheus-alertmanager"), free_port()
    (folder / "alertmanager.yml").write_text(CONFIG.format(port=port_of_ours, token=TOKEN))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[tuple[FastAPI, int]]:  # noqa: F811
    """The real application behind uvicorn."""
    app, port = create(settings), free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    yield app, port
    server.should_exit = True
    await serving


@pytest.mark.server
@pytest.mark.may_block
@pytest.mark.timeout(180)
async def test_alertmanager_fires_and_resolves(served: tuple[FastAPI, int], tmp_path: Path) -> None:
    """One incident, worked on by one run; over when the alert is, and open again with its next episode."""
    app, port = served
    parts: Parts = app.state.parts
    with alertmanager(tmp_path, port) as url:
        async with httpx.AsyncClient(base_url=url) as monitor:

            async def answers() -> bool:
                try:
                    return (await monitor.get("/-/ready")).is_success
                except httpx.TransportError:
                    return False

            async def tell(begin: datetime, end: datetime | None) -> None:
                alert = {"labels": LABELS, "startsAt": begin.isoformat()}
                end = end or datetime.now(UTC) + timedelta(hours=1)
                body = json.dumps([alert | {"endsAt": end.isoformat()}])
                answer = await monitor.post(
                    "/api/v2/alerts", content=body, headers={"content-type": "application/json"}
                )
                assert answer.is_success, answer.text

            async def status(wanted: IncidentStatus, firing: bool) -> bool:
                incidents = await parts.crew.incidents.listed()
                if not incidents or incidents[0].status != wanted:
                    return False
                alerts = await parts.crew.incidents.alerts(incidents[0].id)
                return (not alerts[-1].over) is firing

            await until(answers)
            begin = datetime.now(UTC) - timedelta(minutes=3)
            await tell(begin, None)
            await until(lambda: status(IncidentStatus.ESCALATED, firing=True))
            await tell(begin, datetime.now(UTC))
            await until(lambda: status(IncidentStatus.RESOLVED, firing=False))
            await tell(datetime.now(UTC), None)
            await until(lambda: status(IncidentStatus.ESCALATED, firing=True))
    (incident,) = await parts.crew.incidents.listed()
    alerts = await parts.crew.incidents.alerts(incident.id)
    assert [(alert.labels, alert.over) for alert in alerts] == [(LABELS, True), (LABELS, False)]
    events = [line["event"] for line in incident.timeline if line["event"] in ("resolved", "reopened", "escalated")]
    assert events == ["escalated", "resolved", "reopened", "escalated"]
    inputs = [e for e in await parts.crew.runtime.events.since(incident.thread_id) if e.type == "input"]
    assert len(inputs) == 2
