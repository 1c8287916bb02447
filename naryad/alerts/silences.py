"""Silences: for a planned time, fitting alerts make no incident."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from naryad import masking
from naryad.alerts import matchers as matching
from naryad.clock import now
from naryad.db.models.alert import Silence
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _

MOST = 500
"""Silences that hold or are planned at once: each is put to every alert."""


class Silences:
    """Makes, ends and lists them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        matchers: Sequence[Mapping[str, str]],
        starts_at: datetime,
        ends_at: datetime,
        reason: str,
        author: str,
    ) -> Silence:
        """Make one.

        Args:
            matchers: `{name, op, value}` each; an alert must fit all of them.
            starts_at: When it begins to hold.
            ends_at: When it no longer does.
            reason: Why.
            author: Who says so.

        Raises:
            Refused: A pattern is wrong, it would fit every alert, it ends before it begins, or there are too many.
        """
        for each in matchers:
            matching.check(each["op"], each["value"])  # type: ignore[arg-type]
        rules = [dict(each) for each in matchers]
        if matching.fits(rules, {}):
            raise Refused(_("A silence must ask for something: this one fits what has no labels at all."))
        if ends_at <= max(starts_at, now()):
            raise Refused(_("A silence must end after it begins, and later than now."))
        silence = Silence(
            matchers=rules, starts_at=starts_at, ends_at=ends_at, reason=masking.secrets(reason), author=author
        )
        async with self._database.write() as session:
            await self._database.serialize(session, "alerts")
            planned = await session.exec(select(Silence.id).where(col(Silence.ends_at) > now()))
            if len(planned.all()) >= MOST:
                raise Refused(_("There are {most} silences already; end some first.").format(most=MOST))
            session.add(silence)
        return silence

    async def end(self, silence_id: str) -> Silence:
        """Let one hold no longer; what it covers and still fires makes incidents soon.

        Raises:
            NotFound: There is none.
        """
        async with self._database.write() as session:
            silence = await session.get(Silence, silence_id, with_for_update=True)
            if silence is None:
                raise NotFound(_("There is no silence {id!r}.").format(id=silence_id))
            silence.ends_at = min(silence.ends_at, now())
            silence.starts_at = min(silence.starts_at, silence.ends_at)
            session.add(silence)
        return silence

    async def listed(self, *, past: bool = False, before: str = "", limit: int = 50) -> Sequence[Silence]:
        """Silences that hold or are planned, the newest first; those of the past too, where asked."""
        query = select(Silence).order_by(col(Silence.id).desc()).limit(limit)
        if not past:
            query = query.where(col(Silence.ends_at) > now())
        if before:
            query = query.where(col(Silence.id) < before)
        async with self._database.read() as session:
            return (await session.exec(query)).all()


def holding(session: Session, moment: datetime) -> list[Silence]:
    """The silences that hold at a moment."""
    query = select(Silence).where(col(Silence.starts_at) <= moment, col(Silence.ends_at) > moment)
    return list(session.exec(query.order_by(col(Silence.id))).all())


def covering(silences: Sequence[Silence], labels: Mapping[str, str]) -> Silence | None:
    """The first of the silences that covers these labels."""
    return next((silence for silence in silences if matching.fits(silence.matchers, labels)), None)
