"""A thread's handoff inside one transaction: whether there is one, and what it means for the agent's words."""

from typing import Any

from sqlmodel import Session, col, select

from naryad.auth import Person, Role
from naryad.db.models.account import Account
from naryad.db.models.event import EventRow
from naryad.db.models.handoff import Handoff, HandoffStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.events import EventType
from naryad.run_events import AROUND_WORDS

CHANNELS = {"mail": "mail", "phone": "phone", "local": "cli", "telegram": "telegram"}
"""How a ticket came, by the beginning of its requester's name."""


def active(session: Session, thread_id: str) -> Handoff | None:
    """The handoff because of which people answer there."""
    query = select(Handoff).where(Handoff.thread_id == thread_id, Handoff.status != HandoffStatus.RETURNED)
    return session.exec(query).first()


def silent(session: Session, thread_id: str) -> bool:
    """Whether the agent may say nothing there."""
    return active(session, thread_id) is not None


def covers(session: Session, thread: Thread, by: Person) -> bool:
    """Whether somebody may read whatever was told to the thread's person; strangers were told nothing special."""
    if Role.ADMIN in by.roles:
        return True
    kind, _colon, account_id = thread.principal.partition(":")
    account = session.get(Account, account_id) if kind == "account" else None
    role = account.role if account else Role.USER
    return kind != "local" and role in by.roles | {Role.USER}


def end_run(session: Session, thread_id: str, by: str) -> None:
    """Mark what runs there as cancelled; what waits behind it stays, and is noted in its turn."""
    if session.exec(select(QueuedInput.id).where(QueuedInput.thread_id == thread_id).limit(1)).first():
        thread = session.get_one(Thread, thread_id, with_for_update=True)
        thread.cancelled_by = by
        session.add(thread)


def being_said(session: Session, thread_id: str) -> EventRow | None:
    """The last piece of what the agent was saying, where it did not come to its end."""
    words = select(EventRow).where(EventRow.thread_id == thread_id, col(EventRow.type).in_(AROUND_WORDS))
    last = session.exec(words.order_by(col(EventRow.seq).desc()).limit(1)).first()
    return last if last and last.type == EventType.TOKEN else None


def told(session: Session, thread_id: str, kind: EventType, **data: str) -> bool:
    """Whether an event of this kind with these facts is in the thread."""
    query = select(EventRow.seq).where(EventRow.thread_id == thread_id, EventRow.type == kind)
    for name, value in data.items():
        fact: Any = col(EventRow.data)[name].as_string()
        query = query.where(fact == value)
    return session.exec(query.limit(1)).first() is not None
