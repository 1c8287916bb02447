"""What the rules and the dashboards name is what a server really exports."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.incident import Severity
from naryad.observability import Kind, operation
from naryad.settings import Settings
from server.parts import Parts
from tests.deploy.monitoring import OURS, expressions
from tests.server.applications import create
from tests.server.asking import Desk
from tests.server.conftest import Signed, SignedIn, client, counter_crew, parts, quick_hashes, sign_in

__all__ = ["SignedIn", "client", "parts", "quick_hashes", "sign_in"]


@pytest.fixture
async def app(alone: Path) -> AsyncIterator[FastAPI]:
    """A server with a model and its price."""
    alone.mkdir(parents=True, exist_ok=True)
    (alone / "prices.yaml").write_text("currency: RUB\nmodels: {m: {input: 1, output: 1}}")
    settings = Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=100_000, OPENAI_API_KEY="none", NARYAD_MODEL="openai")
    made = create(settings, counter_crew)
    async with made.router.lifespan_context(made):
        yield made


async def happened(desk: Desk) -> None:
    """A run that asks and acts, one that breaks, a model's answer, an incident."""
    anna = await desk.person()
    [asked] = await desk.ask()
    await desk.post(anna, asked, "approve")
    await desk.finished(asked.thread_id)
    await desk.parts.driver.submit("broken", "ops", "system:test", {"text": "[broken"})
    await desk.ask("waits")
    with operation(Kind.AGENT, "ops"), operation(Kind.MODEL, "m", provider="p") as facts:
        facts["usage"] = {"input_tokens": 1, "output_tokens": 1}
    ticket = await desk.parts.crew.tickets.create(subject="s", text="t", requester="account:a", by="account:a")
    async with desk.parts.crew.runtime.database.write() as session:
        session.add(ExternalTicket(ticket_id=ticket.id, tracker="jira"))
    await desk.parts.crew.incidents.report("slow", "", "shop", Severity.HIGH, by="local:anna", run=False)


async def test_every_metric_that_is_asked_for_is_exported(
    parts: Parts, client: httpx.AsyncClient, sign_in: Signed
) -> None:
    """With samples, after a session in which everything happened once."""
    await happened(Desk(parts, client, sign_in))
    text = (await client.get("/metrics", headers={"Host": "localhost"})).text
    exported = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    asked = {name for expr in expressions() for name in OURS.findall(expr)}
    assert asked - exported == set(), json.dumps(sorted(exported))
