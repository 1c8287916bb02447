"""The text that Prometheus reads: the counters of this process, and what the database and the chain know now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import Session, SQLModel, case, col, func, select

from naryad.alerts.start import OURSELVES
from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.external_ticket import ExternalTicket
from naryad.db.models.gate import Approval, ApprovalStatus, AuditRow, Decision, Effect
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.incident import Incident, Severity
from naryad.db.models.job import Watched
from naryad.db.models.mail import Fate, MailLetter
from naryad.db.models.sentinel import RunRecord
from naryad.db.models.thread import QueuedInput
from naryad.db.models.ticket import Priority, Ticket, TicketStatus
from naryad.gate.approvals import Verdict
from naryad.llm.breaker import BreakerState
from naryad.sentinel.causes import Cause
from naryad.sentinel.records import PREFIX
from server.health.checks import Status, given_up
from server.parts import Parts

DAY, PLAYED = timedelta(days=1), ("finished", "failed")
Counts = Mapping[str, float]
_FOREIGN = (col(Incident.service) != OURSELVES,)
_RATED = col(Ticket.rating).is_not(None)
_TICKETS = [status for status in TicketStatus if status is not TicketStatus.MERGED]
_HELD = col(Handoff.status) != HandoffStatus.RETURNED
_HANDOFFS = [status for status in HandoffStatus if status is not HandoffStatus.RETURNED]


class Known(Collector):
    """Figures that were just asked for.

    Args:
        families: Each metric with its values by one label; without labels under "".
    """

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The figures."""
        return self._families


def _copies(session: Session) -> Metric:
    state = case((col(ExternalTicket.dead), "dead"), (col(ExternalTicket.attempts) > 0, "failing"), else_="in step")
    family = GaugeMetricFamily("naryad_ticket_copies", "Copies of tickets in a tracker.", labels=["tracker", "state"])
    query = select(ExternalTicket.tracker, state.label("standing"), func.count()).group_by(
        col(ExternalTicket.tracker), "standing"
    )
    for tracker, name, count in session.exec(query).all():
        family.add_metric([tracker, name], float(count))
    return family


def _degraded(session: Session, agents: Iterable[str]) -> Metric:
    family = GaugeMetricFamily(
        "naryad_agent_degraded", "Whether people were told that it does worse, by cause.", labels=["agent", "cause"]
    )
    rows = session.exec(select(Watched).where(col(Watched.name).startswith(PREFIX), col(Watched.told))).all()
    standing = {(row.labels["agent"], row.labels["cause"]) for row in rows}
    for one in sorted({(agent, cause.value) for agent in agents for cause in Cause} | standing):
        family.add_metric(one, float(one in standing))
    return family


async def scrape(parts: Parts) -> bytes:
    """Everything, in Prometheus' text format."""
    families = await parts.crew.runtime.database.look(_of_database)
    families += [await parts.crew.runtime.database.look(lambda session: _degraded(session, parts.crew.runs.agents))]
    families += [_states("agent_health", "agent", await parts.health.agents())]
    families += [_states("knowledge_health", "index", await parts.health.knowledge())]
    stuck = {agent: float(len(done.stuck)) for agent, done in (await parts.health.work()).items()}
    families += [_gauge("runs_stuck", "Runs that stand still, and wait for nobody.", stuck, "agent")]
    breakers = GaugeMetricFamily(
        "naryad_llm_breaker", "The breaker's state: 1 for the one it is in.", labels=["provider", "state"]
    )
    for one in parts.crew.runtime.chain.status:
        for state in BreakerState:
            breakers.add_metric([one.name, state.value], float(one.breaker is state))
    registry = CollectorRegistry()
    registry.register(Known([*families, breakers]))
    return generate_latest(parts.meters.registry) + generate_latest(registry)


