"""What the database knows for the judge: legs, accepted days, and what people were told already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, and_, col, func, or_, select

from naryad.db.models.job import Watched
from naryad.db.models.sentinel import Golden, RunRecord
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.i18n import _
from naryad.sentinel.judge import ROLLING, WINDOWS, Span
from naryad.sentinel.series import Leg

PREFIX = "sentinel/"
"""Begins the names under which the monitors remember what is worse; the agent follows."""
_COLUMNS = [getattr(RunRecord, name) for name in Leg.__slots__]


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that one look needs.

    Attributes:
        golden: The accepted days of each agent that has any.
        standing: Since when an agent is known to do worse.
        told: The labels under which people were told of it.
    """

    legs: Sequence[Leg]
    golden: dict[str, Span]
    standing: dict[str, float]
    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


async def known(database: Database, moment: datetime, *, rolling: float = ROLLING) -> Known:
    """Read it.

    Args:
        database: Where it is.
        moment: The end of what is read.
        rolling: The length of the rolling baseline in seconds.
    """
    return await database.look(lambda session: _known(session, moment, rolling))


def _known(session: Session, moment: datetime, rolling: float) -> Known:
    accepted = session.exec(select(Golden)).all()
    worse = select(Watched).where(col(Watched.name).startswith(PREFIX), col(Watched.told))
    standing = {row.name.removeprefix(PREFIX): row for row in session.exec(worse).all()}
    # Before a degradation that stands there must be a whole baseline, with its own windows.
    first = min([moment, *(row.since for row in standing.values())]) - timedelta(seconds=rolling + 4 * max(WINDOWS))
    days = [
        and_(RunRecord.agent == one.agent, col(RunRecord.at) >= one.since, col(RunRecord.at) < one.until)
        for one in accepted
    ]
    query = select(*_COLUMNS).where(or_(col(RunRecord.at) >= first, *days), col(RunRecord.at) < moment)
    return Known(
        [Leg(row[0].timestamp(), *row[1:]) for row in session.exec(query).all()],
        {one.agent: Span(one.since.timestamp(), one.until.timestamp()) for one in accepted},
        {name: row.since.timestamp() for name, row in standing.items()},
        {name: row.labels for name, row in standing.items()},
    )


async def accept(database: Database, moment: datetime, days: int, by: str, *, agent: str = "") -> Sequence[Golden]:
    """Make the last days the golden baseline, of one agent or of all that have records.

    Raises:
        NotFound: There are no records of these days; the baselines are as they were.
    """
    since = moment - timedelta(days=days)

    def write(session: Session) -> list[Golden]:
        query = select(RunRecord.agent).where(col(RunRecord.at) >= since, col(RunRecord.at) < moment).distinct()
        agents = session.exec(query.where(RunRecord.agent == agent) if agent else query).all()
        rows = [Golden(agent=name, since=since, until=moment, by=by, at=moment) for name in sorted(agents)]
        return [session.merge(row) for row in rows]

    made = await database.transact(write)
    if not made:
        raise NotFound(_("No runs were recorded in these days; the baseline stays as it was."))
    return made


async def records(database: Database) -> int:
    """How many records there are."""
    return await database.look(lambda session: session.exec(select(func.count()).select_from(RunRecord)).one())


def at(seconds: float) -> datetime:
    """A moment from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
