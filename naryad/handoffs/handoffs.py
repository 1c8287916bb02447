"""Handoffs, opened, taken, answered and returned; any number of processes may."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from naryad.accounts.names import name_of
from naryad.auth import Person, Role
from naryad.clock import new_id, now
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.thread import Thread
from naryad.db.models.ticket import Author
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import Emit, Event, EventLog, EventType
from naryad.handoffs import in_thread
from naryad.handoffs.brief import Brief
from naryad.handoffs.conversation import Utterance, utterance
from naryad.i18n import _
from naryad.tickets.desk import Desk
from naryad.tickets.tickets import Tickets

TAKERS = frozenset({Role.OPERATOR, Role.MANAGER, Role.ADMIN})
"""Who may answer instead of the agent."""
AGENTS = "agent:"
"""Begins the name of who opened a handoff, unless a person took the thread over."""
HANDED_OVER = frozenset({"support"})
"""The agents whose threads people may take over; those of others hold what only operators may see."""
RING, LONGEST_RING = timedelta(minutes=15), timedelta(hours=4)
"""How long somebody is waited for before people are told again: twice as long each time, up to so much."""
_TALK = (EventType.INPUT, EventType.MESSAGE, EventType.HANDOFF_OPENED, EventType.HANDOFF_RETURNED)


class Handoffs:
    """Opens, takes and returns handoffs, and lets the agent speak only while there is none.

    What opens or returns a thread's handoff holds the lock of its events, as whatever the agent says does: no word of
    it can come in between.
    """

    def __init__(self, database: Database, events: EventLog, tickets: Tickets) -> None:
        self._database, self._events, self._tickets = database, events, tickets

    async def open(self, thread_id: str, input_id: str, brief: Brief, **said: Any) -> Handoff:
        """Hand a thread over to people: once for each input; while it is handed over already, that one is given.

        Args:
            said: What `say` takes: the agent's last message, said only together with the handoff that it promises.

        Raises:
            NotFound: There is no such thread.
        """
        return await self._begin(thread_id, input_id, brief, **said)

    async def take_over(self, thread_id: str, by: Person, reason: str = "") -> Handoff:
        """Answer from now on in a thread where the agent does; what it does there is marked as cancelled.

        Raises:
            NotFound: There is no such thread, it is none that people take over, or of one who may read more than they.
            Refused: The person's role does not allow it, or somebody else answers there.
        """
        _may_take(by)
        return await self._begin(thread_id, f"person:{new_id()}", Brief("", reason=reason), by)

    async def active(self, thread_id: str) -> Handoff | None:
        """The thread's handoff, while people are to answer there."""
        return await self._database.look(lambda session: in_thread.active(session, thread_id))

    async def say(self, thread_id: str, text: str, **data: Any) -> bool:
        """Let the agent say something; False, and nothing is said, while people are to answer."""
        return await self._events.append_unless(in_thread.silent, thread_id, EventType.MESSAGE, text=text, **data)

    def joined(self, thread_id: str) -> AbstractAsyncContextManager[Emit]:
        """The same for a model's words as they come: `EventLog.joined`, but for what nobody is to see."""
        return self._events.joined(thread_id, unless=in_thread.silent)

    async def note(self, thread_id: str, input_id: str, text: str) -> bool:
        """Keep what the user says while people are to answer, and tell them; False where the agent is to answer."""

        def put(desk: Desk) -> bool:
            self._database.hold(desk.session, f"thread:{thread_id}")
            handoff = in_thread.active(desk.session, thread_id)
            if handoff and not in_thread.told(desk.session, thread_id, EventType.HANDOFF_SAID, input=input_id):
                _comment(desk, handoff, handoff.principal, text, Author.REQUESTER, f"said:{input_id}")
                _tell(desk, handoff, EventType.HANDOFF_SAID, input=input_id)
            return handoff is not None

        return await self._tickets.do(put)

    async def take(self, handoff_id: str, by: Person) -> Handoff:
        """Be the one who answers; of two people one wins.

        Raises:
            NotFound: There is no such handoff.
            Refused: The person's role does not allow it, somebody else was faster, or the agent answers again.
        """
        handoff = await self._change(handoff_id, lambda desk, handoff: _taken(desk, handoff, by))
        with suppress(Refused):  # nobody works on the ticket any more; the conversation goes on all the same
            await self._tickets.change(handoff.ticket_id, by.id, assignee=by.id)
        return handoff

    async def reply(self, handoff_id: str, by: Person, text: str, *, key: str = "") -> Handoff:
        """Say something to the user, as the one who answers; with a `key` that came before nothing is said.

        Raises the same as `take`.
        """
        said = f"{by.id}:{key}" if key else new_id()

        def put(desk: Desk, handoff: Handoff) -> None:
            if in_thread.told(desk.session, handoff.thread_id, EventType.HANDOFF_REPLIED, reply=said):
                return
            _taken(desk, handoff, by)
            _comment(desk, handoff, by.id, text, Author.STAFF, f"reply:{said}")
            desk.say(handoff.thread_id, by.id, text, handoff=handoff.id, reply=said)
            _tell(desk, handoff, EventType.HANDOFF_REPLIED, by=by.id, reply=said)

        _may_take(by)
        return await self._change(handoff_id, put)

    async def hand_back(self, handoff_id: str, by: Person) -> Handoff:
        """Let the agent answer again; repeating it changes nothing. An administrator may for whoever answers.

        Raises:
            NotFound: There is no such handoff.
            Refused: The person's role does not allow it, or somebody else answers there.
        """

        def change(desk: Desk, handoff: Handoff) -> None:
            if handoff.status is HandoffStatus.RETURNED:
                return
            if Role.ADMIN not in by.roles:
                _free_for(desk, handoff, by)
            handoff.status, handoff.returned_by, handoff.returned_at = HandoffStatus.RETURNED, by.id, now()
            handoff.ring_at = None
            _tell(desk, handoff, EventType.HANDOFF_RETURNED, by=by.id)

        _may_take(by)
        return await self._change(handoff_id, change)

    async def ring(self) -> int:
        """Tell people again of the handoffs that nobody took in time; returns of how many."""
        query = select(Handoff.id).where(col(Handoff.ring_at) <= now()).order_by(col(Handoff.ring_at)).limit(100)
        late = await self._database.look(lambda session: session.exec(query).all())

        def change(desk: Desk, handoff: Handoff) -> None:
            if handoff.ring_at and handoff.ring_at <= now():
                handoff.rings += 1
                # No power of two that no time holds: a handoff may be left alone for weeks.
                handoff.ring_at = now() + min(LONGEST_RING, RING * 2 ** min(handoff.rings, 10))
                _tell(desk, handoff, EventType.HANDOFF_OVERDUE)

        for handoff_id in late:
            with suppress(NotFound):  # its thread was erased just now
                await self._change(handoff_id, change)
        return len(late)

    async def of_id(self, handoff_id: str) -> Handoff:
        """One handoff; raises `NotFound` where there is none."""
        return _there(await self._database.look(lambda session: session.get(Handoff, handoff_id)), handoff_id)

    async def listed(
        self, *statuses: HandoffStatus, taken_by: str = "", before: str = "", limit: int = 50
    ) -> Sequence[Handoff]:
        """Handoffs, the newest first; `before` is the last id of the page before."""
        query = select(Handoff).order_by(col(Handoff.id).desc()).limit(limit)
        query = query.where(col(Handoff.status).in_(statuses)) if statuses else query
        query = query.where(Handoff.taken_by == taken_by) if taken_by else query
        query = query.where(Handoff.id < before) if before else query
        return await self._database.look(lambda session: session.exec(query).all())

    async def said(self, thread_id: str, reply: str) -> Utterance | None:
        """What a person said to the user, by the number of their reply; None where it is no more."""
        talk = await self._events.since(thread_id, kinds=[EventType.MESSAGE])
        return next((utterance(event) for event in talk if event.data.get("reply") == reply), None)

    async def meanwhile(self, thread_id: str) -> Sequence[Event]:
        """What was said during the thread's last handoff: the user's input, and messages of people, which have `by`.

        Empty where there was none, and while one goes on.
        """
        talk = await self._events.since(thread_id, kinds=_TALK)
        bounds = [event for event in talk if event.type.startswith("handoff.")]
        if len(bounds) < 2 or bounds[-1].type is EventType.HANDOFF_OPENED:
            return []
        opened, returned = bounds[-2].seq, bounds[-1].seq
        return [event for event in talk if opened < event.seq < returned]

    async def _begin(
        self, thread_id: str, input_id: str, brief: Brief, by: Person | None = None, **said: Any
    ) -> Handoff:
        """Make the ticket, the row and the event at once; for a person also what it takes to be the one who answers."""

        def put(desk: Desk) -> Handoff:
            session = desk.session
            self._database.hold(session, f"thread:{thread_id}")
            thread = session.get(Thread, thread_id)
            if thread is None or (by and not (thread.agent in HANDED_OVER and in_thread.covers(session, thread, by))):
                raise NotFound(_("There is no thread {id!r}.").format(id=thread_id))
            query = select(Handoff).where(Handoff.thread_id == thread_id, Handoff.input_id == input_id)
            handoff = session.exec(query).first() or in_thread.active(session, thread_id)
            if by:
                in_thread.end_run(session, thread_id, by.id)
            if not handoff:
                if said:
                    desk.telling.add(thread_id, EventType.MESSAGE, **said)
                handoff = self._open(desk, thread, input_id, brief, by)
            if by:
                _taken(desk, handoff, by)
            return handoff

        return await self._tickets.do(put)

    def _open(self, desk: Desk, thread: Thread, input_id: str, brief: Brief, by: Person | None) -> Handoff:
        columns, who = brief.columns(thread.title), by.id if by else f"{AGENTS}{thread.agent}"
        session = desk.session
        ticket = self._tickets.open_in(session, thread.id) or desk.create(
            subject=columns["summary"] or thread.id,
            text="\n".join(filter(None, [columns["summary"], *columns["tried"], columns["reason"]])),
            requester=thread.principal,
            by=who,
            channel=in_thread.CHANNELS.get(thread.principal.partition(":")[0], "chat"),
            priority=columns["urgency"],
            thread_id=thread.id,
            contact=columns["contact"],
        )
        handoff = Handoff(
            thread_id=thread.id,
            input_id=input_id,
            ticket_id=ticket.id,
            principal=thread.principal,
            opened_by=who,
            ring_at=now() + RING,
            **columns,
        )
        session.add(handoff)
        session.flush()
        self._database.hold(session, f"event:{thread.id}")
        if words := in_thread.being_said(session, thread.id):
            cut = {"attempt": words.data.get("attempt"), "reason": "handed over to a person"}
            desk.telling.add(thread.id, EventType.RESET, **cut)
        _tell(desk, handoff, EventType.HANDOFF_OPENED, ticket=ticket.number)
        return handoff

    async def _change(self, handoff_id: str, change: Callable[[Desk, Handoff], None]) -> Handoff:
        """Change one handoff; everything that does queues for its thread."""
        thread_id = (await self.of_id(handoff_id)).thread_id

        def put(desk: Desk) -> Handoff:
            self._database.hold(desk.session, f"thread:{thread_id}")
            handoff = _there(desk.session.get(Handoff, handoff_id, with_for_update=True), handoff_id)
            change(desk, handoff)
            desk.session.add(handoff)
            return handoff

        return await self._tickets.do(put)


