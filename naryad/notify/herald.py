"""Follows the company's feed and tells people; keeps the time of the chains of escalation."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from naryad.auth import Role
from naryad.clock import now
from naryad.db.models.delivery import Cursor, Delivery, Escalation
from naryad.db.models.event import EventRow
from naryad.db.models.gate import Approval
from naryad.db.session import Database
from naryad.events import FEED, Event, EventLog, EventType
from naryad.notify import notices, pushes
from naryad.notify.notifier import TELEGRAM, Notifier, with_role
from naryad.outbox import Outbox
from naryad.settings import Settings

log = structlog.get_logger()
TICK_S = 5.0
"""How often the chains of escalation are looked at."""
FIRST_LOOK_BACK = timedelta(hours=1)
"""How old an event may be that an install tells of at its very first start; later ones skip nothing."""
_CURSOR = "herald"


class Herald:
    """Several processes may each have one: an event and its messages are one transaction with the cursor.

    Who comes second finds the cursor behind the event and does nothing; who dies in between has told nobody yet.
    """

    def __init__(
        self, database: Database, events: EventLog, outbox: Outbox, notifier: Notifier, settings: Settings
    ) -> None:
        self._database, self._events, self._outbox = database, events, outbox
        self._notifier, self._settings = notifier, settings

    async def run(self) -> None:
        """Tell of every event, in order; never ends."""
        async for event in self._events.follow(FEED, await self._database.transact(self._begin)):
            if event.type in notices.TOLD:
                await self._told(event)

    async def watch(self) -> None:
        """Tell the next of a chain where nobody answered in time; never ends."""
        due = select(Escalation.id).order_by(col(Escalation.due_at)).limit(1)
        while True:
            late = due.where(Escalation.due_at <= now())
            if await self._database.look(lambda session, late=late: session.exec(late).first()):  # type: ignore[misc]
                await self._database.transact(self._escalate)
                self._outbox.wake()
            await asyncio.sleep(TICK_S)

    async def _told(self, event: Event) -> None:
        try:
            await self._database.transact(lambda session: self._tell(session, event))
        except SQLAlchemyError:
            raise
        except Exception as bug:  # one event that nobody can make sense of must not silence all that follow
            log.error("herald.event.broke", seq=event.seq, type=event.type, error=type(bug).__name__)
            await self._database.transact(lambda session: self._pass(session, event))
        self._outbox.wake()

    def _begin(self, session: Session) -> int:
        cursor = self._cursor(session)
        if cursor is None:
            old = select(func.max(EventRow.seq)).where(
                EventRow.thread_id == FEED, EventRow.at < now() - FIRST_LOOK_BACK
            )
            cursor = Cursor(name=_CURSOR, seq=session.exec(old).one() or 0)
            session.add(cursor)
        return cursor.seq

    def _cursor(self, session: Session) -> Cursor | None:
        self._database.hold(session, _CURSOR)
        return session.get(Cursor, _CURSOR)

    def _pass(self, session: Session, event: Event) -> bool:
        """Move the cursor to an event; False where it is there already."""
        cursor = self._cursor(session)
        if cursor is None or cursor.seq >= event.seq:
            return False
        cursor.seq = event.seq
        session.add(cursor)
        return True

    def _tell(self, session: Session, event: Event) -> None:
        if not self._pass(session, event):
            return
        if notice := notices.of(session, event, self._settings):
            self._notifier.tell(session, notice, f"feed:{event.seq}")
        if self._settings.telegram_token and ("reply" in event.data or event.type.startswith("handoff.")):
            for push in pushes.of(session, event, self._settings):
                self._outbox.add(session, push)
        elif self._settings.telegram_token and "comment" not in event.data:
            self._to_telegram(session, event)

    def _to_telegram(self, session: Session, event: Event) -> None:
        """New matters go to those who may decide; what becomes of them, to those who were told, in the same place."""
        subject = notices.subject(event)
        kind, _colon, number = subject.partition(":")
        if event.type is EventType.APPROVAL_REQUESTED:
            approval = session.get(Approval, number)
            targets = self._chats(session, approval.roles) if approval else {}
        elif event.type is EventType.INCIDENT_CREATED:
            targets = self._chats(session, [Role.OPERATOR])
        else:
            told = select(Delivery).where(Delivery.channel == TELEGRAM, Delivery.subject == subject)
            told = told.order_by(col(Delivery.id))
            targets = {row.target: row.payload["lang"] for row in session.exec(told).all()}
        for target, lang in targets.items():
            payload = {"kind": event.type.value, kind: number, "lang": lang}
            key = f"{TELEGRAM}:{target}:feed:{event.seq}"
            row = Delivery(channel=TELEGRAM, target=target, subject=subject, payload=payload, key=key)
            self._outbox.add(session, row)

    def _chats(self, session: Session, roles: Iterable[str]) -> Mapping[str, str]:
        chats = {str(one.telegram_id): one.lang for one in with_role(session, roles) if one.telegram_id}
        if self._settings.admin_chat_id:
            chats.setdefault(str(self._settings.admin_chat_id), self._settings.lang)
        return chats

    def _escalate(self, session: Session) -> None:
        self._database.hold(session, "escalation")
        late = select(Escalation).where(Escalation.due_at <= now()).order_by(col(Escalation.due_at))
        for row in session.exec(late).all():
            if notices.unanswered(session, row.subject):
                self._notifier.escalate(session, row)
            else:
                session.delete(row)
