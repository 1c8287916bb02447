"""The Ops agent is started for what was accepted: once for each time, whatever crashes in between."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, col, select

from naryad.alerts import severity
from naryad.alerts import told as telling_of
from naryad.alerts.intake import LOCK
from naryad.auth import REPORTED
from naryad.db.models.alert import Alert
from naryad.db.models.event import EventRow
from naryad.db.models.incident import Incident
from naryad.db.session import Database
from naryad.driver import Driver
from naryad.events import EventType

log = structlog.get_logger()
PRINCIPAL = "system:alerts"
AGENT = "ops"
CLAIM = timedelta(seconds=60)
"""How long another process waits before it starts what one took and did not start."""
AT_ONCE = 50


async def start_due(database: Database, driver: Driver, moment: datetime) -> int:
    """Start what is due at a moment; returns how many runs."""
    claimed = await database.transact(lambda session: _claimed(session, database, moment))
    for incident, data in claimed:
        # Its input and this event are one transaction: after a crash it shows whether the run had been asked for.
        if await database.look(lambda session, of=incident: _asked(session, of)) < incident.runs:  # type: ignore[misc]
            await driver.submit(incident.thread_id, AGENT, _principal(incident), data)
            log.info("incident.run.started", incident=incident.id)
        await database.transact(lambda session, of=incident: _done(session, of))  # type: ignore[misc]
    return len(claimed)


def _claimed(session: Session, database: Database, moment: datetime) -> list[tuple[Incident, dict[str, Any]]]:
    database.hold(session, LOCK)
    query = select(Incident).where(col(Incident.run_due_at) <= moment).order_by(col(Incident.id)).limit(AT_ONCE)
    found = []
    for incident in session.exec(query.with_for_update()).all():
        firing = select(Alert).where(Alert.incident_id == incident.id, ~col(Alert.over))
        alerts = sorted(
            session.exec(firing).all(), key=lambda a: (severity.rank(a.severity), a.starts_at, a.fingerprint)
        )
        if incident.alerts and not alerts:  # it passed by itself
            incident.run_due_at, incident.runs = None, incident.runs - 1
            continue
        incident.run_due_at = moment + CLAIM
        found.append((incident, _input(incident, alerts[0] if alerts else None)))
    return found


def _input(incident: Incident, alert: Alert | None) -> dict[str, Any]:
    """What the agent is given: the gravest alert, which names the incident from now on; or a person's words."""
    if alert is None:
        return {"text": "\n".join(filter(None, [incident.title, incident.service, incident.description]))}
    incident.title = telling_of.title(alert.labels, alert.annotations)
    incident.service, incident.fingerprint = alert.service or incident.service, alert.fingerprint
    starts_at = alert.starts_at.isoformat()
    told = {"labels": alert.labels, "annotations": alert.annotations, "fingerprint": alert.fingerprint}
    return {"alert": {"status": "firing", **told, "startsAt": starts_at, "generatorURL": alert.source_url}}


def _principal(incident: Incident) -> str:
    """On whose behalf the run is: who reported an incident must not be the second pair of eyes on its cure."""
    first = incident.timeline[0] if incident.timeline else {}
    return f"{REPORTED}{first['by']}" if first.get("event") == "reported" else PRINCIPAL


def _asked(session: Session, incident: Incident) -> int:
    """How often its thread was given an input from here."""
    query = select(EventRow.data).where(EventRow.thread_id == incident.thread_id, EventRow.type == EventType.INPUT)
    return sum(data.get("by") == _principal(incident) for data in session.exec(query).all())


def _done(session: Session, claimed: Incident) -> None:
    incident = session.exec(select(Incident).where(Incident.id == claimed.id).with_for_update()).one()
    if incident.run_due_at == claimed.run_due_at:  # else it was opened again meanwhile
        incident.run_due_at = None
