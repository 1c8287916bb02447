"""Which incident an episode belongs to: the links of `rules`, looked up, and incidents merged where one joins two."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session, col, func, select, update

from naryad.alerts import timeline
from naryad.alerts.rules import MINUTE, REOPEN, STORM_PLACES, WINDOW, Surroundings
from naryad.db.models.alert import Alert
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.i18n import N_


def linked(session: Session, alert: Alert, around: Surroundings) -> set[str]:
    """The incidents that an episode is linked to by the first two rules."""
    same = [col(Alert.place) == alert.place]
    if alert.service:
        same.append(col(Alert.service).in_(around.related(alert.service)))
    if alert.host:
        same.append(col(Alert.host) == alert.host)
    near = col(Alert.starts_at).between(alert.starts_at - WINDOW, alert.starts_at + WINDOW) & or_(*same)
    again = col(Alert.ended_at).between(alert.starts_at - REOPEN, alert.starts_at) & _earlier(alert)
    return _incidents(session, or_(near, again)) | after(session, alert)


def after(session: Session, alert: Alert) -> set[str]:
    """The incidents of the episodes of the same fingerprint that began soon after this one's end."""
    if alert.ended_at is None:
        return set()
    soon = col(Alert.starts_at).between(alert.ended_at, alert.ended_at + REOPEN)
    later = (col(Alert.fingerprint) == alert.fingerprint) & (col(Alert.starts_at) > alert.starts_at)
    return _incidents(session, soon & later)


def stormed(session: Session, alert: Alert) -> set[str]:
    """The incidents that are one storm with this episode, its own among them; none where its minute is no storm."""
    minutes = [alert.minute + MINUTE * step for step in (-1, 0, 1)]
    query = (
        select(Alert.minute, func.count(func.distinct(col(Alert.place))))
        .where(col(Alert.minute).in_(minutes), col(Alert.incident_id).is_not(None))
        .group_by(col(Alert.minute))
    )
    storms = [minute for minute, places in session.exec(query).all() if places > STORM_PLACES]
    return _incidents(session, col(Alert.minute).in_(storms)) if alert.minute in storms else set()


def hold(session: Session, ids: Iterable[str]) -> list[Incident]:
    """Incidents, locked until the end of the transaction."""
    query = select(Incident).where(col(Incident.id).in_(sorted(ids))).order_by(col(Incident.id)).with_for_update()
    return list(session.exec(query).all())


def merged(session: Session, incidents: list[Incident], moment: datetime) -> Incident:
    """Make one incident of several: one takes the alerts of the others over, and they end."""
    first, *rest = sorted(
        incidents,
        key=lambda i: (i.status == IncidentStatus.RESOLVED, i.run_due_at is not None, i.started_at, i.id),
    )
    for other in rest:
        session.exec(update(Alert).where(col(Alert.incident_id) == other.id).values(incident_id=first.id))
        first.alerts += other.alerts
        first.started_at = min(first.started_at, other.started_at)
        first.storm = first.storm or other.storm
        if other.flapping_until:
            first.flapping_until = max(first.flapping_until or other.flapping_until, other.flapping_until)
        if other.acknowledged_at and not first.acknowledged_at:
            first.acknowledged_at, first.acknowledged_by = other.acknowledged_at, other.acknowledged_by
        first.assignee = first.assignee or other.assignee
        other.merged_into, other.alerts, other.run_due_at = first.id, 0, None
        other.status, other.finished_at = IncidentStatus.RESOLVED, other.finished_at or moment
        timeline.add(first, "merged", N_("Belongs together with: {title}"), title=other.title)
        timeline.add(other, "merged", N_("Went into another incident: {title}"), title=first.title)
    return first


def _earlier(alert: Alert) -> ColumnElement[bool]:
    return (col(Alert.fingerprint) == alert.fingerprint) & (col(Alert.starts_at) < alert.starts_at)


def _incidents(session: Session, where: ColumnElement[bool]) -> set[str]:
    query = select(Alert.incident_id).where(where, col(Alert.incident_id).is_not(None)).distinct()
    return {found for found in session.exec(query).all() if found}
