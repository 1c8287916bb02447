"""The shipped rule fires in a real Prometheus, and a real Alertmanager makes an incident of it in a real server."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
import yaml

from naryad.db.models.incident import Incident
from naryad.events import EventType
from naryad.settings import Settings
from server.parts import Parts
from tests.deploy.monitoring import FOLDER
from tests.needs import needs
from tests.server.applications import create
from tests.server.conftest import counter_crew, quick_hashes
from tests.servers import free_port

__all__ = ["quick_hashes"]
TOKEN = "alertmanager-token"


@contextmanager
def running(folder: Path, program: Path, *options: str) -> Iterator[None]:
    """Run a server of the operating system inside the block."""
    with (folder / f"{program.name}.log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
async def ours(alone: Path) -> AsyncIterator[tuple[Parts, int]]:
    """Our server, its parts and its port."""
    alone.mkdir(parents=True, exist_ok=True)
    settings = Settings(NARYAD_HOME=alone, ALERTMANAGER_TOKEN=TOKEN, RATE_LIMIT_PER_MINUTE=100_000)
    app, port = create(settings, counter_crew), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, ws="none"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    yield app.state.parts, port
    server.should_exit = True
    await serving


@pytest.fixture
def monitors(ours: tuple[Parts, int], tmp_path: Path) -> Iterator[None]:
    """The shipped configurations, but for addresses and patience."""
    port, prometheus, alertmanager = ours[1], free_port(), free_port()
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    scrape["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    scrape["rule_files"] = [str(FOLDER / "rules" / "*.yml")]
    scrape["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alertmanager}"]
    scrape["scrape_configs"] = scrape["scrape_configs"][:1]
    del scrape["scrape_configs"][0]["authorization"]
    scrape["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    route = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    route["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (tmp_path / "token").write_text(TOKEN)
    [hook] = route["receivers"][0]["webhook_configs"]
    hook["url"] = f"http://127.0.0.1:{port}/webhook/alertmanager"
    hook["http_config"]["authorization"]["credentials_file"] = str(tmp_path / "token")
    for name, made in (("prometheus", scrape), ("alertmanager", route)):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(made))
    with (
        running(
            tmp_path,
            needs("prometheus-alertmanager"),
            f"--config.file={tmp_path}/alertmanager.yml",
            f"--storage.path={tmp_path}/alerts",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--cluster.listen-address=",
        ),
        running(
            tmp_path,
            needs("prometheus"),
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/series",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ),
    ):
        asyncio.run(_ready(f"http://127.0.0.1:{prometheus}"))
        yield


async def _ready(url: str) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{url}/-/ready")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)


async def broken(parts: Parts, thread: str) -> None:
    """Give the agent what it breaks on, and wait until it did."""
    await parts.driver.submit(thread, "ops", "system:test", {"text": "[broken"})
    while await parts.crew.runtime.events.last(thread, EventType.RUN_FAILED) is None:
        await asyncio.sleep(0.05)


async def opened(parts: Parts, title: str) -> Incident:
    """The incident that is named like this, as soon as there is one."""
    while True:
        for incident in await parts.crew.incidents.listed():
            if title in incident.title:
                return incident
        await asyncio.sleep(0.5)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.may_block
@pytest.mark.timeout(280)
@pytest.mark.usefixtures("monitors")
async def test_an_agent_that_fails_becomes_an_incident_and_is_not_set_on_it(ours: tuple[Parts, int]) -> None:
    """Scraped, found by the shipped rule, told by Alertmanager; and no run is made of it, which would fail again."""
    parts, _port = ours
    async with asyncio.timeout(240):
        await asyncio.sleep(5)  # a rate is seen from the second scrape on
        for n in range(5):
            await broken(parts, f"t{n}")
        incident = await opened(parts, "100% of the runs of ops fail")
        while (await parts.crew.incidents.get(incident.id)).run_due_at:
            await asyncio.sleep(0.2)
    assert (incident.severity, incident.service) == ("high", "naryad")
    [alert] = await parts.crew.incidents.alerts(incident.id)
    assert alert.labels["alertname"] == "NaryadRunsFail"
    assert alert.labels["version"] == parts.meters.version("ops")
    events = await parts.crew.runtime.events.since(incident.thread_id)
    assert EventType.INPUT not in [event.type for event in events]
