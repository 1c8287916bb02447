"""What is said in the threads of letters becomes letters: each message once, in order."""

import asyncio
from functools import partial

import structlog
from sqlmodel import Session, col, select

from naryad.db.models.delivery import Delivery
from naryad.db.models.event import EventRow
from naryad.db.models.mail import Fate, MailLetter, MailThread
from naryad.db.session import Database
from naryad.events import EventType
from naryad.mail.filing import LETTERS, key_of
from naryad.outbox import Outbox

log = structlog.get_logger()
LOOK_S = 2.0
"""How often messages are looked for."""
AT_ONCE = 100
REFERENCES = 20


class Replies:
    """Follows the threads of letters; several processes may.

    A message, the place of the cursor behind it and its letter in the outbox are one transaction.

    Args:
        database: Where threads and letters are.
        outbox: What carries the letters.
        domain: Where our letters come from.
    """

    def __init__(self, database: Database, outbox: Outbox, domain: str) -> None:
        self._database, self._outbox, self._domain = database, outbox, domain

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            while await self.look():
                pass
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Write the letters of what was said since; returns how many messages there were."""
        query = (
            select(EventRow.thread_id, EventRow.seq)
            .join(MailThread, (col(MailThread.thread_id) == EventRow.thread_id) & (col(MailThread.told) < EventRow.seq))
            .where(EventRow.type == EventType.MESSAGE)
            .order_by(EventRow.thread_id, col(EventRow.seq))
            .limit(AT_ONCE)
        )
        found = await self._database.look(lambda session: session.exec(query).all())
        for thread_id, seq in found:
            await self._database.transact(partial(self._answer, thread_id, seq))
        if found:
            self._outbox.wake()
        return len(found)

    def _answer(self, thread_id: str, seq: int, session: Session) -> None:
        self._database.hold(session, f"mail:{thread_id}")
        thread = session.get(MailThread, thread_id, with_for_update=True)
        if thread is None or thread.told >= seq:
            return
        thread.told = seq
        session.add(thread)
        query = select(MailLetter).where(
            MailLetter.thread_id == thread_id, col(MailLetter.fate).in_((Fate.FILED, Fate.TAKEN))
        )
        answered = session.exec(query.order_by(col(MailLetter.id).desc()).limit(1)).first()
        letter = MailLetter(
            message_id=f"<{thread.token}.{seq}@{self._domain}>",
            thread_id=thread_id,
            fate=Fate.SENT,
            address=thread.address,
            subject=thread.subject,
            answers=answered.answers[:REFERENCES] if answered else [],
        )
        session.add(letter)
        payload = {"letter": letter.id, "seq": seq, "answered": answered.id if answered else ""}
        row = Delivery(
            channel=LETTERS,
            target=thread.address,
            subject=f"mail:{thread_id}",
            payload=payload,
            key=key_of(letter.message_id),
        )
        self._outbox.add(session, row)
