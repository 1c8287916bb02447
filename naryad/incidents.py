"""Incidents: one per thread, closed with a timeline and a postmortem draft, opened again by what comes later."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import col, select

from naryad import masking
from naryad.clock import now
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.events import EventLog, EventType
from naryad.i18n import _

_CLOSING = {
    IncidentStatus.RESOLVED: EventType.INCIDENT_RESOLVED,
    IncidentStatus.ESCALATED: EventType.INCIDENT_ESCALATED,
}


class Incidents:
    """Opens, closes, finds."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database, self._events = database, events

    async def open(self, thread_id: str, input_id: str, **fields: Any) -> Incident:
        """The thread's incident: made at the first call, opened again by an input that came after its end."""
        fields = masking.in_value(fields, masking.secrets)
        async with self._database.write() as session:
            query = select(Incident).where(Incident.thread_id == thread_id)
            incident = (await session.exec(query.with_for_update())).first()
            if incident and (incident.finished_at is None or _told_of(incident, input_id)):
                return incident
            if incident:
                incident.sqlmodel_update({**fields, "status": IncidentStatus.OPEN, "finished_at": None})
            incident = incident or Incident(thread_id=thread_id, **fields)
            session.add(incident)
            shown = {"incident": incident.id, "title": incident.title, "severity": incident.severity}
            await self._events.add(session, thread_id, EventType.INCIDENT_CREATED, **shown)
        self._events.wake(thread_id)
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
        """Write the end that an input led to, below what was written before; repeating it changes nothing."""
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
                fields |= {"timeline": [*incident.timeline, *lines], "postmortem": drafts}
                incident.sqlmodel_update({**fields, "status": status, "finished_at": now()})
                session.add(incident)
                await self._events.add(session, thread_id, _CLOSING[status], incident=incident.id, cause=incident.cause)
        self._events.wake(thread_id)
        return incident

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

    async def of_thread(self, thread_id: str) -> Incident:
        """The incident of one thread; raises `NotFound` where there is none."""
        async with self._database.read() as session:
            found = (await session.exec(select(Incident).where(Incident.thread_id == thread_id))).first()
        if found is None:
            raise NotFound(_("Thread {id} has no incident.").format(id=thread_id))
        return found

    async def listed(self, status: IncidentStatus | None = None, *, limit: int = 50) -> Sequence[Incident]:
        """Incidents, newest first."""
        query = select(Incident).order_by(col(Incident.id).desc()).limit(limit)
        if status is not None:
            query = query.where(Incident.status == status)
        async with self._database.read() as session:
            return (await session.exec(query)).all()


def _told_of(incident: Incident, input_id: str) -> bool:
    """Whether the end that this input led to is written down already."""
    return any(line.get("input") == input_id for line in incident.timeline)
