"""Which thread a letter belongs to: only who has part in a conversation gets into it."""

import re
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, select

from naryad.clock import new_id
from naryad.db.models.mail import Fate, MailLetter, MailThread
from naryad.db.models.ticket import Ticket
from naryad.mail.letter import Letter

_NUMBER = re.compile(r"\[#(\d{1,9})\]")
_TOKEN = re.compile(r"<([A-Za-z0-9_-]{20,40})\.\d{1,9}@")
_AGAIN = re.compile(r"^(?:(?:re|fwd?|aw|sv|ha|на|отв|ответ|пересл)(?:\[\d+\])?\s?:\s*)+", re.IGNORECASE)


def named(session: Session, letter: Letter) -> MailThread | None:
    """The thread that a letter names by one of our Message-IDs: they hold a secret, so it comes from who got ours."""
    tokens = [found[1] for answer in letter.answers if (found := _TOKEN.match(answer))]
    return next(iter(_in_order(session, tokens)), None)


def names(answers: Sequence[str], thread: MailThread) -> bool:
    """Whether a Message-ID of ours in a thread is among these."""
    return any(answer.startswith(f"<{thread.token}.") for answer in answers)


def guessed(session: Session, letter: Letter) -> MailThread | None:
    """The thread that a letter goes on with by what can be guessed; None where it begins one.

    A number in the subject, or a Message-ID of theirs: these count only from the address that the thread is held with.
    """
    theirs = select(MailLetter.thread_id).where(
        col(MailLetter.message_id).in_(letter.answers),
        MailLetter.address == letter.address,
        col(MailLetter.fate).in_((Fate.FILED, Fate.TAKEN)),
    )
    if thread_id := session.exec(theirs.order_by(col(MailLetter.id).desc()).limit(1)).first():
        return _held_with(session, thread_id, letter.address)
    if number := _NUMBER.search(letter.subject):
        ticket = session.exec(select(Ticket).where(Ticket.number == int(number[1]))).first()
        return _held_with(session, ticket.thread_id, letter.address) if ticket else None
    return None


def begun(letter: Letter) -> MailThread:
    """A new thread for a letter."""
    subject = _AGAIN.sub("", _NUMBER.sub("", letter.subject)).strip()
    return MailThread(
        thread_id=new_id(),
        token=secrets.token_urlsafe(18),
        address=letter.address,
        subject=subject[:150],
        lang=letter.lang,
    )


def _in_order(session: Session, tokens: Sequence[str]) -> list[MailThread]:
    found = session.exec(select(MailThread).where(col(MailThread.token).in_(tokens))).all() if tokens else []
    return sorted(found, key=lambda thread: tokens.index(thread.token))


def _held_with(session: Session, thread_id: str, address: str) -> MailThread | None:
    thread = session.get(MailThread, thread_id)
    return thread if thread and thread.address == address else None
