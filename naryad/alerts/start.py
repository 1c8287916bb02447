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
OURSELVES = "naryad"
"""The service, or Prometheus' job, of alerts about the agents themselves. People are told of them, but no run is
started: it would fail as those did that the alert is about, and its failure would fire the next."""


async def start_due(database: Database, driver: Driver, moment: datetime) -> int:
    """Start what is due at a moment; returns how many runs."""
    claimed = await database.transact(lambda session: _claimed(session, database, moment))
    for incident, principal, data in claimed:
        # Its input and this event are one transaction: after a crash it shows whether the run had been asked for.
        if await database.look(lambda session, of=incident: _asked(session, of)) < incident.runs:  # type: ignore[misc]
            await driver.submit(incident.thread_id, AGENT, principal, data)
            log.info("incident.run.started", incident=incident.id)
        await database.transact(lambda session, of=incident: _done(session, of))  # type: ignore[misc]
    return len(claimed)


def _claimed(session: Session, database: Database, moment: datetime) -> list[tuple[Incident, str, dict[str, Any]]]:
    database.hold(session, LOCK)
    query = select(Incident).where(col(Incident.run_due_at) <= moment).order_by(col(Incident.id)).limit(AT_ONCE)
    found = []
    for incident in session.exec(query.with_for_update()).all():
        firing = select(Alert).where(Alert.incident_id == incident.id, ~col(Alert.over))
        foreign = [alert for alert in session.exec(firing).all() if not _about_ourselves(alert)]
        alerts = sorted(foreign, key=lambda a: (severity.rank(a.severity), a.starts_at, a.fingerprint))
        if incident.alerts and not alerts:  # it passed by itself, or is about ourselves
            incident.run_due_at, incident.runs = None, incident.runs - 1
            continue
        incident.run_due_at = moment + CLAIM
        gravest = alerts[0] if alerts else None
        found.append((incident, _principal(incident, gravest), _input(incident, gravest)))
    return found


def _about_ourselves(alert: Alert) -> bool:
    return OURSELVES in (alert.service, alert.labels.get("job"))


def _input(incident: Incident, alert: Alert | None) -> dict[str, Any]:
    """What the agent is given: the gravest alert, which names the incident from now on; or a person's words."""
    if alert is None:
        return {"text": "\n".join(filter(None, [incident.title, incident.service, incident.description]))}
    incident.title = telling_of.title(alert.labels, alert.annotations)
    incident.service, incident.fingerprint = alert.service or incident.service, alert.fingerprint
    starts_at = alert.starts_at.isoformat()
    told = {"labels": alert.labels, "annotations": alert.annotations, "fingerprint": alert.fingerprint}
    return {"alert": {"status": "firing", **told, "startsAt": starts_at, "generatorURL": alert.source_url}}


def _principal(incident: Incident, alert: Alert | None) -> str:
    """On whose behalf the run is: who told of what is wrong must not be the second pair of eyes on its cure."""
    first = incident.timeline[0] if incident.timeline else {}
    by = first["by"] if first.get("event") == "reported" else alert.reported_by if alert else ""
    return f"{REPORTED}{by}" if by else PRINCIPAL


def _asked(session: Session, incident: Incident) -> int:
    """How often its thread was given an input from here."""
    query = select(EventRow.data).where(EventRow.thread_id == incident.thread_id, EventRow.type == EventType.INPUT)
    return sum(str(data.get("by")).startswith((PRINCIPAL, REPORTED)) for data in session.exec(query).all())


def _done(session: Session, claimed: Incident) -> None:
    incident = session.exec(select(Incident).where(Incident.id == claimed.id).with_for_update()).one()
    if incident.run_due_at == claimed.run_due_at:  # else it was opened again meanwhile
        incident.run_due_at = None
