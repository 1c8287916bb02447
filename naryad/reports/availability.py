"""How long services could be used: the time in which no critical matter of theirs was open."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import pairwise

from sqlmodel import Session, col, or_, select

from naryad.db.models.alert import Alert
from naryad.db.models.incident import Incident, Severity
from naryad.reports.figures import Availability

Span = tuple[datetime, datetime]
MOST_SERVICES = 200


def of_services(session: Session, since: datetime, until: datetime, known: Collection[str]) -> list[Availability]:
    """Of the known services and of each that was down, the worst first.

    A service is down while a critical alert of its fires that belongs to an incident (silenced ones do not: that is
    planned), or a critical incident of its is open that people reported.
    """
    length = (until - since).total_seconds()
    down: dict[str, list[Span]] = {name: [] for name in known}
    for service, begin, end in [*_alerts(session, since, until), *_reported(session, since, until)]:
        down.setdefault(service, []).append((max(begin, since), min(end, until)))
    if length <= 0:
        return []
    found = []
    for service, spans in down.items():
        joined = list(_joined(spans))
        seconds = sum((end - begin).total_seconds() for begin, end in joined)
        up = 1 - seconds / length
        found.append(Availability(service=service, up=up, down_s=seconds, outages=len(joined)))
    return sorted(found, key=lambda one: (one.up, one.service))[:MOST_SERVICES]


def _alerts(session: Session, since: datetime, until: datetime) -> Iterable[tuple[str, datetime, datetime]]:
    """Episodes; one whose end nobody told ended at the latest when its next began."""
    columns = (Alert.fingerprint, Alert.service, Alert.starts_at, Alert.ended_at, Alert.over)
    query = select(*columns).where(  # type: ignore[call-overload]
        Alert.severity == Severity.CRITICAL, Alert.service != "", col(Alert.fired),
        col(Alert.incident_id).is_not(None), Alert.starts_at < until,
        or_(col(Alert.ended_at).is_(None), col(Alert.ended_at) > since),
    )  # fmt: skip
    rows = session.exec(query.order_by(col(Alert.fingerprint), col(Alert.starts_at))).all()
    for row, following in pairwise([*rows, None]):
        assert row is not None
        again = following is not None and following.fingerprint == row.fingerprint
        end = row.ended_at or (following.starts_at if again and following else row.starts_at if row.over else until)
        if end > since:
            yield row.service, row.starts_at, end


def _reported(session: Session, since: datetime, until: datetime) -> Iterable[tuple[str, datetime, datetime]]:
    query = select(Incident.service, Incident.started_at, Incident.finished_at).where(
        Incident.severity == Severity.CRITICAL, Incident.service != "", Incident.alerts == 0,
        col(Incident.merged_into).is_(None), Incident.started_at < until,
        or_(col(Incident.finished_at).is_(None), col(Incident.finished_at) > since),
    )  # fmt: skip
    for service, begin, end in session.exec(query).all():
        yield service, begin, end or until


def _joined(spans: Iterable[Span]) -> Iterable[Span]:
    """The spans without overlaps."""
    current: Span | None = None
    for begin, end in sorted(spans):
        if current and begin <= current[1]:
            current = (current[0], max(current[1], end))
        else:
            if current:
                yield current
            current = (begin, end)
    if current:
        yield current
