"""A past that is made up: incidents, alerts and runs at random, the same for every test that names its seed."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import SQLModel

from naryad.clock import new_id
from naryad.db.models.alert import Alert
from naryad.db.models.event import EventRow
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.models.thread import Thread
from naryad.db.session import Database
from naryad.events import EventType

SERVICES = ("web", "db", "mail", "")
SEVERITIES = ("critical", "high", "medium", "low")
ENDS = ("answered", "resolved", "escalated", "cancelled", "with_person")


def incidents(count: int, since: datetime, until: datetime, seed: int = 1) -> list[Incident]:
    """Incidents that begin around a period, in every state."""
    dice, made = random.Random(seed), []
    for _number in range(count):
        begin = since + (until - since) * dice.uniform(-1.2, 1.2)
        acknowledged = begin + timedelta(seconds=dice.randint(1, 5_000)) if dice.random() < 0.7 else None
        resolved = dice.random() < 0.8
        end = begin + timedelta(seconds=dice.randint(60, 20_000)) if resolved else None
        made.append(
            Incident(
                thread_id=new_id(), fingerprint="f", title="t", service=dice.choice(SERVICES),
                severity=dice.choice(SEVERITIES), started_at=begin, finished_at=end, acknowledged_at=acknowledged,
                status=IncidentStatus.RESOLVED if resolved else dice.choice([*IncidentStatus][:3]),
                breached_at=begin + timedelta(minutes=5) if dice.random() < 0.3 else None,
                resolved_by=dice.choice(["agent:ops", "system:alerts", "account:1"]) if resolved else "",
                merged_into="other" if dice.random() < 0.1 else None, alerts=1,
            )
        )  # fmt: skip
    return made


def outages(count: int, since: datetime, until: datetime, incident: str, seed: int = 2) -> list[Alert]:
    """Episodes of alerts, each of a whole number of seconds: some critical, some that overlap, some still going on."""
    dice, made = random.Random(seed), []
    for number in range(count):
        begin = since + timedelta(seconds=dice.randint(-20_000, int((until - since).total_seconds())))
        end = begin + timedelta(seconds=dice.randint(1, 9_000)) if dice.random() < 0.9 else None
        made.append(
            Alert(
                fingerprint=f"f{number}", starts_at=begin, ended_at=end, over=end is not None, fired=True,
                severity=dice.choice(SEVERITIES), service=dice.choice(SERVICES), place="p", minute=begin,
                incident_id=incident if dice.random() < 0.8 else None, labels={"alertname": dice.choice("ABC")},
            )
        )  # fmt: skip
    return made


def runs(count: int, since: datetime, until: datetime, seed: int = 3) -> list[SQLModel]:
    """Runs of two agents that ended around a period, some after they broke."""
    dice = random.Random(seed)
    made: list[SQLModel] = []
    for _number in range(count):
        thread = Thread(agent=dice.choice(["ops", "support"]), principal="local:x")
        at = since + (until - since) * dice.uniform(-0.5, 1.5)
        told: dict[str, Any] = {"outcome": dice.choice(ENDS), "input": "i"}
        told |= dice.choice([{"tokens": 70}, {"tokens": 7, "degraded": False}, {"degraded": True}, {}])
        made += [thread, EventRow(thread_id=thread.id, seq=1, type=EventType.RUN_FINISHED, data=told, at=at)]
        if dice.random() < 0.3:
            broke = {"message": dice.choice(["bug: KeyError", "no"])}
            made.append(EventRow(thread_id=thread.id, seq=2, type=EventType.RUN_FAILED, data=broke, at=at))
        if dice.random() < 0.5:
            done = {"tool": "host_disk", "outcome": dice.choice(["done", "failed"])}
            made.append(EventRow(thread_id=thread.id, seq=3, type=EventType.TOOL_FINISHED, data=done, at=at))
    return made


async def keep(database: Database, rows: Sequence[SQLModel]) -> None:
    async with database.write() as session:
        session.add_all(rows)
