"""What may not be tried at will: each try is counted before it is made, and the pause after it grows."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts.refusals import TooSoon
from naryad.accounts.tokens import digest
from naryad.clock import now
from naryad.db.models.account import Attempts
from naryad.db.session import Database
from naryad.i18n import _

FORGOTTEN_AFTER = timedelta(days=1)
GROWS_AFTER = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """How a pause grows.

    Attributes:
        free: Tries that no pause follows.
        first: The pause after the next one; from the fourth try on each is twice as long.
        longest: No pause is longer.
    """

    free: int
    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=1)

    def pause(self, count: int) -> timedelta:
        """How long to wait after so many tries."""
        if count <= self.free:
            return timedelta()
        doublings = min(max(0, count - GROWS_AFTER), 20)
        return min(self.longest, self.first * (1 << doublings))


PASSWORDS = Limit(free=2)
"""The third wrong password locks."""
MAILS = Limit(free=0)
"""A minute between any two letters to one address, and longer when they do not end."""


class Counter:
    """Counts tries in the database, by what is tried and by whom: also by those who have no account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, session: AsyncSession, key: str, limit: Limit) -> None:
        """Count one try before it is made: a hundred at once must not all find the same count.

        Raises:
            TooSoon: The pause is not over; this try does not count.
        """
        await self._database.serialize(session, f"attempts:{key}")
        moment, sha256 = now(), digest(key)
        await session.exec(delete(Attempts).where(col(Attempts.last_at) < moment - FORGOTTEN_AFTER))
        row = await session.get(Attempts, sha256) or Attempts(sha256=sha256)
        if row.count and row.wait_until > moment:
            wait = int((row.wait_until - moment).total_seconds()) + 1
            raise TooSoon(_("Too many tries; wait {seconds} s.").format(seconds=wait), wait)
        row.count, row.last_at = row.count + 1, moment
        row.wait_until = moment + limit.pause(row.count)
        session.add(row)

    async def give_back(self, session: AsyncSession, key: str) -> None:
        """Take one try back that was neither right nor wrong."""
        await self._database.serialize(session, f"attempts:{key}")
        if row := await session.get(Attempts, digest(key)):
            row.count, row.wait_until = row.count - 1, now()
            session.add(row)

    async def forget(self, session: AsyncSession, *keys: str) -> None:
        """Start anew: it was right."""
        await session.exec(delete(Attempts).where(col(Attempts.sha256).in_([digest(key) for key in keys])))
