"""Jobs over HTTP: what there is, what became of it, and a person's hand on it."""

import asyncio

import httpx
import pytest

from naryad.auth import Role
from naryad.settings import Settings
from server.jobs.works import BY
from server.parts import Parts
from tests.server.conftest import Signed

URL = "/api/v1/jobs"
NAMES = ["cleanup", "monitors", "report.daily", "report.weekly", "sentinel"]


async def jobs(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, dict[str, object]]:
    """All jobs, once the scheduler wrote them down."""
    async with asyncio.timeout(60):
        while not (found := (await client.get(URL, headers=headers)).json()["jobs"]):
            await asyncio.sleep(0.02)
    return {job["name"]: job for job in found}


async def finished(client: httpx.AsyncClient, headers: dict[str, str], name: str) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            (run,) = (await client.get(f"{URL}/{name}/runs", headers=headers)).json()["runs"]
            if run["finished_at"]:
                return dict(run)
            await asyncio.sleep(0.05)


async def test_the_jobs_there_are(client: httpx.AsyncClient, sign_in: Signed, settings: Settings) -> None:
    """With their schedules in the install's time zone, and when they fire next."""
    admin = await sign_in(Role.ADMIN)
    found = await jobs(client, admin.headers)
    assert sorted(found) == NAMES
    daily = found["report.daily"]
    assert (daily["schedule"], daily["timezone"], daily["enabled"]) == ("cron 0 2 * * *", settings.timezone, True)
    assert str(daily["due_at"]).endswith("T23:00:00Z")


async def test_a_person_runs_a_job(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """The server's scheduler takes it at once; its journal names who asked, and what came of it."""
    admin = await sign_in(Role.ADMIN)
    await jobs(client, admin.headers)
    asked = await client.post(f"{URL}/cleanup/runs", headers=admin.headers)
    run = await finished(client, admin.headers, "cleanup")
    assert (asked.status_code, run["id"]) == (202, asked.json()["id"])
    assert (run["status"], run["by"], run["attempts"]) == ("done", f"account:{admin.id}", 1)
    assert run["result"] == {"rows": 0, "reports": 0}
    assert (await client.post(f"{URL}/cleanup/cancel", headers=admin.headers)).status_code == 409


async def test_the_nightly_report_is_a_job(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """Run by hand it makes the report of the last day, which is then in the archive."""
    admin = await sign_in(Role.ADMIN)
    await jobs(client, admin.headers)
    await client.post(f"{URL}/report.daily/runs", headers=admin.headers)
    run = await finished(client, admin.headers, "report.daily")
    (line,) = (await client.get("/api/v1/reports", headers=admin.headers)).json()["reports"]
    assert (run["status"], run["result"]) == ("done", {"report": line["id"], "messages": 0})
    assert (line["kind"], line["whole"], line["made_by"] != BY) == ("daily", True, True)


async def test_a_job_is_disabled_and_enabled(client: httpx.AsyncClient, sign_in: Signed, parts: Parts) -> None:
    """The answer shows it, and the schedule keeps to it."""
    admin = await sign_in(Role.ADMIN)
    await jobs(client, admin.headers)
    for enabled in (False, True):
        answer = await client.patch(f"{URL}/monitors", json={"enabled": enabled}, headers=admin.headers)
        assert (answer.status_code, answer.json()["enabled"]) == (200, enabled)
        assert {job.name: job.enabled for job, _run in await parts.scheduler.journal.jobs()}["monitors"] is enabled


@pytest.mark.parametrize(("method", "path"), [("GET", "runs"), ("POST", "runs"), ("POST", "cancel")])
async def test_there_is_no_such_job(client: httpx.AsyncClient, sign_in: Signed, method: str, path: str) -> None:
    """404, whatever is asked."""
    admin = await sign_in(Role.ADMIN)
    await jobs(client, admin.headers)
    assert (await client.request(method, f"{URL}/nope/{path}", headers=admin.headers)).status_code == 404
    assert (await client.patch(f"{URL}/nope", json={"enabled": True}, headers=admin.headers)).status_code == 404
