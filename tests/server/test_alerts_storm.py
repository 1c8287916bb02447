"""A thousand alerts from eight clients at once: none is lost, and the incidents are exactly those of the rules."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from naryad.alerts.rules import LATE, STORM_PLACES, TOLD
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.delivery import Cursor, Delivery, DeliveryStatus
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.events import FEED, EventType
from naryad.notify import notices
from naryad.notify.routes import EMAIL
from naryad.settings import Settings
from server.parts import Parts
from tests.naryad.conftest import backend, empty_url, postgres_process, postgres_server  # noqa: F401  fixtures
from tests.naryad.notify.test_mail import Mailbox, serving
from tests.server import storm
from tests.server.test_alerts import MONITOR, TOKEN, app, until  # noqa: F401  `app` is a fixture: the real crew

CLIENTS = 8
MESSAGES = 1_000
ANNA = "anna@example.ru"


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp(box: Mailbox) -> Iterator[int]:
    with serving(box) as port:
        yield port


@pytest.fixture
def settings(alone: Path, empty_url: str, smtp: int) -> Settings:  # noqa: F811
    alone.mkdir(parents=True, exist_ok=True)
    route = {"recipients": [{"name": "anna", "email": ANNA}], "routes": [{"kinds": ["incident"], "to": ["anna"]}]}
    (alone / "notify.yaml").write_text(json.dumps(route))
    catalogue = [
        {"name": name, "unit": name, "process": name, "host": "elsewhere", "depends_on": below}
        for name, below in storm.CATALOGUE.items()
    ]
    (alone / "services.yaml").write_text(json.dumps({"services": catalogue}))
    return Settings(
        NARYAD_HOME=alone,
        RATE_LIMIT_PER_MINUTE=100_000,
        ALERTMANAGER_TOKEN=TOKEN,
        NARYAD_MODEL="none",
        DATABASE_URL=empty_url.replace("+aiosqlite", "").replace("+psycopg", ""),
        ENABLE_EMAIL_NOTIFICATIONS=True,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=smtp,
        SMTP_SECURITY="none",
        SMTP_FROM="naryad@example.ru",
    )


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_makes_exactly_the_incidents_of_the_rules(
    client: httpx.AsyncClient, parts: Parts, box: Mailbox, seed: int
) -> None:
    """Whatever is flapping, told twice, or told to end before it began; and nobody is told more than there is to tell.

    The feed stays short. Incidents that go into others are those of the storm before it was one, and of old alerts
    before the end was told that links them. Each time that an incident is open a person gets three letters at most:
    that it began, that the agent needs somebody, that it is over; this one as the last, of every one that is.
    """
    dice = random.Random(seed)
    zero = (now() - timedelta(minutes=5)).replace(second=0, microsecond=0)
    given = storm.episodes(dice, zero)
    matcher = {"name": "service", "op": "=", "value": "muted"}
    await parts.silences.add([matcher], zero, now() + timedelta(hours=9), "works", "account:1")
    waiting = storm.deliveries(dice, given, MESSAGES)
    sent = sum(map(len, waiting))

    async def send() -> None:
        while waiting:
            body = {"version": "4", "alerts": waiting.pop()}
            answer = await client.post("/webhook/alertmanager", json=body, headers=MONITOR)
            assert answer.status_code == 200, answer.text

    began = now()
    await asyncio.gather(*(send() for _ in range(CLIENTS)))
    print(f"{sent} messages in {(now() - began).total_seconds():.1f} s")
    assert now() - zero < LATE, "the machine is too slow for the minutes of this test"

    rows, incidents = await everything(parts)
    known = {(episode.name, episode.begin): episode for episode in given}
    assert {(row.labels["alertname"], row.starts_at) for row in rows} == set(known)
    assert [row for row in rows if not row.fired] == []
    found: dict[str, set[storm.Episode]] = {}
    for row in rows:
        if row.incident_id:
            found.setdefault(row.incident_id, set()).add(known[row.labels["alertname"], row.starts_at])
    wanted = storm.expected(given)
    assert {frozenset(episodes) for episodes in found.values()} == set(wanted)
    live = {incident.id: incident for incident in incidents if incident.merged_into is None}
    assert {key: incident.alerts for key, incident in live.items()} == {key: len(of) for key, of in found.items()}
    flapping = storm.flaps(given)
    assert {key for key, of in found.items() if {episode.name for episode in of} & flapping} == {
        key for key, incident in live.items() if incident.flapping_until
    }

    async def done() -> bool:
        due = any(incident.run_due_at for incident in (await everything(parts))[1])
        return not due and not await parts.crew.runs.unfinished()

    await until(done, 300)
    await parts.watch.sweep(now() + timedelta(hours=1))
    for incident in (await everything(parts))[1]:
        if incident.merged_into is None:
            over = wanted[frozenset(found[incident.id])]
            assert (incident.status == IncidentStatus.RESOLVED) is over, incident.title

    feed = await parts.crew.runtime.events.since(FEED)
    per_thread = Counter(e.data["thread"] for e in feed if e.type == EventType.ALERT_TRIGGERED)
    print(f"{len(feed)} events of {len(live)} incidents, {len(incidents)} made")
    assert max(per_thread.values()) <= TOLD
    assert len(feed) <= MESSAGES
    assert len(live) == len(wanted)

    assert len(incidents) <= len(wanted) + STORM_PLACES + storm.OLD

    again = sum("reopened" in event.data for event in feed)
    told = await letters(parts)
    assert len(box.letters) == len(told) <= 3 * (len(incidents) + again)
    level = {row.subject: row.payload["level"] for row in told}
    ended = [one for one in (await everything(parts))[1] if one.status == IncidentStatus.RESOLVED]
    assert {level.get(f"incident:{one.id}") for one in ended} == {"resolved"}


async def letters(parts: Parts) -> list[Delivery]:
    """Every letter about an incident, once all are sent."""
    feed = await parts.crew.runtime.events.since(FEED)
    last = max(event.seq for event in feed if event.type in notices.TOLD)
    query = select(Delivery).where(Delivery.channel == EMAIL).order_by(col(Delivery.id))
    found: list[Delivery] = []

    async def sent() -> bool:
        async with parts.crew.runtime.database.read() as session:
            reached = (await session.exec(select(Cursor.seq))).one()
            found[:] = (await session.exec(query)).all()
        return reached >= last and all(row.status is DeliveryStatus.SENT for row in found)

    await until(sent, 300)
    return found


async def everything(parts: Parts) -> tuple[list[Alert], list[Incident]]:
    """Every episode and every incident that is kept."""
    async with parts.crew.runtime.database.read() as session:
        rows = (await session.exec(select(Alert))).all()
        return list(rows), list((await session.exec(select(Incident))).all())
