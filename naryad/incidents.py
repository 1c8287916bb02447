"""Incidents: one per thread, closed with a timeline and a postmortem draft, opened again by what comes later."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.alerts import severity as grades
from naryad.alerts import timeline as lines_of
from naryad.alerts.response import Response
from naryad.clock import new_id, now
from naryad.db.models.alert import Alert
from naryad.db.models.incident import Incident, IncidentStatus, Severity
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import EventLog, EventType
from naryad.i18n import N_, _

_CLOSING = {
    IncidentStatus.RESOLVED: EventType.INCIDENT_RESOLVED,
    IncidentStatus.ESCALATED: EventType.INCIDENT_ESCALATED,
}
AGENT = "agent:ops"


class Incidents:
    """Opens, closes, finds; and what people do with them."""

    def __init__(self, database: Database, events: EventLog, response: Response | None = None) -> None:
        self._database, self._events, self._response = database, events, response or Response()

    async def open(self, thread_id: str, input_id: str, **fields: Any) -> Incident:
        """The thread's incident: made at the first call, opened again by an input that came after its end."""
        fields = masking.in_value(fields, masking.secrets)
        fields["severity"] = grades.of_word(fields.get("severity", "")) or Severity.MEDIUM
        async with self._database.write() as session:
            query = select(Incident).where(Incident.thread_id == thread_id)
            incident = (await session.exec(query.with_for_update())).first()
            if incident and (incident.finished_at is None or incident.merged_into or _told_of(incident, input_id)):
                return incident
            if incident:
                incident.sqlmodel_update({**fields, "status": IncidentStatus.OPEN, "finished_at": None})
            incident = incident or Incident(thread_id=thread_id, **fields)
            incident.respond_by = incident.respond_by or self._response.due(incident.severity, incident.started_at)
            await self._created(session, incident)
        self._events.wake(thread_id)
        return incident

    async def report(
        self, title: str, description: str, service: str, how_grave: Severity, *, by: str, run: bool
    ) -> Incident:
        """An incident that a person noticed.

        Args:
            title: It in one line.
            description: What was seen.
            service: Whose it is, where known.
            how_grave: Its severity.
            by: Who.
            run: Whether the Ops agent is to look into it.
        """
        told = {"title": title, "description": description, "service": service}
        incident = Incident(
            thread_id=new_id(), fingerprint="", severity=how_grave, **masking.in_value(told, masking.secrets)
        )
        incident.respond_by = self._response.due(how_grave, incident.started_at)
        if run:
            incident.run_due_at, incident.runs = incident.started_at, 1
        lines_of.add(incident, "reported", N_("Reported by a person: {title}"), by=by, title=incident.title)
        async with self._database.write() as session:
            await self._created(session, incident)
        self._events.wake(incident.thread_id)
        return incident

    async def close(
        self,
        thread_id: str,
        input_id: str,
        status: IncidentStatus,
        *,
        timeline: Sequence[Mapping[str, Any]],
        postmortem: Mapping[str, str],
        **fields: Any,
    ) -> Incident:
        """Write the end that an input led to, below what was written before; repeating it changes nothing.

        What a person called resolved, or what went into another incident, stays so.
        """
        fields = masking.in_value(fields, masking.secrets)
        lines = masking.in_value([*timeline[:-1], {**timeline[-1], "input": input_id}], masking.secrets)
        async with self._database.write() as session:
            query = select(Incident).where(Incident.thread_id == thread_id)
            incident = (await session.exec(query.with_for_update())).one()
            if not _told_of(incident, input_id):
                before = incident.postmortem
                drafts = {
                    lang: "\n\n".join(filter(None, [before.get(lang), masking.secrets(text)]))
                    for lang, text in postmortem.items()
                }
                ended = incident.status == IncidentStatus.RESOLVED
                fields |= {"timeline": [*incident.timeline, *lines], "postmortem": drafts}
                if not ended:
                    by = AGENT if status == IncidentStatus.RESOLVED else ""
                    fields |= {"status": status, "finished_at": now(), "resolved_by": by}
                incident.sqlmodel_update(fields)
                session.add(incident)
                if not ended:
                    told = {"incident": incident.id, "cause": incident.cause}
                    await self._tell(session, incident, _CLOSING[status], **told)
        self._events.wake(thread_id)
        return incident

    async def acknowledge(self, incident_id: str, by: str) -> Incident:
        """Say that somebody works on it: the clock of the response stops.

        Raises:
            NotFound: There is none.
            Refused: It is resolved.
        """

        def change(incident: Incident) -> dict[str, Any]:
            _unresolved(incident)
            if incident.acknowledged_at is None:
                incident.acknowledged_at, incident.acknowledged_by = now(), by
                lines_of.add(incident, "acknowledged", N_("Somebody works on it."), by=by)
            if incident.status == IncidentStatus.OPEN:
                incident.status = IncidentStatus.ACKNOWLEDGED
            return {"status": incident.status, "by": by}

        return await self._change(incident_id, change)

    async def assign(self, incident_id: str, assignee: str, by: str) -> Incident:
        """Make it one person's, who is named by id; raises as `acknowledge` does."""

        def change(incident: Incident) -> dict[str, Any]:
            _unresolved(incident)
            incident.assignee = assignee
            lines_of.add(incident, "assigned", N_("It is {person}'s from here."), by=by, person=assignee)
            return {"assignee": assignee, "by": by}

        return await self._change(incident_id, change)

    async def comment(self, incident_id: str, text: str, by: str) -> Incident:
        """Write a person's words into the timeline; raises `NotFound` where there is no such incident."""
        words = masking.secrets(text)

        def change(incident: Incident) -> dict[str, Any]:
            lines_of.add(incident, "comment", "{words}", by=by, words=words)
            return {"comment": words, "by": by}

        return await self._change(incident_id, change)

    async def resolve(self, incident_id: str, reason: str, by: str) -> Incident:
        """Call it resolved; raises as `acknowledge` does."""
        words = masking.secrets(reason)

        def change(incident: Incident) -> dict[str, Any]:
            _unresolved(incident)
            incident.status, incident.finished_at, incident.run_due_at = IncidentStatus.RESOLVED, now(), None
            incident.resolved_by, incident.resolution = by, words
            lines_of.add(incident, "resolved", N_("Resolved by a person: {reason}"), by=by, reason=words)
            return {"reason": words, "by": by}

        return await self._change(incident_id, change, EventType.INCIDENT_RESOLVED)

    async def get(self, incident_id: str) -> Incident:
        """One incident by its id, or by an unambiguous beginning or end of it.

        Raises:
            NotFound: No incident fits, or more than one does.
        """
        known = col(Incident.id)
        query = select(Incident).where(
            known.startswith(incident_id, autoescape=True) | known.endswith(incident_id, autoescape=True)
        )
        async with self._database.read() as session:
            found = (await session.exec(query.limit(2))).all()
        if len(found) == 1 and len(incident_id) >= 4:
            return found[0]
        raise NotFound(_("There is no single incident {id!r}; see the list.").format(id=incident_id))

    async def of_id(self, incident_id: str) -> Incident:
        """One incident by its whole id; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            found = await session.get(Incident, incident_id)
        if found is None:
            raise NotFound(_("There is no incident {id!r}.").format(id=incident_id))
        return found

    async def of_thread(self, thread_id: str) -> Incident:
        """The incident of one thread; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            found = (await session.exec(select(Incident).where(Incident.thread_id == thread_id))).first()
        if found is None:
            raise NotFound(_("Thread {id} has no incident.").format(id=thread_id))
        return found

    async def alerts(self, incident_id: str, *, limit: int = 200) -> Sequence[Alert]:
        """The episodes of alerts that one incident holds, in the order of their begin."""
        query = select(Alert).where(Alert.incident_id == incident_id).order_by(col(Alert.starts_at), col(Alert.id))
        async with self._database.read() as session:
            return (await session.exec(query.limit(limit))).all()

    async def listed(
        self,
        status: IncidentStatus | None = None,
        *,
        severity: Severity | None = None,
        service: str = "",
        text: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: str = "",
        limit: int = 50,
    ) -> Sequence[Incident]:
        """Incidents, newest first, without those that went into others; `before` is the last id of the page before."""
        query = select(Incident).where(col(Incident.merged_into).is_(None)).order_by(col(Incident.id).desc())
        for column, value in ((Incident.status, status), (Incident.severity, severity), (Incident.service, service)):
            query = query.where(column == value) if value else query
        query = query.where(col(Incident.started_at) >= since) if since else query
        query = query.where(col(Incident.started_at) < until) if until else query
        query = query.where(col(Incident.id) < before) if before else query
        if text:
            # SQLite knows large and small letters of English only.
            spellings = {text, text.lower(), text.upper(), text.capitalize()}
            columns = (col(Incident.title), col(Incident.cause), col(Incident.description))
            query = query.where(or_(*(c.icontains(s, autoescape=True) for c in columns for s in sorted(spellings))))
        query = query.limit(limit)
        async with self._database.read() as session:
            return (await session.exec(query)).all()

    async def _change(
        self,
        incident_id: str,
        change: Callable[[Incident], dict[str, Any]],
        kind: EventType = EventType.INCIDENT_CHANGED,
    ) -> Incident:
        async with self._database.write() as session:
            incident = await session.get(Incident, incident_id, with_for_update=True)
            if incident is None:
                raise NotFound(_("There is no incident {id!r}.").format(id=incident_id))
            told = change(incident)
            session.add(incident)
            await self._tell(session, incident, kind, incident=incident.id, **told)
        self._events.wake(incident.thread_id)
        return incident

    async def _created(self, session: AsyncSession, incident: Incident) -> None:
        session.add(incident)
        shown = {"incident": incident.id, "title": incident.title, "severity": incident.severity}
        await self._tell(session, incident, EventType.INCIDENT_CREATED, **shown, service=incident.service)

    async def _tell(self, session: AsyncSession, of: Incident, kind: EventType, **data: Any) -> None:
        await session.flush()
        await self._events.add(session, of.thread_id, kind, **data)


def _unresolved(incident: Incident) -> None:
    if incident.status == IncidentStatus.RESOLVED:
        raise Refused(_("This incident is resolved already."))


def _told_of(incident: Incident, input_id: str) -> bool:
    """Whether the end that this input led to is written down already."""
    return any(line.get("input") == input_id for line in incident.timeline)
