"""Files that come with tickets: checked, kept once under their digest, never executed or shown by us."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Self

from sqlmodel import Session, col, func, select

from naryad.clock import new_id
from naryad.db.models.ticket import Author, TicketFile
from naryad.db.waiting import to_its_end
from naryad.errors import NotFound, Refused
from naryad.i18n import _
from naryad.settings import Settings
from naryad.tickets import contents
from naryad.tickets.desk import Desk
from naryad.tickets.tickets import Tickets

MAX_BYTES = 10_000_000
"""Of one file."""
MAX_FILES, MAX_TOTAL = 20, 50_000_000
"""Of one ticket."""


class Attachments:
    """Takes and gives files.

    Args:
        tickets: Whose files they are; an attribute too.
        folder: Where the bytes lie.
    """

    def __init__(self, tickets: Tickets, folder: Path) -> None:
        self.tickets, self._database, self._folder = tickets, tickets.database, folder

    @classmethod
    def of(cls, tickets: Tickets, settings: Settings) -> Self:
        """Those of an install, which lie in NARYAD_HOME."""
        return cls(tickets, settings.home / "attachments")

    async def add(
        self, ticket_id: str, by: str, name: str, content: bytes, *, author: Author, public: bool = True
    ) -> TicketFile:
        """Keep a file and write so in the ticket's journal; the same file again is the one that is there.

        A merged ticket's goes to the one that took it over.

        Raises:
            NotFound: There is no such ticket.
            Refused: The file is empty, too large, of a kind that is not taken, or one too many.
        """
        if not 0 < len(content) <= MAX_BYTES:
            raise Refused(_("A file must have from 1 to {most} bytes.").format(most=MAX_BYTES))

        media, safe = await asyncio.to_thread(contents.kind, content, name)
        digest = await asyncio.to_thread(lambda: sha256(content).hexdigest())
        partial = self._path(digest).with_name(f"{digest}.{new_id()}")

        def kept(desk: Desk) -> TicketFile:
            ticket, session = desk.survivor(ticket_id), desk.session
            query = select(TicketFile).where(TicketFile.ticket_id == ticket.id)
            if known := session.exec(query.where(TicketFile.digest == digest, TicketFile.by == by)).first():
                return known
            count, size = session.exec(
                select(func.count(), func.coalesce(func.sum(TicketFile.size), 0)).where(
                    TicketFile.ticket_id == ticket.id
                )
            ).one()
            if count >= MAX_FILES or size + len(content) > MAX_TOTAL:
                text = _("A ticket takes {files} files, {bytes} bytes together.")
                raise Refused(text.format(files=MAX_FILES, bytes=MAX_TOTAL))
            self._database.hold(session, f"attachment:{digest}")
            partial.replace(self._path(digest))
            row = TicketFile(
                ticket_id=ticket.id, name=safe, type=media, size=len(content), digest=digest, by=by, public=public
            )
            session.add(row)
            session.flush()
            desk.attached(ticket, row, author)
            return row

        try:  # written before the transaction, for which all others wait
            await to_its_end(asyncio.to_thread(_write, partial, content))
            return await self.tickets.do(kept)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    async def listed(self, ticket_id: str, *, internal: bool = False) -> Sequence[TicketFile]:
        """A ticket's files in the order of their coming; what is internal only where asked for."""
        query = select(TicketFile).where(TicketFile.ticket_id == ticket_id).order_by(col(TicketFile.id))
        query = query if internal else query.where(col(TicketFile.public))
        return await self._database.look(lambda session: session.exec(query).all())

    async def opened(self, ticket_id: str, file_id: str, *, internal: bool = False) -> tuple[TicketFile, Path]:
        """A file of a ticket and where its bytes lie; raises `NotFound` where there is none."""
        row = await self._database.look(lambda session: session.get(TicketFile, file_id))
        if row is None or row.ticket_id != ticket_id or not (row.public or internal):
            raise NotFound(_("There is no file {id!r}.").format(id=file_id))
        return row, self._path(row.digest)

    def forget(self, session: Session, ticket_ids: Sequence[str]) -> set[str]:
        """Delete the files of tickets inside the caller's transaction, who gives what this returns to `sweep` then."""
        rows = session.exec(select(TicketFile).where(col(TicketFile.ticket_id).in_(ticket_ids))).all()
        for row in rows:
            session.delete(row)
        return {row.digest for row in rows}

    async def sweep(self, digests: Iterable[str]) -> None:
        """Delete the bytes that no ticket has any more: after the commit, for what was rolled back has them still."""

        def swept(session: Session) -> None:
            for digest in sorted(digests):
                self._database.hold(session, f"attachment:{digest}")
                if session.exec(select(TicketFile.id).where(TicketFile.digest == digest).limit(1)).first() is None:
                    self._path(digest).unlink(missing_ok=True)

        await self._database.transact(swept)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
