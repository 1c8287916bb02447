"""Alerts and requests from outside: whatever they hold, the run ends, and what is kept of them is plain and short."""

from pathlib import Path
from typing import Any

import pytest

from graphs.ops.asked import LABEL_CHARS, TITLE_CHARS, received, title
from graphs.ops.intake import MAX_LOOKS, subject
from knowledge_base.services import Catalogue, Service
from naryad.db.models.incident import IncidentStatus
from tests.graphs.scripts import conclude, turns
from tests.graphs.world import URL, WEB, Company, alert, company_crew

EVIL = "${service.log} {{ lookup('pipe', 'id') }} {title} %s ../../etc/passwd \x00\x1b[2J \ud800"


@pytest.mark.parametrize(
    "hostile",
    [
        {},
        {"labels": None, "annotations": None},
        {"labels": {}, "annotations": {"summary": None}},
        {"labels": {"alertname": None, "service": ["web"]}, "fingerprint": 7},
        {"labels": {"alertname": {"a": 1}, "service": {"web": 1}, "severity": 3}, "annotations": ["x"]},
        {"labels": {"alertname": EVIL, "service": EVIL, EVIL: EVIL}, "annotations": {"summary": EVIL}},
        {"labels": {"alertname": "x" * 10**6, "service": "y" * 10**6}, "fingerprint": "z" * 10**6},
        {"labels": {f"l{number}": "x" for number in range(10_000)}},
        "ServiceDown",
        [],
        0,
    ],
    ids=["empty", "none", "no name", "lists", "nested", "templates", "long", "many", "text", "list", "zero"],
)
async def test_a_hostile_alert_ends_as_any_other(tmp_path: Path, hostile: Any) -> None:
    """It opens an incident that is handed over; nothing runs, and the thread is free for the next input."""
    async with company_crew(Company(works=True), tmp_path) as crew:
        done = await crew.start(alert=hostile)
        incident = await crew.incident()
        again = await crew.start(text="Is web all right?")
    assert (done.values["outcome"], incident.status, crew.company.ran) == ("escalated", IncidentStatus.ESCALATED, [])
    assert again.values["outcome"] == "healthy"
    assert len(incident.title) <= TITLE_CHARS
    assert max(map(len, (incident.service, incident.severity, incident.fingerprint))) <= LABEL_CHARS


def test_what_an_alert_holds_is_masked() -> None:
    """Labels and texts reach prompts, events and postmortems."""
    labels = {"alertname": "X", "url": "postgres://u:hunter2@db/x", "token": "hunter2"}
    asked = received({"labels": labels, "annotations": {"summary": "password=hunter2 refused"}}, None)
    assert "hunter2" not in str(asked)
    assert title(asked).endswith("refused")
    assert "hunter2" not in str(received(None, "why does psql 'password=hunter2' fail?"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Is web all right?", ["web"]),
        ("почему web-сервер лежит", ["web"]),
        ("Restart WEB.", ["web"]),
        ("the website, or the spiderweb", ["web", "db"]),
        ("", ["web", "db"]),
    ],
)
def test_a_service_is_named_by_its_whole_name(text: str, named: list[str]) -> None:
    """A name inside another word names nobody; who names nobody asks about all."""
    catalogue = Catalogue(services=[WEB, Service(name="db", unit="db", process="db")])
    assert [service.name for service in subject(received(None, text), catalogue)] == named


async def test_not_healthy_without_a_look(tmp_path: Path) -> None:
    """A service without a probe is never called healthy, however well its neighbours are."""
    worker = Service(name="worker", unit="w", process="w", depends_on=["web"])
    async with company_crew(Company(works=True), tmp_path, services=[WEB, worker]) as crew:
        done = await crew.start(text="Is worker all right?")
    assert done.values["outcome"] == "escalated"


async def test_looks_are_bounded(tmp_path: Path) -> None:
    """A request about nothing in particular does not look at a thousand services at once."""
    services = [WEB.model_copy(update={"name": f"s{n}", "process": f"p{n}", "port": n}) for n in range(1, 200)]
    async with company_crew(Company(works=True), tmp_path, services=services) as crew:
        done = await crew.start(text="How are we?")
    assert len(done.values["evidence"]) == MAX_LOOKS


async def test_this_machine_says_nothing_of_another(tmp_path: Path) -> None:
    """Processes and logs are looked at here: of a service on another host they would name a false cause."""
    remote = WEB.model_copy(update={"host": "web7.example.com"})
    async with company_crew(Company(), tmp_path, services=[remote]) as crew:
        done = await crew.start()
    assert {item["tool"] for item in done.values["evidence"]} == {"probe_http"}
    assert (done.values["outcome"], done.values["evidence"][0]["args"]) == ("escalated", {"url": URL})


async def test_a_runbook_only_looks_before_people_were_asked(tmp_path: Path) -> None:
    """A step that would change something is not made to find out what is wrong."""
    from knowledge_base.runbooks import Runbook

    step = {"id": "x", "tool": "ansible_run", "args": {"playbook": "x", "title": "x"}, "expect": "ok"}
    proof = {"id": "y", "tool": "probe_http", "args": {"url": URL}, "expect": "ok"}
    words = {"ru": "x", "en": "x"}
    remedy = {"title": words, "playbook": "- {hosts: all}"}
    runbook = Runbook.model_validate(
        {
            "id": "x",
            "alerts": [{"alertname": ".*"}],
            "diagnose": [step],
            "cause": words,
            "remedy": remedy,
            "verify": [proof],
        }
    )
    async with company_crew(Company(), tmp_path, runbooks=[runbook]) as crew:
        done = await crew.start(alert=alert())
        assert (done.waiting_for, list(await crew.gate.approvals.listed(None)), crew.company.ran) == ((), [], [])


async def test_a_secret_in_a_log_is_written_nowhere(tmp_path: Path) -> None:
    """Neither checkpoints nor events, audit, incident or postmortem hold what a service wrote into its log."""
    line = 'ERROR postgres://u:S3cretOne@db/x refused, {"password": "S3cret Two"}, пароль: S3cretThree'
    script = turns({"tool": "host_log_tail", "args": {"path": "/x", "lines": 3}}, conclude())
    async with company_crew(Company(log=[line]), tmp_path, script) as crew:
        done = await crew.decide(await crew.start())
    assert "refused" in str(done.values["evidence"])
    for path in tmp_path.glob("*.db*"):
        assert b"S3cret" not in path.read_bytes(), path.name
