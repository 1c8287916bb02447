"""The events of one transaction, told at its end: by then no row is waited for, so that nobody waits in a circle."""

from typing import Any

from sqlmodel import Session

from naryad.db.session import Database
from naryad.events import FEED, EventLog, EventType


class Telling:
    """Collects events, writes them together, wakes their followers after the commit."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database, self._events = database, events
        self._told: list[tuple[str, EventType, dict[str, Any]]] = []

    def add(self, thread_id: str, kind: EventType, **data: Any) -> None:
        """Tell it at the end."""
        self._told.append((thread_id, kind, data))

    def write(self, session: Session) -> None:
        """Store all of them, the last thing in a transaction.

        Every thread is held before the feed, and in one order: whoever else writes holds one thread, then the feed.
        """
        session.flush()
        for thread_id in sorted({thread for thread, _kind, _data in self._told} - {FEED}):
            self._database.hold(session, f"event:{thread_id}")
        for thread_id, kind, data in self._told:
            self._events.put(session, thread_id, kind, **data)

    def wake(self) -> None:
        """Let the followers look: after the commit."""
        for thread_id in {thread for thread, _kind, _data in self._told}:
            self._events.wake(thread_id)
