"""One transaction's work on alerts: each message is kept and put into its incident, by `rules`."""

from datetime import datetime

from sqlmodel import Session, col, select

from naryad.alerts import placing, severity, silences, timeline
from naryad.alerts import told as telling_of
from naryad.alerts.response import Response
from naryad.alerts.rules import (
    FLAP_WINDOW,
    REOPEN,
    SETTLE,
    TOLD,
    Surroundings,
    flapping_until,
    host_of,
    minute_of,
    place_of,
)
from naryad.alerts.telling import Telling
from naryad.alerts.told import Told
from naryad.clock import new_id
from naryad.db.models.alert import Alert, UnwellComponent
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.i18n import N_


class Desk:
    """Works inside the caller's transaction, which holds the lock on alerts.

    Attributes:
        telling: The events of this work.
        changed: How many messages told something new.
    """

    def __init__(
        self,
        session: Session,
        database: Database,
        events: EventLog,
        around: Surroundings,
        response: Response,
        moment: datetime,
    ) -> None:
        self._session, self._around, self._response, self._moment = session, around, response, moment
        self._silences = silences.holding(session, moment)
        self.telling = Telling(database, events)
        self.changed = 0

    def take(self, told: Told, by: str = "") -> None:
        """Keep one message; `by` is the person who told it."""
        alert = self._episode(told, by)
        if told.resolved:
            self._ended(alert, told)
        elif alert.fired:
            self._again(alert)
        else:
            self._fired(alert)

    def place(self, alert: Alert) -> None:
        """Put an episode that fires, or fired, into its incident, unless a silence covers it."""
        silence = silences.covering(self._silences, alert.labels)
        alert.silence_id = silence.id if silence else None
        if silence is None:
            found = placing.linked(self._session, alert, self._around) or placing.stormed(self._session, alert)
            incident = self._one(found) if found else self._opened(alert)
            self._join(incident, alert)
            if storm := placing.stormed(self._session, alert):
                self._storms(self._one(storm | {incident.id}))

    def _episode(self, told: Told, by: str) -> Alert:
        """The row of the episode that a message is about, made at its first."""
        query = select(Alert).where(Alert.fingerprint == told.fingerprint)
        if told.starts_at:
            query = query.where(Alert.starts_at == told.starts_at)
        else:
            query = query.where(col(Alert.fired), ~col(Alert.over)).order_by(col(Alert.starts_at).desc())
        if alert := self._session.exec(query.limit(1)).first():
            return alert
        starts_at = told.starts_at or told.ended_at or self._moment
        alert = Alert(
            fingerprint=told.fingerprint,
            starts_at=starts_at,
            labels=told.labels,
            annotations=told.annotations,
            source_url=told.source_url,
            severity=severity.classify(told.labels, self._around),
            service=told.labels.get("service", ""),
            host=host_of(told.labels),
            place=place_of(told.labels),
            minute=minute_of(starts_at, self._moment),
            reported_by=by,
            received_at=self._moment,
        )
        self._session.add(alert)
        return alert

    def _fired(self, alert: Alert) -> None:
        self.changed += 1
        alert.fired = True
        same = select(Alert).where(Alert.fingerprint == alert.fingerprint, col(Alert.fired), Alert.id != alert.id)
        for other in self._session.exec(same.where(~col(Alert.over) | (col(Alert.starts_at) > alert.starts_at))).all():
            earlier = min(alert, other, key=lambda episode: episode.starts_at)
            earlier.over = True
        self.place(alert)

    def _again(self, alert: Alert) -> None:
        """Told once more: news only where its incident was called resolved long ago, or its silence ended."""
        if alert.over:
            return
        if alert.incident_id is None:
            self.place(alert)
            return
        incident = self._incident(alert)
        if incident.finished_at and incident.finished_at + REOPEN < self._moment:
            self._reopen(incident)

    def _ended(self, alert: Alert, told: Told) -> None:
        if alert.ended_at is not None:
            return
        self.changed += 1
        alert.over, alert.ended_at = True, max(alert.starts_at, told.ended_at or self._moment)
        if alert.incident_id is None:
            return
        incident = self._incident(alert)
        if more := placing.after(self._session, alert) - {incident.id}:
            incident = self._one(more | {incident.id})
        self._moved(incident, alert)
        if alert.told:
            self.telling.add(incident.thread_id, EventType.ALERT_RESOLVED, **self._shown(alert, incident))

    def _opened(self, alert: Alert) -> Incident:
        """A new incident for an episode, with a run of the Ops agent to come."""
        incident = Incident(
            thread_id=new_id(),
            fingerprint=alert.fingerprint,
            title=telling_of.title(alert.labels, alert.annotations),
            service=alert.service,
            severity=alert.severity,
            started_at=self._moment,
            respond_by=self._response.due(alert.severity, self._moment),
            run_due_at=self._moment + SETTLE,
            runs=1,
        )
        self._session.add(incident)
        self._session.flush()
        shown = {"title": incident.title, "severity": incident.severity, "service": incident.service}
        self.telling.add(incident.thread_id, EventType.INCIDENT_CREATED, incident=incident.id, **shown)
        return incident

    def _join(self, incident: Incident, alert: Alert) -> None:
        alert.incident_id = incident.id
        incident.alerts += 1
        name = telling_of.title(alert.labels, alert.annotations)
        if incident.alerts <= TOLD:
            timeline.add(incident, "alert", N_("Alert: {name}"), name=name)
        if severity.rank(alert.severity) < severity.rank(incident.severity):
            self._graver(incident, alert.severity)
        if incident.status == IncidentStatus.RESOLVED and not alert.over:
            self._reopen(incident)
        self._moved(incident, alert)
        flapping = incident.flapping_until and incident.flapping_until > self._moment
        if incident.alerts <= TOLD and not alert.over and not flapping:
            self._tell(incident, alert)
        elif incident.alerts > TOLD and incident.alerts & (incident.alerts - 1) == 0:
            self._changed(incident, alerts=incident.alerts)

    def _tell(self, incident: Incident, alert: Alert) -> None:
        alert.told = True
        shown = self._shown(alert, incident)
        self.telling.add(incident.thread_id, EventType.ALERT_TRIGGERED, **shown)
        if metric := telling_of.metric(alert.labels, alert.annotations, alert.source_url):
            self.telling.add(incident.thread_id, EventType.METRIC_THRESHOLD_EXCEEDED, **shown, **metric)
        if alert.service and self._session.get(UnwellComponent, alert.service) is None:
            self._session.add(UnwellComponent(name=alert.service, thread_id=incident.thread_id, since=self._moment))
            told = {"component": alert.service, "incident": incident.id}
            self.telling.add(incident.thread_id, EventType.COMPONENT_UNHEALTHY, **told)

    def _moved(self, incident: Incident, alert: Alert) -> None:
        """An alert of the incident began or ended."""
        incident.alerted_at = self._moment
        until = flapping_until(self._changes(alert))
        if until is None or (incident.flapping_until and until <= incident.flapping_until):
            return
        if incident.flapping_until is None:
            name = telling_of.title(alert.labels, alert.annotations)
            timeline.add(incident, "flapping", N_("Comes and goes again and again: {name}"), name=name)
            self._changed(incident, flapping=True)
        incident.flapping_until = until

    def _changes(self, alert: Alert) -> list[datetime]:
        """When episodes of its fingerprint began and ended, as far as it can matter to this one."""
        reach = FLAP_WINDOW * 2
        first, last = alert.starts_at - reach, (alert.ended_at or alert.starts_at) + reach
        near = col(Alert.starts_at).between(first, last) | col(Alert.ended_at).between(first, last)
        query = select(Alert.starts_at, Alert.ended_at)
        rows = self._session.exec(query.where(Alert.fingerprint == alert.fingerprint, col(Alert.fired), near)).all()
        return [moment for row in rows for moment in row if moment]

    def _reopen(self, incident: Incident) -> None:
        incident.status, incident.finished_at, incident.resolved_by = IncidentStatus.OPEN, None, ""
        if incident.acknowledged_at:
            incident.status = IncidentStatus.ACKNOWLEDGED
        if not (incident.flapping_until and incident.flapping_until > self._moment):
            incident.run_due_at, incident.runs = self._moment + SETTLE, incident.runs + 1
        timeline.add(incident, "reopened", N_("It is wrong again."))
        self._changed(incident, status=incident.status, reopened=True)

    def _graver(self, incident: Incident, worse: str) -> None:
        incident.severity = worse
        due = self._response.due(worse, incident.started_at)
        incident.respond_by = min(incident.respond_by or due, due)
        self._changed(incident, severity=worse)

    def _storms(self, incident: Incident) -> None:
        if not incident.storm:
            incident.storm = True
            timeline.add(incident, "storm", N_("A storm of alerts: everything of these minutes is kept together."))
            self._changed(incident, storm=True)

    def _one(self, ids: set[str]) -> Incident:
        """The one incident of several; that the others end is told last: whom it concerns know of the one by then."""
        incidents = placing.hold(self._session, ids)
        if len(incidents) == 1:
            return incidents[0]
        worst = min((incident.severity for incident in incidents), key=severity.rank)
        over = {incident.id for incident in incidents if incident.status == IncidentStatus.RESOLVED}
        one = placing.merged(self._session, incidents, self._moment)
        if severity.rank(worst) < severity.rank(one.severity):
            self._graver(one, worst)
        for other in incidents:
            if other is not one:
                self._changed(other, merged_into=one.id, was_over=other.id in over)
        return one

    def _incident(self, alert: Alert) -> Incident:
        assert alert.incident_id
        return placing.hold(self._session, [alert.incident_id])[0]

    def _changed(self, incident: Incident, **what: object) -> None:
        self.telling.add(incident.thread_id, EventType.INCIDENT_CHANGED, incident=incident.id, **what)

    def _shown(self, alert: Alert, incident: Incident) -> dict[str, str]:
        return {
            "alert": alert.id,
            "incident": incident.id,
            "name": alert.labels.get("alertname", ""),
            "summary": telling_of.title(alert.labels, alert.annotations),
            "service": alert.service,
            "severity": alert.severity,
        }
