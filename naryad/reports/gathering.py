"""Takes the figures of a period from the database."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlmodel import Session, and_, case, col, func, or_, select

from naryad.alerts import statistics
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.event import EventRow
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.models.report import ReportKind
from naryad.db.models.thread import Thread
from naryad.db.session import Database
from naryad.events import EventType
from naryad.reports import advice, availability
from naryad.reports.figures import AgentFigures, Fault, Figures, IncidentFigures, Part, TicketFigures
from naryad.reports.period import Period
from naryad.tickets import statistics as ticket_statistics

TOP = 10
MOST_SERVICES = 50
NAME_CHARS = 200
_NOT_DONE = ("escalated", "cancelled")
_SILENT = "with_person"
"""How a run ends in which the agent only noted what was said: no work of its."""


async def gather(database: Database, period: Period, services: Collection[str] = ()) -> Figures:
    """The figures of a period.

    Args:
        database: Where everything is kept.
        period: Which; one that is not over is told up to now.
        services: Names of the services there are: those that nothing happened to are told of, too.
    """
    taken_at, before = now(), period.before
    since, until = period.since, min(period.until, taken_at)
    # The period before as it looked at the same age: what came of it since would make this one look better.
    then = before.until + (taken_at - until)
    figures = Figures(
        kind=period.kind,
        since=since,
        until=period.until,
        timezone=period.timezone,
        taken_at=taken_at,
        incidents=await _incidents(database, since, until, taken_at),
        incidents_before=await _incidents(database, before.since, before.until, then),
        waiting=await database.look(lambda session: _waiting(session, since, until)),
        tickets=await _tickets(database, since, until),
        tickets_before=await _tickets(database, before.since, before.until),
        availability=await database.look(lambda session: availability.of_services(session, since, until, services)),
        faults=await database.look(lambda session: _faults(session, since, until)),
        agents=await database.look(lambda session: _agents(session, since, until)),
        parts=await database.look(lambda session: _parts(session, period)),
    )
    figures.advice = advice.of(figures)
    return figures


async def _incidents(database: Database, since: datetime, until: datetime, known_at: datetime) -> IncidentFigures:
    def yet(moment: Any) -> Any:
        return col(moment).is_(None) | (col(moment) >= known_at)

    found = await statistics.of_period(database, since, until, known_at)
    running = await database.look(
        lambda session: session.exec(
            select(func.count()).where(
                _began(since, until),
                yet(Incident.acknowledged_at),
                yet(Incident.breached_at),
                or_(col(Incident.status) != IncidentStatus.RESOLVED, yet(Incident.finished_at)),
            )
        ).one()
    )
    told = {**asdict(found), "by_service": dict(Counter(found.by_service).most_common(MOST_SERVICES))}
    return IncidentFigures(**told, kept=found.incidents - found.breached - running)


async def _tickets(database: Database, since: datetime, until: datetime) -> TicketFigures:
    found = await ticket_statistics.happened(database, since, until)
    return TicketFigures(
        created=found.created,
        closed=found.closed,
        breached=found.breached,
        first_response_s=found.first_response_p50_s,
        ratings=found.ratings,
        rating=found.rating,
    )


def _began(since: datetime, until: datetime) -> Any:
    return and_(
        col(Incident.started_at) >= since, col(Incident.started_at) < until, col(Incident.merged_into).is_(None)
    )


def _waiting(session: Session, since: datetime, until: datetime) -> int:
    query = select(func.count()).where(_began(since, until), col(Incident.status) != IncidentStatus.RESOLVED)
    return session.exec(query).one()


def _faults(session: Session, since: datetime, until: datetime) -> list[Fault]:
    """What went wrong most often."""
    name = col(Alert.labels)["alertname"].as_string()
    fired = (col(Alert.starts_at) >= since, col(Alert.starts_at) < until, col(Alert.fired))
    found = [("alert", *row) for row in _most(session, name, *fired)]
    data, when = col(EventRow.data), (col(EventRow.at) >= since, col(EventRow.at) < until)
    failed = data["outcome"].as_string().in_(["failed", "unknown"])
    tool = _most(session, data["tool"].as_string(), EventRow.type == EventType.TOOL_FINISHED, failed, *when)
    run = _most(session, data["message"].as_string(), EventRow.type == EventType.RUN_FAILED, *when)
    found += [("tool", *row) for row in tool] + [("run", *row) for row in run]
    ordered = sorted(found, key=lambda row: (-row[2], row[0], row[1] or ""))[:TOP]
    return [Fault(source=source, name=(name or "?")[:NAME_CHARS], count=count) for source, name, count in ordered]


def _most(session: Session, name: Any, *where: Any) -> Sequence[tuple[str | None, int]]:
    count = func.count()
    query = select(name, count).where(*where).group_by(name).order_by(count.desc(), name).limit(TOP)
    return session.exec(query).all()


def _agents(session: Session, since: datetime, until: datetime) -> list[AgentFigures]:
    data = col(EventRow.data)
    tokens = func.coalesce(data["tokens"].as_integer(), 0)
    outcome = func.coalesce(data["outcome"].as_string(), "")
    finished = and_(col(EventRow.type) == EventType.RUN_FINISHED, outcome != _SILENT)
    failed = col(EventRow.type) == EventType.RUN_FAILED

    def count(*conditions: Any) -> Any:
        return func.sum(case((and_(*conditions), 1), else_=0))

    query = (
        select(
            Thread.agent,
            count(finished),
            count(finished, outcome.not_in(_NOT_DONE)),
            count(finished, data["degraded"].as_boolean().is_(True)),
            count(failed),
            func.sum(case((finished, tokens), else_=0)),
        )  # type: ignore[call-overload]
        .join(EventRow, col(EventRow.thread_id) == col(Thread.id))
        .where(finished | failed, col(EventRow.at) >= since, col(EventRow.at) < until)
        .group_by(col(Thread.agent))
        .order_by(col(Thread.agent))
    )
    names = ("agent", "runs", "succeeded", "without_model", "failures", "tokens")
    return [AgentFigures(**dict(zip(names, row, strict=True))) for row in session.exec(query).all()]


def _parts(session: Session, period: Period) -> list[Part]:
    """The incidents of each hour of a day, or of each day of a week."""
    if period.kind is ReportKind.WEEKLY:
        begins = [Period(ReportKind.DAILY, day, period.timezone).since for day in period.days]
    else:
        hours = int((period.until - period.since) / timedelta(hours=1))  # 23 or 25 where the clocks change
        begins = [period.since + timedelta(hours=number) for number in range(hours)]
    edges = [*begins, period.until]
    parts = []
    for begin, end in pairwise(edges):
        query = select(Incident.severity, func.count()).where(_began(begin, end)).group_by(col(Incident.severity))
        parts.append(Part(begins=begin.astimezone(UTC), by_severity=dict(session.exec(query).all())))
    return parts
