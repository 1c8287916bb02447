"""A real Prometheus scrapes a real server of ours, which then tells what Prometheus has kept of it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from naryad.accounts.tokens import Access
from naryad.auth import Role
from naryad.settings import Settings
from server.parts import Parts
from tests.needs import needs
from tests.server.applications import create
from tests.server.conftest import PASSWORD, counter_crew
from tests.servers import free_port

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: naryad
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture
def prometheus(alone: Path) -> Iterator[tuple[str, int]]:
    """A Prometheus; gives out its address, and the port that it scrapes."""
    program, port, scraped = needs("prometheus"), free_port(), free_port()
    alone.mkdir(parents=True, exist_ok=True)
    (alone / "prometheus.yml").write_text(CONFIG.format(port=scraped))
    options = [f"--config.file={alone}/prometheus.yml", f"--storage.tsdb.path={alone}/data"]
    options.append(f"--web.listen-address=127.0.0.1:{port}")
    with (alone / "log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}", scraped
    process.kill()
    process.wait()


@pytest.fixture
async def server(alone: Path, prometheus: tuple[str, int]) -> AsyncIterator[tuple[str, Parts]]:
    """Our server where Prometheus looks for it, and its parts."""
    url, port = prometheus
    app = create(Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=100_000, PROMETHEUS_URL=url), counter_crew)
    ours = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, ws="none"))
    serving = asyncio.create_task(ours.serve())
    while not ours.started:
        await asyncio.sleep(0.05)
    yield f"http://127.0.0.1:{port}", app.state.parts
    ours.should_exit = True
    await serving


@pytest.mark.server
async def test_prometheus_scrapes_us_and_is_asked_again(server: tuple[str, Parts]) -> None:
    """The figures that come back by our own API are those that were scraped."""
    url, parts = server
    account = await parts.accounts.create("anna@example.ru", PASSWORD, Role.OPERATOR)
    device, _refresh = await parts.devices.open(account.id)
    token = parts.signer.sign(Access(account.id, Role.OPERATOR, device.id, False))
    await parts.driver.submit("t", "ops", "system:test", {"text": '[["counter_fire", {"what": "x"}]]'})
    asked = {"metric_name": "naryad_approvals_waiting", "aggregation": "max", "step": "15"}
    series: list[Any] = []
    async with asyncio.timeout(60), httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        while not series:
            got = await client.get(f"{url}/api/v1/metrics", params=asked)
            series = got.json().get("series", []) if got.status_code == 200 else []
            await asyncio.sleep(0.3)
    assert got.json()["source"] == "prometheus"
    assert (series[0]["labels"]["agent"], series[0]["labels"]["job"]) == ("ops", "naryad")
    assert series[0]["points"][-1]["value"] == 1
