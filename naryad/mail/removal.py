"""Forgetting the letters of one person: that they came stays known, or they would be read again."""

from sqlmodel import Session, col, delete, select, update

from naryad.db.models.mail import Fate, MailLetter, MailSource, MailThread
from naryad.db.session import Database


def erase(database: Database, address: str, session: Session) -> None:
    """Take out of letters from and to an address what they say; what was not handed over yet never is."""
    database.hold(session, "mail")
    theirs = col(MailLetter.address) == address
    session.exec(delete(MailSource).where(col(MailSource.letter_id).in_(select(MailLetter.id).where(theirs))))
    session.exec(delete(MailThread).where(col(MailThread.address) == address))
    waiting = update(MailLetter).where(theirs, col(MailLetter.fate) == Fate.FILED)
    session.exec(waiting.values(fate=Fate.IGNORED))
    blank = {"message_id": "", "address": "", "subject": "", "text": "", "text_digest": "", "answers": []}
    session.exec(update(MailLetter).where(theirs).values(**blank, reason="erased"))