def _there(found: Handoff | None, handoff_id: str) -> Handoff:
    if found is None:
        raise NotFound(_("There is no handoff {id!r}.").format(id=handoff_id))
    return found


def _taken(desk: Desk, handoff: Handoff, by: Person) -> None:
    _may_take(by)
    _free_for(desk, handoff, by)
    if handoff.status is HandoffStatus.OPEN:
        handoff.status, handoff.taken_by, handoff.taken_at = HandoffStatus.TAKEN, by.id, now()
        handoff.ring_at = None
        desk.session.add(handoff)
        _tell(desk, handoff, EventType.HANDOFF_TAKEN, by=by.id, name=name_of(desk.session, by.id))


def _comment(desk: Desk, handoff: Handoff, by: str, text: str, author: Author, key: str) -> None:
    """Write words into the ticket; where that was over long ago, another one follows it."""
    ticket = desk.survivor(handoff.ticket_id)
    handoff.ticket_id = desk.comment(ticket, by, text, author=author, key=f"handoff:{key}", say=False).ticket_id
    desk.session.add(handoff)


def _tell(desk: Desk, handoff: Handoff, kind: EventType, **data: Any) -> None:
    """Tell of it last of all, when no row is waited for any more."""
    desk.telling.add(handoff.thread_id, kind, handoff=handoff.id, **data)


def _may_take(by: Person) -> None:
    if not by.roles & TAKERS:
        raise Refused(_("Your role does not allow this."))


def _free_for(desk: Desk, handoff: Handoff, by: Person) -> None:
    if handoff.status is HandoffStatus.RETURNED:
        raise Refused(_("The agent answers there again."))
    if handoff.status is HandoffStatus.TAKEN and handoff.taken_by != by.id:
        name = name_of(desk.session, handoff.taken_by) or handoff.taken_by
        raise Refused(_("{name} answers there already.").format(name=name))
