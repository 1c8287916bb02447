"""Input of threads: queued in order, each once, forgotten when the run before it is cancelled."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.canonical import digest
from naryad.db.models.event import EventRow
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import EventLog, EventType
from naryad.gate import provenance
from naryad.i18n import _

CANCELLED = "cancelled"
TITLE_CHARS = 80


class Inputs:
    """Puts input into threads and takes it out."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._database, self._events = database, events

    async def put(self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any], key: str = "") -> str:
        """Queue input for a thread, which is made at its first; returns the input's id.

        Args:
            thread_id: The thread.
            agent: Whose thread it is.
            principal: Who says it.
            data: The input.
            key: Whoever comes again with the same one gets the first input's id; nothing more is queued.

        Raises:
            Refused: The thread belongs to another agent, or the key was used for other input.
        """
        told: dict[str, Any] = {"key": digest(key), "sha256": digest(dict(data))} if key else {}
        async with self._database.write() as session:
            await self._database.serialize(session, f"thread:{thread_id}")
            thread = await session.get(Thread, thread_id)
            if key and (before := await self._known(session, thread_id, told)):
                return before
            if thread is None:
                thread = Thread(id=thread_id, agent=agent, principal=principal)
            elif thread.agent != agent:
                text = _("Thread {id} belongs to the agent {agent}.")
                raise Refused(text.format(id=thread_id, agent=thread.agent))
            thread.title = thread.title or masking.secrets(str(data.get("text", ""))[:TITLE_CHARS])
            session.add(thread)
            await session.flush()
            ahead = select(func.max(QueuedInput.id)).where(QueuedInput.thread_id == thread_id)
            behind = (await session.exec(ahead)).one()
            queued = QueuedInput(thread_id=thread_id, data=dict(data))  # its id is its turn: only now, that we have it
            session.add(queued)
            # An agent may take from it what anybody wrote there; that a client remembers it proves nothing.
            if place := next((name for name in ("alert", "earlier") if data.get(name) is not None), None):
                session.add(provenance.foreign(thread_id, queued.id, place, data[place]))
            told |= {"input": queued.id, "by": principal, "text": data.get("text", "")}
            await self._events.add(session, thread_id, EventType.INPUT, **told, behind=behind)
        self._events.wake(thread_id)
        return queued.id

    async def cancel(self, thread_id: str, by: str) -> None:
        """Mark a thread's run as cancelled, and forget the input behind it.

        Raises:
            NotFound: There is no such thread.
            Refused: Nothing runs or waits there.
        """
        async with self._database.write() as session:
            await self._database.serialize(session, f"thread:{thread_id}")
            thread = await session.get(Thread, thread_id, with_for_update=True)
            if thread is None:
                raise NotFound(_("There is no thread {id!r}.").format(id=thread_id))
            query = select(QueuedInput).where(QueuedInput.thread_id == thread_id).order_by(col(QueuedInput.id))
            queued = (await session.exec(query)).all()
            if not queued:
                raise Refused(_("Nothing runs in thread {id}.").format(id=thread_id))
            for later in queued[1:]:
                await session.delete(later)
                ended = {"input": later.id, "outcome": CANCELLED, "by": by}
                await self._events.add(session, thread_id, EventType.RUN_FINISHED, **ended)
            thread.cancelled_by = by
            session.add(thread)
        self._events.wake(thread_id)

    async def first(self, thread_id: str) -> QueuedInput | None:
        """The oldest input that is not done with."""
        return next(iter(await self.queued(thread_id)), None)

    async def queued(self, thread_id: str) -> list[QueuedInput]:
        """The two oldest inputs that are not done with: the one that is worked on, and what waits behind it."""
        query = select(QueuedInput).where(QueuedInput.thread_id == thread_id).order_by(col(QueuedInput.id)).limit(2)
        async with self._database.read() as session:
            return list((await session.exec(query)).all())

    async def _known(self, session: AsyncSession, thread_id: str, told: Mapping[str, str]) -> str | None:
        """The input that came with the same key before."""
        query = select(EventRow).where(
            EventRow.thread_id == thread_id,
            EventRow.type == EventType.INPUT,
            col(EventRow.data)["key"].as_string() == told["key"],
        )
        before = (await session.exec(query.limit(1))).first()
        if before and before.data["sha256"] != told["sha256"]:
            raise Refused(_("This Idempotency-Key was used for another text already."))
        return str(before.data["input"]) if before else None
