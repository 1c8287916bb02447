"""The figures of a report against another reckoning of the same rows, and against the figures of alerts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from statistics import mean

import pytest

from naryad.alerts import statistics
from naryad.db.models.event import EventRow
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.db.models.report import ReportKind
from naryad.db.models.thread import Thread
from naryad.db.models.ticket import Ticket
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.reports.gathering import gather
from naryad.reports.period import Period
from naryad.tickets.tickets import Tickets
from tests.naryad.reports import past

DAYS = [
    Period(ReportKind.DAILY, date(2026, 10, 25), "Europe/Berlin"),  # of 25 hours
    Period(ReportKind.DAILY, date(2026, 3, 29), "Europe/Berlin"),  # of 23
    Period(ReportKind.WEEKLY, date(2026, 10, 19), "Europe/Moscow"),
]


def _mean(rows: list[Incident], end: Callable[[Incident], datetime | None]) -> float | None:
    spent = [(ended - row.started_at).total_seconds() for row in rows if (ended := end(row))]
    return round(mean(spent), 3) if spent else None


@pytest.mark.parametrize(("period", "parts"), list(zip(DAYS, (25, 23, 7), strict=True)), ids=["25h", "23h", "week"])
async def test_incidents_are_counted_right(database: Database, period: Period, parts: int) -> None:
    """Three hundred incidents, one by one; merged ones and those of the days around do not count."""
    made = past.incidents(300, period.since, period.until)
    await past.keep(database, made)
    figures = await gather(database, period)
    rows = [row for row in made if period.since <= row.started_at < period.until and not row.merged_into]
    solved = [row for row in rows if row.status == "resolved"]
    gaps = []
    for service in past.SERVICES:
        begins = sorted(row.started_at for row in rows if row.service == service)
        gaps += [(begins[at + 1] - begins[at]).total_seconds() for at in range(len(begins) - 1)]
    running = sum(not (row.acknowledged_at or row.breached_at or row.status == "resolved") for row in rows)
    late = sum(row.breached_at is not None for row in rows)
    alone = sum(not row.resolved_by.startswith("account:") for row in solved)
    told = figures.incidents
    assert (told.incidents, told.resolved, told.breached) == (len(rows), len(solved), late)
    assert told.kept == len(rows) - late - running
    assert told.by_severity == Counter(row.severity for row in rows)
    assert told.by_service == Counter(row.service for row in rows)
    assert told.mttr_s == _mean(solved, lambda row: row.finished_at)
    assert told.mtta_s == _mean(rows, lambda row: row.acknowledged_at)
    assert told.mtbf_s == round(mean(gaps), 3)
    assert told.auto_resolved == alone / len(solved)
    assert figures.waiting == len(rows) - len(solved)
    assert sum(sum(part.by_severity.values()) for part in figures.parts) == len(rows)
    assert len(figures.parts) == parts
    known = asdict(await statistics.of_period(database, period.since, period.until))
    assert told.model_dump(exclude={"kept"}) == known
    before = asdict(await statistics.of_period(database, period.before.since, period.since))
    assert figures.incidents_before.model_dump(exclude={"kept"}) == before


async def test_availability_is_counted_by_the_second(database: Database) -> None:
    """A service is down in each second in which a critical alert of its fires that no silence covers."""
    period = DAYS[0]
    holder = Incident(
        thread_id="t", fingerprint="f", title="t", service="", severity="low", started_at=period.before.since, alerts=1
    )
    await past.keep(database, [holder])
    made = past.outages(200, period.since, period.until, holder.id)
    await past.keep(database, made)
    reported = Incident(
        thread_id="t2", fingerprint="", title="t", service="mail", severity="critical",
        started_at=period.since + timedelta(hours=2), finished_at=period.since + timedelta(hours=3),
    )  # fmt: skip
    await past.keep(database, [reported])
    down: dict[str, set[int]] = {"web": set(), "db": set(), "mail": set(range(7_200, 10_800)), "quiet": set()}
    length = int((period.until - period.since).total_seconds())
    for alert in made:
        if alert.severity == "critical" and alert.service and alert.incident_id:
            begin = int((alert.starts_at - period.since).total_seconds())
            end = int((alert.ended_at - period.since).total_seconds()) if alert.ended_at else length
            down[alert.service] |= set(range(max(0, begin), min(length, end)))
    told = {one.service: one for one in (await gather(database, period, ["quiet", "web"])).availability}
    assert {name: one.down_s for name, one in told.items()} == {name: len(them) for name, them in down.items()}
    assert all(one.up == pytest.approx(1 - len(down[name]) / length) for name, one in told.items())
    assert (told["quiet"].up, told["quiet"].outages) == (1.0, 0)
    jumps = {name: sum(second - 1 not in them for second in them) for name, them in down.items()}
    assert {name: one.outages for name, one in told.items()} == jumps


async def test_runs_and_faults_are_counted_right(database: Database) -> None:
    """By agent, with those that had to do without a model; and what failed most often comes first."""
    period = DAYS[0]
    rows = past.runs(200, period.since, period.until)
    await past.keep(database, rows)
    events = [row for row in rows if isinstance(row, EventRow) and period.since <= row.at < period.until]
    agents = {row.id: row.agent for row in rows if isinstance(row, Thread)}
    figures = await gather(database, period)
    for told in figures.agents:
        mine = [row for row in events if agents[row.thread_id] == told.agent]
        ended = [
            row.data for row in mine if row.type == EventType.RUN_FINISHED and row.data["outcome"] != "with_person"
        ]
        assert told.runs == len(ended)
        assert told.succeeded == sum(data["outcome"] in ("answered", "resolved") for data in ended)
        assert told.without_model == sum(data.get("degraded", False) for data in ended)
        assert told.tokens == sum(data.get("tokens", 0) for data in ended)
        assert told.failures == sum(row.type == EventType.RUN_FAILED for row in mine)
    assert [one.agent for one in figures.agents] == ["ops", "support"]
    broke = Counter(("run", row.data["message"]) for row in events if row.type == EventType.RUN_FAILED)
    failed = [row for row in events if row.type == EventType.TOOL_FINISHED and row.data["outcome"] == "failed"]
    expected = broke + Counter(("tool", row.data["tool"]) for row in failed)
    assert {(one.source, one.name): one.count for one in figures.faults} == expected
    assert [one.count for one in figures.faults] == sorted(expected.values(), reverse=True)


async def test_tickets_agree_with_their_own_figures(database: Database) -> None:
    """What the area of tickets tells of today is what a report of today says."""
    tickets = Tickets(database, EventLog(database))
    for number in range(3):
        await tickets.create(subject=f"s{number}", text="x", requester="local:a", by="local:a")
    today = Period.holding(ReportKind.DAILY, datetime.now(UTC).date(), "UTC")
    figures = await gather(database, today)
    assert (figures.tickets.created, figures.tickets.closed, figures.tickets_before.created) == (3, 0, 0)
    assert figures.taken_at < figures.until


async def test_what_comes_later_is_told_when_it_comes(database: Database) -> None:
    """A promise that is broken and a rating that is given days after the making stand in the report of their day."""
    days = [Period(ReportKind.DAILY, date(2026, 10, 5 + number), "UTC") for number in range(5)]
    noon = [day.since + timedelta(hours=12) for day in days]
    late = Ticket(
        number=1, subject="s", text="x", requester="local:a", created_at=noon[0], changed_at=noon[0],
        responded_at=noon[1], resolution_breached_at=noon[2], resolved_at=noon[3], closed_at=noon[3],
        rating=2, rated_at=noon[4],
    )  # fmt: skip
    kept = Ticket(
        number=2, subject="s", text="x", requester="local:a", created_at=noon[1], changed_at=noon[1],
        responded_at=noon[2], resolved_at=noon[3],
    )  # fmt: skip
    await past.keep(database, [late, kept])
    told = [(await gather(database, day)).tickets for day in days]
    assert [one.created for one in told] == [1, 1, 0, 0, 0]
    assert [one.first_response_s for one in told] == [None, 86_400, 86_400, None, None]
    assert [one.breached for one in told] == [None, 0, 0.5, 0, None]
    assert [one.closed for one in told] == [0, 0, 0, 1, 0]
    assert [(one.ratings, one.rating) for one in told] == [(0, None)] * 4 + [(1, 2)]


async def test_the_period_before_is_as_old_as_this_one(database: Database) -> None:
    """What came of its incidents afterwards is not held against it, nor for it."""
    today = Period.holding(ReportKind.DAILY, datetime.now(UTC).date(), "UTC")
    begin = today.before.before.since
    rows = []
    for number, after in enumerate([timedelta(0), *[today.since - begin] * 2]):
        row = Incident(thread_id=f"t{number}", fingerprint=f"f{number}", title="t", service="web", severity="high")
        row.started_at = begin + timedelta(hours=1 + number)
        moment = row.started_at + timedelta(minutes=9) + after
        if number == 2:
            row.breached_at = moment
        else:
            row.acknowledged_at = row.finished_at = moment
            row.status, row.resolved_by = IncidentStatus.RESOLVED, "account:a"
        rows.append(row)
    await past.keep(database, rows)
    told = (await gather(database, today.before)).incidents_before
    assert (told.incidents, told.resolved, told.breached, told.kept) == (3, 1, 0, 1)
    assert told.mttr_s == 540


async def test_an_empty_period_says_nothing(database: Database) -> None:
    """No division by nothing, and no advice."""
    figures = await gather(database, DAYS[2], ["web"])
    assert (figures.incidents.incidents, figures.incidents.mttr_s, figures.incidents.auto_resolved) == (0, None, None)
    assert [(one.service, one.up) for one in figures.availability] == [("web", 1.0)]
    assert (figures.advice, figures.faults, figures.agents) == ([], [], [])


def test_periods_hold_whole_days_of_the_zone() -> None:
    """From midnight to midnight there, whatever the clocks do; a week from Monday on."""
    day = DAYS[0]
    assert (day.since, day.until) == (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    moment = datetime(2026, 11, 22, 23, tzinfo=UTC)  # Monday, two in the morning in Moscow
    assert Period.last(ReportKind.DAILY, moment, "Europe/Moscow").first == date(2026, 11, 22)
    assert Period.last(ReportKind.WEEKLY, moment, "Europe/Moscow").first == date(2026, 11, 16)
    assert Period.last(ReportKind.WEEKLY, moment, "UTC").first == date(2026, 11, 9)
    assert Period.holding(ReportKind.WEEKLY, date(2026, 11, 22), "UTC").days[-1] == date(2026, 11, 22)
    skipped = Period(ReportKind.DAILY, date(2026, 9, 6), "America/Santiago")  # its midnight does not exist
    assert (skipped.since, skipped.until) == (skipped.before.until, skipped.since + timedelta(hours=23))
