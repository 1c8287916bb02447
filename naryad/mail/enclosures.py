"""What came with letters goes to the ticket of their thread, once there is one."""

import asyncio
from datetime import timedelta

import structlog
from sqlmodel import Session, col, delete, select, update

from naryad.clock import now
from naryad.db.models.mail import Fate, MailLetter, MailSource, MailThread
from naryad.db.models.thread import Thread
from naryad.db.models.ticket import Author, Ticket
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _, speaking
from naryad.mail import letter as letters
from naryad.mail.letter import File, Letter
from naryad.mail.parsing import Unreadable
from naryad.tickets.attachments import Attachments
from naryad.tickets.tickets import Tickets

log = structlog.get_logger()
LOOK_S = 5.0
KEPT = timedelta(days=30)
"""How long a letter is kept as it came, where no ticket takes it."""
FORGET_EVERY = timedelta(minutes=10)
AT_ONCE = 20


class Enclosures:
    """Attaches files to tickets, and the letter itself where not all of it was read.

    A file that is attached already is known by its digest: whoever died in between begins again.
    """

    def __init__(self, database: Database, tickets: Tickets, attachments: Attachments) -> None:
        self._database, self._tickets, self._attachments = database, tickets, attachments

    async def run(self) -> None:
        """Attach for ever, and forget what is due."""
        forgot = now() - FORGET_EVERY * 2
        while True:
            await self.look()
            if now() - forgot > FORGET_EVERY:
                forgot = now()
                await self._database.transact(_forget_old)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Attach what came since."""
        query = (
            select(MailLetter.id, Ticket.id, MailThread.lang)
            .join(MailSource, col(MailSource.letter_id) == MailLetter.id)
            .join(MailThread, col(MailThread.thread_id) == MailLetter.thread_id)
            .join(Ticket, col(Ticket.thread_id) == MailLetter.thread_id)
            .order_by(MailLetter.id, col(Ticket.number))
            .limit(AT_ONCE)
        )
        found = {
            letter: (ticket, lang) for letter, ticket, lang in await self._database.look(lambda s: s.exec(query).all())
        }
        for letter_id, (ticket_id, lang) in found.items():
            with speaking(lang):
                await self._attach(letter_id, ticket_id)

    async def _attach(self, letter_id: str, ticket_id: str) -> None:
        source = await self._database.look(lambda session: session.get(MailSource, letter_id))
        row = await self._database.look(lambda session: session.get(MailLetter, letter_id))
        if source is None or row is None:
            return
        try:
            letter = await asyncio.to_thread(letters.read, source.raw)
        except Unreadable:  # it was taken under wider limits; its words are in the ticket
            await self._database.transact(lambda session: _forget(session, letter_id))
            return
        by = f"mail:{row.address}"
        for file in _files(letter, source.raw):
            try:
                await self._attachments.add(ticket_id, by, file.name, file.content, author=Author.REQUESTER)
            except Refused as refusal:
                text = _("The letter's file {name!r} was not taken: {why}").format(name=file.name, why=refusal.message)
                key = f"mail:{letter_id}:{file.name}"
                await self._tickets.comment(ticket_id, "system:mail", text, author=Author.SYSTEM, public=False, key=key)
        await self._database.transact(lambda session: _forget(session, letter_id))
        log.info("mail.attached", letter=letter_id, ticket=ticket_id, files=len(letter.files))


def _files(letter: Letter, raw: bytes) -> list[File]:
    cut = letter.text.split() != letter.whole.split()
    return [*letter.files, *([File("letter.eml", "message/rfc822", raw)] if cut else [])]


def _forget(session: Session, letter_id: str) -> None:
    if source := session.get(MailSource, letter_id):
        session.delete(source)


def _forget_old(session: Session) -> None:
    """Forget what letters said long ago, or in threads that were erased; that they came stays known."""
    session.exec(delete(MailSource).where(col(MailSource.at) < now() - KEPT))
    erased = (col(MailLetter.fate) == Fate.TAKEN) & col(MailLetter.thread_id).not_in(select(Thread.id))
    said = (col(MailLetter.text) != "") & (col(MailLetter.fate) != Fate.FILED)
    session.exec(
        update(MailLetter).where(said, erased | (col(MailLetter.at) < now() - KEPT)).values(text="", subject="")
    )
