"""Incidents: seen, worked on, counted."""

from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from naryad.accounts.accounts import person
from naryad.alerts import statistics
from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.incident import Incident, IncidentStatus, Severity
from naryad.errors import NotFound, Refused
from naryad.i18n import _
from server import errors
from server.access import Operator, Reading
from server.incidents.schemas import (
    AlertShown,
    Assignment,
    Comment,
    IncidentLine,
    IncidentPage,
    IncidentShown,
    NewIncident,
    Resolution,
    StatisticsShown,
)
from server.parts import Parts, Using

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"], responses=errors.answers(401, 403, 422))
_CHANGE = errors.answers(404, 409, 413)
LONGEST = timedelta(days=366)
Short = Annotated[str, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("")
async def listed(
    _caller: Reading,
    parts: Using,
    status: IncidentStatus | None = None,
    severity: Severity | None = None,
    component: Short = "",
    text: Short = "",
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    cursor: Short = "",
    limit: Limit = 50,
) -> IncidentPage:
    """Incidents, the newest first; `component` is the service."""
    found = await parts.crew.incidents.listed(
        status, severity=severity, service=component, text=text, since=since, until=until, before=cursor, limit=limit
    )
    moment = now()
    lines = [IncidentLine.of(incident, moment) for incident in found]
    return IncidentPage(incidents=lines, next=found[-1].id if len(found) == limit else None)


@router.post("", status_code=201, responses=errors.answers(413))
async def report(new: NewIncident, caller: Operator, parts: Using) -> IncidentShown:
    """Report an incident that no alert told of."""
    incident = await parts.crew.incidents.report(
        new.title, new.description, new.service, new.severity, by=caller.person.id, run=new.investigate
    )
    return await _shown(incident, parts)


@router.get("/statistics")
async def figures(
    _caller: Reading, parts: Using, since: AwareDatetime | None = None, until: AwareDatetime | None = None
) -> StatisticsShown:
    """How well incidents are handled: those that began in a period, by default the last 30 days, a year at most."""
    end = until or now()
    begin = max(since or end - timedelta(days=30), end - LONGEST)
    found = await statistics.of_period(parts.crew.runtime.database, begin, end)
    return StatisticsShown(since=begin, until=end, **asdict(found))


@router.get("/{incident_id}", responses=errors.answers(404))
async def shown(incident_id: str, _caller: Reading, parts: Using) -> IncidentShown:
    """Everything about one incident."""
    return await _shown(await parts.crew.incidents.of_id(incident_id), parts)


@router.put("/{incident_id}/acknowledge", responses=_CHANGE)
async def acknowledge(incident_id: str, caller: Operator, parts: Using) -> IncidentShown:
    """Say that you work on it: the clock of the response stops."""
    return await _shown(await parts.crew.incidents.acknowledge(incident_id, caller.person.id), parts)


@router.put("/{incident_id}/assign", responses=_CHANGE)
async def assign(incident_id: str, to: Assignment, caller: Operator, parts: Using) -> IncidentShown:
    """Make it the work of one operator or administrator."""
    assignee = person(await parts.accounts.get(to.assignee))
    if Role.OPERATOR not in assignee.roles:
        raise Refused(_("Only an operator or an administrator can be given an incident."))
    return await _shown(await parts.crew.incidents.assign(incident_id, assignee.id, caller.person.id), parts)


@router.put("/{incident_id}/resolve", responses=_CHANGE)
async def resolve(incident_id: str, why: Resolution, caller: Operator, parts: Using) -> IncidentShown:
    """Call it resolved; what the Ops agent still does there is ended."""
    incident = await parts.crew.incidents.resolve(incident_id, why.reason, caller.person.id)
    with suppress(NotFound, Refused):  # nothing runs there
        await parts.driver.cancel(incident.thread_id, caller.person.id)
    return await _shown(incident, parts)


@router.post("/{incident_id}/comments", status_code=201, responses=_CHANGE)
async def comment(incident_id: str, said: Comment, caller: Operator, parts: Using) -> IncidentShown:
    """Write into the timeline."""
    return await _shown(await parts.crew.incidents.comment(incident_id, said.text, caller.person.id), parts)


async def _shown(incident: Incident, parts: Parts) -> IncidentShown:
    alerts = [AlertShown.of(alert) for alert in await parts.crew.incidents.alerts(incident.id)]
    return IncidentShown.of(incident, now(), first_alerts=alerts)
