"""What time brings to incidents: nobody responded, alerts calmed down, silences ended, people must decide."""

import asyncio
from datetime import datetime

import structlog
from sqlmodel import Session, col, exists, select

from naryad.alerts import timeline
from naryad.alerts.desk import Desk
from naryad.alerts.intake import AT_ONCE, LOCK
from naryad.alerts.response import Response
from naryad.alerts.rules import CALM, Surroundings
from naryad.alerts.start import PRINCIPAL, start_due
from naryad.alerts.telling import Telling
from naryad.clock import now
from naryad.db.models.alert import Alert, Silence, UnwellComponent
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.models.thread import QueuedInput
from naryad.db.session import Database
from naryad.driver import Driver
from naryad.events import EventLog, EventType
from naryad.i18n import N_

log = structlog.get_logger()
LOOK_S = 1.0
SWEEP_EVERY = 5
"""Looks between two sweeps."""

_UNRESOLVED = (col(Incident.status) != IncidentStatus.RESOLVED) & col(Incident.merged_into).is_(None)
_FIRES = exists().where(col(Alert.incident_id) == col(Incident.id), ~col(Alert.over))


class Watch:
    """Looks after the incidents of alerts; several processes may."""

    def __init__(self, database: Database, events: EventLog, around: Surroundings, response: Response) -> None:
        self._database, self._events, self._around, self._response = database, events, around, response

    async def run(self, driver: Driver) -> None:
        """Start what is due, and sweep now and then; never ends."""
        while True:
            await self.sweep(now())
            for _look in range(SWEEP_EVERY):
                await start_due(self._database, driver, now())
                await asyncio.sleep(LOOK_S)

    async def sweep(self, moment: datetime) -> None:
        """Do all that time has brought by a moment."""
        telling = await self._database.transact(lambda session: self._swept(session, moment))
        telling.wake()

    def _swept(self, session: Session, moment: datetime) -> Telling:
        self._database.hold(session, LOCK)
        desk = Desk(session, self._database, self._events, self._around, self._response, moment)
        self._unsilence(session, desk, moment)
        self._breaches(session, desk.telling, moment)
        self._calmed(session, desk.telling, moment)
        self._waiting(session, moment)
        session.flush()
        _recovered(session, desk.telling)
        desk.telling.write(session)
        return desk.telling

    def _unsilence(self, session: Session, desk: Desk, moment: datetime) -> None:
        """Let what still fires after its silence make its incident."""
        over = select(Silence.id).where(col(Silence.ends_at) <= moment)
        query = select(Alert).where(col(Alert.fired), ~col(Alert.over), col(Alert.silence_id).in_(over))
        for alert in session.exec(query.order_by(col(Alert.starts_at), col(Alert.id)).limit(AT_ONCE)).all():
            desk.place(alert)

    def _breaches(self, session: Session, telling: Telling, moment: datetime) -> None:
        """Tell, once, of an incident that nobody responded to in time."""
        late = _UNRESOLVED & col(Incident.acknowledged_at).is_(None) & col(Incident.breached_at).is_(None)
        for incident in self._held(session, late & (col(Incident.respond_by) < moment)):
            incident.breached_at = moment
            timeline.add(incident, "breached", N_("Nobody responded in time."), at=moment)
            telling.add(incident.thread_id, EventType.INCIDENT_CHANGED, incident=incident.id, sla="breached")

    def _calmed(self, session: Session, telling: Telling, moment: datetime) -> None:
        """Resolve what passed by itself: all alerts are over, it is quiet, and no agent is at work there."""
        quiet = (col(Incident.alerted_at) < moment - CALM) & ~_FIRES & col(Incident.run_due_at).is_(None)
        steady = col(Incident.flapping_until).is_(None) | (col(Incident.flapping_until) < moment)
        idle = ~exists().where(col(QueuedInput.thread_id) == col(Incident.thread_id))
        for incident in self._held(session, _UNRESOLVED & quiet & steady & idle):
            incident.status, incident.finished_at = IncidentStatus.RESOLVED, moment
            incident.resolved_by = PRINCIPAL
            timeline.add(incident, "resolved", N_("Every alert is over."), at=moment)
            telling.add(incident.thread_id, EventType.INCIDENT_RESOLVED, incident=incident.id, by=PRINCIPAL)

    def _waiting(self, session: Session, moment: datetime) -> None:
        """Show which incidents wait for a decision: no event, for the question had its own."""
        asks = exists().where(
            col(Approval.thread_id) == col(Incident.thread_id),
            col(Approval.status) == ApprovalStatus.PENDING,
            col(Approval.expires_at) > moment,
        )
        working = col(Incident.status).in_([IncidentStatus.OPEN, IncidentStatus.ACKNOWLEDGED])
        for incident in self._held(session, working & asks):
            incident.status = IncidentStatus.WAITING
        for incident in self._held(session, (col(Incident.status) == IncidentStatus.WAITING) & ~asks):
            incident.status = IncidentStatus.ACKNOWLEDGED if incident.acknowledged_at else IncidentStatus.OPEN

    def _held(self, session: Session, where: object) -> list[Incident]:
        query = select(Incident).where(where).order_by(col(Incident.id)).limit(AT_ONCE)  # type: ignore[arg-type]
        return list(session.exec(query.with_for_update()).all())


def _recovered(session: Session, telling: Telling) -> None:
    """Tell of services that no alert fires about any more, and that do not flap."""
    fires = exists().where(
        col(Alert.service) == col(UnwellComponent.name), col(Alert.incident_id).is_not(None), ~col(Alert.over)
    )
    flaps = exists().where(
        col(Alert.service) == col(UnwellComponent.name),
        col(Alert.incident_id) == col(Incident.id),
        _UNRESOLVED,
        col(Incident.flapping_until).is_not(None),
    )
    for component in session.exec(select(UnwellComponent).where(~fires, ~flaps).limit(AT_ONCE)).all():
        telling.add(component.thread_id, EventType.COMPONENT_HEALTHY, component=component.name)
        session.delete(component)
