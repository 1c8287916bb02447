"""How well incidents are handled, over a period."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

from sqlmodel import col, select

from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.session import Database


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of the incidents that began in a period; times in seconds, None where nothing can be said.

    Attributes:
        mtta_s: Mean time from the begin to somebody's acknowledgement.
        mttr_s: Mean time from the begin to the resolution.
        mtbf_s: Mean time from the begin of an incident of a service to the begin of its next.
        auto_resolved: Share of the resolved that no person resolved.
    """

    incidents: int
    resolved: int
    breached: int
    mtta_s: float | None
    mttr_s: float | None
    mtbf_s: float | None
    auto_resolved: float | None
    by_severity: dict[str, int]
    by_service: dict[str, int]


async def of_period(
    database: Database, since: datetime, until: datetime, known_at: datetime | None = None
) -> Statistics:
    """The figures of a period; as they were at the moment `known_at`, if one is given."""
    columns = (
        Incident.service, Incident.severity, Incident.status, Incident.started_at, Incident.finished_at,
        Incident.acknowledged_at, Incident.breached_at, Incident.resolved_by,
    )  # fmt: skip
    query = select(*columns).where(  # type: ignore[call-overload]
        col(Incident.started_at) >= since, col(Incident.started_at) < until, col(Incident.merged_into).is_(None)
    )
    rows = await database.look(
        lambda session: session.exec(query.order_by(col(Incident.service), col(Incident.started_at))).all()
    )
    return _figures(rows, known_at)


def _figures(rows: Sequence[Incident], known_at: datetime | None) -> Statistics:
    def known(moment: datetime | None) -> bool:
        return moment is not None and (known_at is None or moment < known_at)

    resolved = [row for row in rows if row.status == IncidentStatus.RESOLVED and known(row.finished_at)]
    taken = [row for row in rows if known(row.acknowledged_at)]
    alone = sum(row.resolved_by.startswith(("agent:", "system:")) for row in resolved)
    gaps = [
        (later.started_at - earlier.started_at).total_seconds()
        for _service, of_one in groupby(rows, lambda row: row.service)
        for earlier, later in pairwise(of_one)
    ]
    return Statistics(
        incidents=len(rows),
        resolved=len(resolved),
        breached=sum(known(row.breached_at) for row in rows),
        mtta_s=_mean((row.acknowledged_at - row.started_at).total_seconds() for row in taken if row.acknowledged_at),
        mttr_s=_mean((row.finished_at - row.started_at).total_seconds() for row in resolved if row.finished_at),
        mtbf_s=_mean(gaps),
        auto_resolved=alone / len(resolved) if resolved else None,
        by_severity=dict(Counter(row.severity for row in rows)),
        by_service=dict(Counter(row.service for row in rows)),
    )


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(sum(known) / len(known), 3) if known else None
