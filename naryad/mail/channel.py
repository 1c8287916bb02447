"""The mailbox of support: each letter becomes input of a thread once, whatever breaks in between."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from sqlmodel import Session, col, select

from naryad.clock import now
from naryad.db.models.mail import Fate, MailFolder, MailLetter
from naryad.db.session import Database
from naryad.errors import NaryadError, ToolFailed
from naryad.mail import letter as letters
from naryad.mail.filing import Filing, Place
from naryad.mail.mailbox import FAILURES, POLL_S, Mailbox
from naryad.mail.parsing import Unreadable
from naryad.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")
AGENT = "support"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
AGAIN_SINCE = timedelta(days=2)
"""When the server numbers its letters anew, those of so many days before our last one are looked through."""


class Submits(Protocol):
    """What takes input, as `Driver` does."""

    async def submit(
        self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any], *, key: str = ""
    ) -> str:
        """Queue input, once for a key."""
        ...


class MailChannel:
    """Reads a mailbox for ever; several processes may read the same one.

    A letter is filed in one transaction, under its place in the mailbox and its identity; then it is handed to the
    thread under its identity as key; then it is marked as read. Whoever dies in between leaves a letter that has no
    row, or one that is `FILED`, and the next look goes on from there. One that a process died over while it read it is
    `READING`, and refused: it would be the death of the next one too.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        filing: Filing,
        driver: Submits,
        *,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._settings, self._database, self._filing = settings, database, filing
        self._driver, self._trust = driver, trust
        self._looked_to = 0

    async def run(self) -> None:
        """Read, and connect again when the connection breaks; never ends."""
        pause = FIRST_PAUSE_S
        while True:
            mailbox = Mailbox(self._settings, trust=self._trust)
            try:
                uidvalidity, following = await self._in_thread(mailbox, mailbox.open)
                log.info("mail.opened", folder=mailbox.name)
                folder = await self._database.transact(partial(self._folder, mailbox.name, uidvalidity, following))
                self._looked_to = 0
                while True:
                    await self.look(mailbox, folder)
                    pause = FIRST_PAUSE_S
                    await self._wait(mailbox)
            except (ToolFailed, *FAILURES) as error:
                why = error.message if isinstance(error, ToolFailed) else type(error).__name__
                log.warning("mail.connection.lost", folder=mailbox.name, why=why, pause_s=pause)
            finally:
                await asyncio.to_thread(mailbox.close)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def look(self, mailbox: Mailbox, folder: MailFolder) -> None:
        """File what is new, and hand over what is filed."""
        await self.hand_over()
        while True:
            mailbox.news()
            waiting = await self._in_thread(mailbox, lambda: self._waiting(mailbox, folder))
            known = await self._known(folder, waiting)
            await self._in_thread(mailbox, lambda done=known: mailbox.seen(*done))  # type: ignore[misc]
            left = False
            for uid in waiting:
                if uid not in known:
                    left |= not await self._one(mailbox, Place(folder.name, folder.uidvalidity, uid))
            if waiting and not left:
                self._looked_to = max(self._looked_to, waiting[-1])
            if not mailbox.news():
                return

    async def hand_over(self) -> None:
        """Make input of every letter that is filed, in order."""
        query = select(MailLetter).where(MailLetter.fate == Fate.FILED).order_by(col(MailLetter.id))
        for row in await self._database.look(lambda session: session.exec(query).all()):
            said = {"text": row.text or row.subject, "origin": "mail", "subject": row.subject}
            try:
                await self._driver.submit(
                    row.thread_id, AGENT, f"mail:{row.address}", said, key=f"{row.message_id}#{row.identity}"
                )
            except NaryadError as error:  # the letter stays filed, and the next look tries again
                log.error("mail.hand_over.failed", letter=row.id, why=error.message)
            else:
                await self._database.transact(partial(_taken, row.id))

    async def _one(self, mailbox: Mailbox, place: Place) -> bool:
        """Take one letter in; False where it must be tried again."""
        try:
            size = await self._in_thread(mailbox, lambda: mailbox.size(place.uid))
            large = size is not None and size > letters.LETTER_BYTES
            raw = await self._in_thread(mailbox, lambda: mailbox.fetch(place.uid, head=large))
        except FAILURES as error:
            if isinstance(error, OSError | EOFError):
                raise
            log.warning("mail.fetch.failed", uid=place.uid, error=type(error).__name__)
            return False
        if raw is None:  # deleted meanwhile
            return True
        fate = await self._filing.begin(place)
        if fate is Fate.READING:
            return False
        fate = fate or await self._read(place, raw, "too large" if large else "")
        if fate is Fate.REFUSED:
            await self._in_thread(mailbox, lambda: mailbox.flag(place.uid))
        await self._in_thread(mailbox, lambda: mailbox.seen(place.uid))
        return True

    async def _read(self, place: Place, raw: bytes, refusal: str) -> Fate | None:
        """Read a letter and file it; returns what became of it, unless that was decided before."""
        reading = asyncio.ensure_future(asyncio.to_thread(letters.read, raw))
        try:
            letter = await asyncio.shield(reading)
        except Unreadable as error:
            letter, refusal = None, error.message
        except asyncio.CancelledError:  # whoever is told to end still ends its reading: it shall not look like a death
            await asyncio.gather(reading, return_exceptions=True)
            await self._filing.leave(place)
            raise
        row = await self._filing.file(place, raw, letter, refusal)
        if row:
            log.info("mail.filed", letter=row.id, uid=place.uid, fate=row.fate.value, reason=row.reason)
            await self.hand_over()
        return row.fate if row else None

    def _waiting(self, mailbox: Mailbox, folder: MailFolder) -> list[int]:
        if self._looked_to:
            return mailbox.letters(self._looked_to + 1)
        return [*mailbox.older(folder.first_uid, folder.since), *mailbox.letters(folder.first_uid)]

    async def _known(self, folder: MailFolder, uids: list[int]) -> set[int]:
        if not uids:
            return set()
        query = select(MailLetter.uid).where(
            MailLetter.folder == folder.name, MailLetter.uidvalidity == folder.uidvalidity,
            col(MailLetter.uid) >= uids[0], MailLetter.fate != Fate.READING,
        )  # fmt: skip
        return {uid for uid in await self._database.look(lambda session: session.exec(query).all()) if uid}

    def _folder(self, name: str, uidvalidity: int, following: int, session: Session) -> MailFolder:
        """What is known of the folder, from its first opening or from when its letters got new numbers."""
        self._database.hold(session, "mail")
        folder = session.get(MailFolder, name)
        if folder is None:
            folder = MailFolder(name=name, uidvalidity=uidvalidity, first_uid=following)
        elif folder.uidvalidity != uidvalidity:
            query = select(MailLetter.at).where(MailLetter.folder == name).order_by(col(MailLetter.at).desc())
            last = session.exec(query.limit(1)).first() or now()
            folder.uidvalidity, folder.first_uid, folder.since = uidvalidity, following, (last - AGAIN_SINCE).date()
        session.add(folder)
        return folder

    async def _wait(self, mailbox: Mailbox) -> None:
        if mailbox.tells:
            await self._in_thread(mailbox, mailbox.wait)
        else:
            await asyncio.sleep(POLL_S)
            await self._in_thread(mailbox, mailbox.alive)

    async def _in_thread(self, mailbox: Mailbox, work: Callable[[], T]) -> T:
        """Run what waits for the server; whoever is cancelled breaks the connection rather than wait for it."""
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            mailbox.abort()
            await asyncio.gather(task, return_exceptions=True)
            raise


def _taken(letter_id: str, session: Session) -> None:
    row = session.get_one(MailLetter, letter_id)
    if row.fate is Fate.FILED:
        row.fate = Fate.TAKEN
        session.add(row)
