"""Alerts are accepted: kept and put into incidents in one transaction, which is committed before anybody is thanked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session

from naryad.alerts.desk import Desk
from naryad.alerts.response import Response
from naryad.alerts.rules import Surroundings
from naryad.alerts.told import Told
from naryad.clock import now
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.events import EventLog
from naryad.i18n import _

MOST_WAITING = 2_000
"""Alerts of this process that wait to be kept; one delivery alone may be larger."""
AT_ONCE = 100
"""Alerts of one transaction: others write meanwhile."""
LOCK = "alerts"
"""What the transactions that put alerts into incidents hold, one at a time."""


class Flooded(NaryadError):
    """More alerts wait than can be kept soon; none of these was accepted."""

    retry_after = 5


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a delivery.

    Attributes:
        alerts: How many messages were accepted.
        changed: How many of them told something that was not known.
    """

    alerts: int
    changed: int


class Intake:
    """Takes alerts in.

    Args:
        database: Where they are kept.
        events: Who is told.
        around: The company's services.
        response: The promise to respond.
    """

    def __init__(self, database: Database, events: EventLog, around: Surroundings, response: Response) -> None:
        self._database, self._events, self._around, self._response = database, events, around, response
        self._waiting = 0

    async def accept(self, alerts: Sequence[Told], *, by: str = "") -> Accepted:
        """Keep a delivery; when this returns it is committed. Delivering it again changes nothing.

        Args:
            alerts: What was told.
            by: The person who told it, or whose key did; empty for a monitor with a token of its own.

        Raises:
            Flooded: Too many wait already.
        """
        if self._waiting and self._waiting + len(alerts) > MOST_WAITING:
            raise Flooded(_("Too many alerts at once; try again in a moment."))
        self._waiting += len(alerts)
        try:
            parts = [alerts[start : start + AT_ONCE] for start in range(0, len(alerts), AT_ONCE)]
            changed = [await self._keep(part, by) for part in parts]
        finally:
            self._waiting -= len(alerts)
        return Accepted(len(alerts), sum(changed))

    async def _keep(self, alerts: Sequence[Told], by: str) -> int:
        desk = await self._database.transact(partial(self._take, alerts, by))
        desk.telling.wake()
        return desk.changed

    def _take(self, alerts: Sequence[Told], by: str, session: Session) -> Desk:
        self._database.hold(session, LOCK)
        desk = Desk(session, self._database, self._events, self._around, self._response, now())
        for alert in alerts:
            desk.take(alert, by)
        desk.telling.write(session)
        return desk
