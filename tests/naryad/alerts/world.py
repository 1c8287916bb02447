"""A monitor's side of the story: alerts told to the intake, and the incidents that came of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import col, select

from naryad.alerts.intake import Accepted, Intake
from naryad.alerts.response import Response
from naryad.alerts.rules import Surroundings
from naryad.alerts.silences import Silences
from naryad.alerts.told import Told, told
from naryad.alerts.watch import Watch
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.incident import Incident
from naryad.db.session import Database
from naryad.events import FEED, Event, EventLog, EventType
from naryad.incidents import Incidents

SHOP = Surroundings({"web": ["api"], "api": ["db"], "mail": ["queue"], "db": [], "queue": []})


def message(name: str, at: datetime, labels: dict[str, str] | None = None, *, ended: datetime | None = None) -> Told:
    """What a monitor says of one alert; two alerts of one name with other labels are two alerts."""
    named = {"alertname": name, **(labels or {})}
    return told(named, moment=now(), starts_at=at, ends_at=ended, resolved=ended is not None)


@dataclass
class World:
    """The parts that work on alerts, on one database.

    Attributes:
        zero: The moment that the minutes of the tests count from: the begin of a minute, shortly ago.
    """

    database: Database
    zero: datetime = field(default_factory=lambda: (now() - timedelta(minutes=8)).replace(second=0, microsecond=0))

    def __post_init__(self) -> None:
        self.events = EventLog(self.database)
        parts = (self.database, self.events, SHOP, Response())
        self.intake, self.watch = Intake(*parts), Watch(*parts)
        self.silences, self.incidents = Silences(self.database), Incidents(self.database, self.events)

    def at(self, minutes: float) -> datetime:
        """So many minutes after zero."""
        return self.zero + timedelta(minutes=minutes)

    async def fire(self, name: str, minutes: float = 0, **labels: str) -> Accepted:
        """An alert fires since a minute."""
        return await self.intake.accept([message(name, self.at(minutes), labels)])

    async def end(self, name: str, minutes: float, end: float, **labels: str) -> Accepted:
        """The alert that fires since a minute is over since another."""
        return await self.intake.accept([message(name, self.at(minutes), labels, ended=self.at(end))])

    async def all(self) -> list[Incident]:
        """Every incident that did not go into another, the oldest first."""
        return list(reversed(await self.incidents.listed(limit=1000)))

    async def one(self) -> Incident:
        """The only one there is."""
        (incident,) = await self.all()
        return incident

    async def groups(self) -> set[frozenset[str]]:
        """The names of the alerts of each incident."""
        async with self.database.read() as session:
            rows = (await session.exec(select(Alert).where(col(Alert.incident_id).is_not(None)))).all()
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(str(row.incident_id), set()).add(row.labels["alertname"])
        assert set(found) <= {incident.id for incident in await self.all()}
        return {frozenset(names) for names in found.values()}

    async def feed(self, *kinds: EventType) -> list[Event]:
        """The feed's events of some kinds."""
        return [event for event in await self.events.since(FEED) if event.type in kinds]
