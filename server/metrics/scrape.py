"""The text that Prometheus reads: the counters of this process, and what the database and the chain know now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import Session, col, func, select

from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.gate import Approval, ApprovalStatus, AuditRow, Decision, Effect
from naryad.db.models.incident import Incident, Severity
from naryad.db.models.thread import QueuedInput
from naryad.gate.approvals import Verdict
from naryad.llm.breaker import BreakerState
from server.parts import Parts

Counts = Mapping[str, float]


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


async def scrape(parts: Parts) -> bytes:
    """Everything, in Prometheus' text format."""
    families = await parts.crew.runtime.database.look(_of_database)
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
        _gauge(
            "outbox_messages",
            "Messages to people: waiting, or given up.",
            by(Delivery.status, col(Delivery.status) != DeliveryStatus.SENT, of=("pending", "dead")),
            "status",
        ),
        _plain(
            "runs_queued",
            "Inputs that are worked on or wait.",
            float(session.exec(select(func.count(col(QueuedInput.id)))).one()),
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


def _plain(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"naryad_{name}", text, value=value)
