"""What an event of the feed means to people."""

from dataclasses import replace
from typing import Any

from sqlmodel import Session, select

from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.incident import Incident, IncidentStatus, Severity
from naryad.db.models.ticket import Ticket
from naryad.events import Event, EventType
from naryad.gate.shown import without_secrets
from naryad.handoffs import AGENTS
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
        EventType.HANDOFF_OPENED,
        EventType.HANDOFF_TAKEN,
        EventType.HANDOFF_SAID,
        EventType.HANDOFF_REPLIED,
        EventType.HANDOFF_OVERDUE,
        EventType.HANDOFF_RETURNED,
        EventType.TICKET_CHANGED,
    }
)
_CALLS = (EventType.HANDOFF_OPENED, EventType.HANDOFF_OVERDUE)
_MERGED = "incident.merged"
_OPEN = (IncidentStatus.OPEN, IncidentStatus.WAITING, IncidentStatus.ESCALATED)


def subject(event: Event) -> str:
    """What it is about."""
    kind = event.type.partition(".")[0]
    return f"{kind}:{event.data[kind]}"


def of(session: Session, event: Event, settings: Settings) -> Notice | None:
    """What people are told; None where they need not know."""
    kind, _colon, number = subject(event).partition(":")
    link = _link(settings, kind, number)
    if kind == "approval":
        approval = session.get(Approval, number)
        return _of_approval(session, approval, event, settings, link) if approval else None
    if kind == "handoff":
        handoff = session.get(Handoff, number)
        calls = handoff and event.type in _CALLS and handoff.opened_by.startswith(AGENTS)
        return _of_handoff(handoff, event, link) if handoff and calls else None
    if kind == "ticket":
        ticket = session.get(Ticket, number) if event.data.get("sla") else None
        return _of_ticket(ticket, event, link) if ticket else None
    incident, text = session.get(Incident, number), _text(event)
    if incident is None or not text:
        return None
    notice = _of_incident(incident, text, link)
    other = session.get(Incident, event.data["merged_into"]) if text == _MERGED else None
    if other is None:
        return notice
    into = _of_incident(other, "incident.created", _link(settings, kind, other.id))
    return replace(notice, facts=notice.facts | {"into": other.title}, into=replace(into, alert=""))


def _link(settings: Settings, kind: str, number: str) -> str:
    return f"{settings.public_url.rstrip('/')}/{kind}s/{number}" if settings.public_url else ""


def unanswered(session: Session, about: str) -> bool:
    """Whether nobody has taken it on yet."""
    kind, _colon, number = about.partition(":")
    if kind == "approval":
        approval = session.get(Approval, number)
        return approval is not None and approval.status is ApprovalStatus.PENDING
    if kind == "handoff":
        handoff = session.get(Handoff, number)
        return handoff is not None and handoff.status is HandoffStatus.OPEN
    if kind == "ticket":
        ticket = session.get(Ticket, number)
        return ticket is not None and ticket.responded_at is None
    incident = session.get(Incident, number)
    return incident is not None and incident.status in _OPEN and not (incident.acknowledged_at or incident.merged_into)


def _of_approval(session: Session, approval: Approval, event: Event, settings: Settings, link: str) -> Notice:
    incident = session.exec(select(Incident).where(Incident.thread_id == approval.thread_id)).first()
    asks = event.type is EventType.APPROVAL_REQUESTED
    facts = {"title": without_secrets(approval).question, "agent": approval.agent, "id": approval.id}
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


def _of_handoff(handoff: Handoff, event: Event, link: str) -> Notice:
    facts = {"title": handoff.summary, "id": handoff.id, "reason": handoff.reason, "contact": handoff.contact}
    return Notice(
        kind="handoff",
        event=event.type.value,
        subject=f"handoff:{handoff.id}",
        # Somebody waits for an answer now: that is never less.
        severity=handoff.urgency if handoff.urgency == Severity.CRITICAL else Severity.HIGH.value,
        facts=facts,
        link=link,
        opens=event.type is EventType.HANDOFF_OPENED,
    )


def _of_ticket(ticket: Ticket, event: Event, link: str) -> Notice:
    return Notice(
        kind="sla",
        event=f"ticket.{event.data['sla']}",
        subject=f"ticket:{ticket.id}",
        severity=ticket.priority.value,
        facts={"title": ticket.subject, "id": f"#{ticket.number}"},
        link=link,
    )


def _text(event: Event) -> str:
    """Which text an incident's event has; empty where people need not know."""
    data = event.data
    if event.type is not EventType.INCIDENT_CHANGED:
        return event.type.value
    if "merged_into" in data:
        return "" if data.get("was_over") else _MERGED
    if data.get("sla") == "breached":
        return "incident.breached"
    return "incident.reopened" if data.get("reopened") else "incident.graver" if data.get("severity") else ""


def _of_incident(incident: Incident, text: str, link: str) -> Notice:
    facts: dict[str, Any] = {"title": incident.title, "severity": incident.severity, "service": incident.service}
    facts |= {"cause": incident.cause, "id": incident.id}
    begins = text in ("incident.created", "incident.reopened", "incident.graver")
    resolved = text == EventType.INCIDENT_RESOLVED
    over = resolved or text == _MERGED
    return Notice(
        kind="sla" if text == "incident.breached" else "incident",
        event=text,
        subject=f"incident:{incident.id}",
        severity=incident.severity,
        service=incident.service,
        alert=f"alert:{incident.fingerprint}" if (begins or over) and incident.fingerprint else "",
        facts=facts | ({"resolution": incident.resolution} if resolved else {}),
        link=link,
        over=over,
        opens=begins,
    )
