"""What an event of the feed means to people."""

from typing import Any

from sqlmodel import Session, select

from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.incident import Incident, IncidentStatus, Severity
from naryad.events import Event, EventType
from naryad.notify.notice import Notice
from naryad.settings import Settings

TOLD = frozenset(
    {
        EventType.APPROVAL_REQUESTED,
        EventType.APPROVAL_DECIDED,
        EventType.INCIDENT_CREATED,
        EventType.INCIDENT_CHANGED,
        EventType.INCIDENT_RESOLVED,
        EventType.INCIDENT_ESCALATED,
    }
)
_OPEN = (IncidentStatus.OPEN, IncidentStatus.WAITING, IncidentStatus.ESCALATED)


def subject(event: Event) -> str:
    """What it is about."""
    kind = event.type.partition(".")[0]
    return f"{kind}:{event.data[kind]}"


def of(session: Session, event: Event, settings: Settings) -> Notice | None:
    """What people are told; None where they need not know."""
    kind, _colon, number = subject(event).partition(":")
    link = f"{settings.public_url.rstrip('/')}/{kind}s/{number}" if settings.public_url else ""
    if kind == "approval":
        approval = session.get(Approval, number)
        return _of_approval(session, approval, event, settings, link) if approval else None
    incident = session.get(Incident, number)
    text = _text(event) if incident else ""
    return _of_incident(incident, text, event, link) if incident and text else None


def unanswered(session: Session, about: str) -> bool:
    """Whether nobody has taken it on yet."""
    kind, _colon, number = about.partition(":")
    if kind == "approval":
        approval = session.get(Approval, number)
        return approval is not None and approval.status is ApprovalStatus.PENDING
    incident = session.get(Incident, number)
    return incident is not None and incident.status in _OPEN and not (incident.acknowledged_at or incident.merged_into)


def _of_approval(session: Session, approval: Approval, event: Event, settings: Settings, link: str) -> Notice:
    incident = session.exec(select(Incident).where(Incident.thread_id == approval.thread_id)).first()
    asks = event.type is EventType.APPROVAL_REQUESTED
    facts = {"title": approval.question, "agent": approval.agent, "id": approval.id}
    if asks:
        facts["expires"] = f"{approval.expires_at.astimezone(settings.zone):%Y-%m-%d %H:%M}"
    return Notice(
        kind="approval",
        event=event.type.value,
        subject=f"approval:{approval.id}",
        severity=incident.severity if incident else Severity.HIGH.value,
        service=incident.service if incident else "",
        facts=facts | {"status": event.data.get("status", "")},
        link=link,
        over=not asks,
        opens=asks,
    )


def _text(event: Event) -> str:
    """Which text an incident's event has; empty where people need not know."""
    data = event.data
    if event.type is not EventType.INCIDENT_CHANGED:
        return event.type.value
    if data.get("sla") == "breached":
        return "incident.breached"
    return "incident.reopened" if data.get("reopened") else "incident.graver" if data.get("severity") else ""


def _of_incident(incident: Incident, text: str, event: Event, link: str) -> Notice:
    facts: dict[str, Any] = {"title": incident.title, "severity": incident.severity, "service": incident.service}
    facts |= {"cause": incident.cause, "id": incident.id}
    begins = text in ("incident.created", "incident.reopened", "incident.graver")
    over = event.type is EventType.INCIDENT_RESOLVED
    return Notice(
        kind="sla" if text == "incident.breached" else "incident",
        event=text,
        subject=f"incident:{incident.id}",
        severity=incident.severity,
        service=incident.service,
        alert=f"alert:{incident.severity}:{incident.fingerprint}" if begins else "",
        facts=facts | ({"resolution": incident.resolution} if over else {}),
        link=link,
        over=over,
        opens=begins,
    )