def _of_database(session: Session) -> list[Metric]:
    def by(column: Any, *conditions: Any, of: Iterable[str] = ()) -> Counts:
        rows = session.exec(select(column, func.count()).where(*conditions).group_by(column)).all()
        return dict.fromkeys(of, 0.0) | {str(name): float(count) for name, count in rows}

    def count(model: type[SQLModel], *conditions: Any) -> float:
        return float(session.exec(select(func.count()).select_from(model).where(*conditions)).one())

    waiting = (col(Approval.status) == ApprovalStatus.PENDING, col(Approval.expires_at) > now())
    oldest: datetime | None = session.exec(select(func.min(Approval.created_at)).where(*waiting)).one()
    refused = select(func.count()).where(AuditRow.event == "call.refused")
    return [
        _gauge("approvals_waiting", "Questions that wait for people.", by(Approval.agent, *waiting), "agent"),
        _plain(
            "approvals_oldest_waiting_seconds",
            "How long the oldest question waits.",
            (now() - oldest).total_seconds() if oldest else 0.0,
        ),
        _counter("approval_decisions", "People's words.", by(Decision.verdict, of=Verdict), "verdict"),
        _counter("effects", "Effects that were begun.", by(Effect.status), "status"),
        _counter("calls_refused", "Calls that the gate refused.", {"": float(session.exec(refused).one())}),
        _gauge(
            "incidents_open",
            "Incidents that are not over.",
            by(Incident.severity, col(Incident.finished_at).is_(None), of=Severity),
            "severity",
        ),
        _plain(
            "incidents_late",
            "Incidents that nobody responded to in time; those about ourselves left out.",
            count(Incident, col(Incident.finished_at).is_(None), col(Incident.breached_at).is_not(None), *_FOREIGN),
        ),
        *_of_support(by, count),
        _copies(session),
        _gauge(
            "outbox_messages",
            "Messages to people: waiting, or given up within a day; letters that were given up are left out.",
            by(Delivery.status, (col(Delivery.status) == DeliveryStatus.PENDING) | given_up(), of=("pending", "dead")),
            "status",
        ),
        _counter(
            "letters_refused",
            "Letters that nobody could read.",
            by(MailLetter.reason, col(MailLetter.fate) == Fate.REFUSED),
            "reason",
        ),
        _gauge(
            "canaries",
            "Canaries of the last day.",
            by(RunRecord.outcome, col(RunRecord.canary) != "", col(RunRecord.at) > now() - DAY, of=PLAYED),
            "outcome",
        ),
        _plain("runs_queued", "Inputs that are worked on or wait.", count(QueuedInput)),
    ]


def _of_support(by: Callable[..., Counts], count: Callable[..., float]) -> list[Metric]:
    """Tickets, and conversations that people took over."""
    unresolved = col(Ticket.status).in_([TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.WAITING])
    kept = col(Ticket.status) != TicketStatus.MERGED
    late = {
        "response": count(
            Ticket, unresolved, col(Ticket.responded_at).is_(None), col(Ticket.response_breached_at).is_not(None)
        ),
        "resolution": count(Ticket, unresolved, col(Ticket.resolution_breached_at).is_not(None)),
    }
    return [
        _gauge("tickets", "Tickets by where they stand.", by(Ticket.status, kept, of=_TICKETS), "status"),
        _gauge(
            "tickets_unresolved", "Tickets to be resolved.", by(Ticket.priority, unresolved, of=Priority), "priority"
        ),
        _gauge("tickets_late", "Unresolved tickets past what was promised.", late, "promise"),
        _counter("ticket_ratings", "What people thought of the help.", by(Ticket.rating, _RATED, of="12345"), "stars"),
        _gauge(
            "handoffs", "Conversations that people answer, or shall.", by(Handoff.status, _HELD, of=_HANDOFFS), "status"
        ),
    ]


def _gauge(name: str, text: str, values: Counts, label: str) -> Metric:
    family = GaugeMetricFamily(f"naryad_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _counter(name: str, text: str, values: Counts, label: str = "") -> Metric:
    family = CounterMetricFamily(f"naryad_{name}", text, labels=[label] if label else [])
    for value, count in values.items():
        family.add_metric([value] if label else [], count)
    return family


def _states(name: str, label: str, values: Mapping[str, Status]) -> Metric:
    family = GaugeMetricFamily(f"naryad_{name}", "The state: 1 for the one it is in.", labels=[label, "state"])
    for value, status in values.items():
        for state in Status:
            family.add_metric([value, state.value], float(state is status))
    return family


def _plain(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"naryad_{name}", text, value=value)
