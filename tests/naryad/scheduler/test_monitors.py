"""What monitors find becomes incidents, and what is well again ends them."""

from datetime import timedelta

from sqlmodel import select, update

from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.incident import IncidentStatus
from naryad.db.models.job import JobRun, Watched
from naryad.db.session import Database
from naryad.events import EventType
from naryad.scheduler import monitors
from naryad.scheduler.monitors import Finding, Looks, Monitors
from tests.naryad.alerts.world import World

DOWN = Finding({"alertname": "ServiceDown", "service": "web", "severity": "critical"}, "web: refused")
FULL = Finding(
    {"alertname": "DiskFull", "service": "db", "severity": "warning", "metric": "data_mb"},
    "db: data_mb is 90, limit 80",
    {"metric": "data_mb", "threshold": "80", "value": "90"},
)
FIRED = (EventType.COMPONENT_UNHEALTHY, EventType.COMPONENT_HEALTHY, EventType.METRIC_THRESHOLD_EXCEEDED)


class Rounds:
    """A monitor that finds what it is told to, one round after the other, each by another process."""

    def __init__(self, database: Database) -> None:
        self.database, self.world = database, World(database)

    async def look(self, found: Looks) -> dict[str, int]:
        async def once() -> Looks:
            return found

        run = JobRun(job="monitors", fire_at=now())
        return dict(await Monitors(self.database, self.world.intake, [once]).look(run))

    async def watched(self) -> list[Watched]:
        return list(await self.database.look(lambda session: session.exec(select(Watched)).all()))


async def test_a_service_that_stays_down_is_one_incident(database: Database) -> None:
    """From the second look in a row; told each round, it stays one; well again, it is over, and so is the incident."""
    rounds = Rounds(database)
    await rounds.look({"web/ServiceDown": DOWN, "db/data_mb": None})
    assert await rounds.world.all() == []
    for _ in range(4):
        await rounds.look({"web/ServiceDown": DOWN, "db/data_mb": None})
    incident = await rounds.world.one()
    assert (incident.service, incident.severity, incident.title, incident.alerts) == (
        "web",
        "critical",
        DOWN.summary,
        1,
    )
    (row,) = await rounds.watched()
    assert (row.failures, row.told) == (5, True)
    told = await rounds.look({"web/ServiceDown": None, "db/data_mb": None})
    assert (told, await rounds.watched()) == ({"looked": 2, "wrong": 0, "ended": 1}, [])
    async with database.write() as session:
        await session.exec(update(type(incident)).values(run_due_at=None))
    for seconds in (20, 40):
        await rounds.world.watch.sweep(now() + timedelta(seconds=seconds))
    assert (await rounds.world.one()).status is IncidentStatus.RESOLVED
    kinds = [(event.type, event.data["component"]) for event in await rounds.world.feed(*FIRED)]
    assert kinds == [(EventType.COMPONENT_UNHEALTHY, "web"), (EventType.COMPONENT_HEALTHY, "web")]


async def test_a_look_that_breaks_hides_no_other(database: Database) -> None:
    """What it would have seen is left alone."""
    rounds = Rounds(database)

    async def breaks() -> Looks:
        raise OSError

    async def works() -> Looks:
        return {"web/ServiceDown": DOWN}

    broken = Monitors(database, rounds.world.intake, [breaks, works])
    for _ in range(2):
        await broken.look(JobRun(job="monitors", fire_at=now()))
    assert (await rounds.world.one()).service == "web"


async def test_one_failed_look_is_nothing(database: Database) -> None:
    """However often it comes, as long as the next look is well."""
    rounds = Rounds(database)
    for finding in (DOWN, None) * 5:
        await rounds.look({"web/ServiceDown": finding})
    assert (await rounds.world.all(), await rounds.watched()) == ([], [])


async def test_a_threshold_is_told_with_its_numbers(database: Database) -> None:
    """The event names metric, threshold and value; another outage later is another episode."""
    rounds = Rounds(database)
    for finding in (FULL, FULL, None, FULL, FULL):
        await rounds.look({"db/data_mb": finding})
    events = await rounds.world.feed(EventType.METRIC_THRESHOLD_EXCEEDED)
    assert {(e.data["metric"], e.data["threshold"], e.data["value"]) for e in events} == {("data_mb", "80", "90")}
    episodes = await database.look(lambda session: session.exec(select(Alert)).all())
    assert sorted(alert.over for alert in episodes) == [False, True]
    assert {alert.labels["source"] for alert in episodes} == {"naryad"}


async def test_a_crash_between_telling_and_remembering_tells_no_second_time(database: Database) -> None:
    """What was told and not remembered is told again with the same begin: the same episode."""
    rounds = Rounds(database)
    for _ in range(2):
        await rounds.look({"web/ServiceDown": DOWN})
    async with database.write() as session:
        await session.exec(update(Watched).values(told=False))
    await rounds.look({"web/ServiceDown": DOWN})
    assert (await rounds.world.one()).alerts == 1


async def test_what_cannot_be_seen_from_here_is_left_alone(database: Database) -> None:
    """Another machine's limits are not over because this one did not look; forgotten ones are, after a day."""
    rounds = Rounds(database)
    for _ in range(2):
        await rounds.look({"db/data_mb": FULL})
    assert (await rounds.look({}))["ended"] == 0
    async with database.write() as session:
        await session.exec(update(Watched).values(seen_at=now() - monitors.FORGOTTEN - timedelta(minutes=1)))
    assert (await rounds.look({}))["ended"] == 1
    assert await rounds.watched() == []
