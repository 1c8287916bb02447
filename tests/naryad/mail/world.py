"""A mailbox of support with a database behind it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlmodel import col, select

from naryad.db.models.delivery import Delivery
from naryad.db.models.event import EventRow
from naryad.db.models.mail import MailLetter
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.inputs import Inputs
from naryad.mail.channel import AGENT
from naryad.mail.mail import Mail, open_mail
from naryad.outbox import Outbox
from naryad.settings import Settings
from naryad.tickets.tickets import Tickets
from tests.naryad.mail.dovecot import Dovecot


def letter(text: str = "The printer smokes", **headers: str) -> bytes:
    """A letter as a customer's program writes it; `Message_ID=""` leaves a header out."""
    known = {
        "From": "Anna <anna@example.com>",
        "To": "support@example.ru",
        "Subject": "Printer",
        "Date": "Sat, 21 Nov 2026 12:00:00 +0300",
        "Message-ID": "<1@example.com>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\n" for name, value in known.items() if value)
    return f"{head}\n{text}\n".encode()


class Threads:
    """Takes input as the driver does, and lets nothing run."""

    def __init__(self, database: Database, events: EventLog) -> None:
        self._inputs = Inputs(database, events)

    async def submit(
        self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any], *, key: str = ""
    ) -> str:
        return await self._inputs.put(thread_id, agent, principal, data, key)


class World:
    """The mailbox, and what came of its letters."""

    def __init__(self, database: Database, settings: Settings, imap: Dovecot) -> None:
        self.database, self.settings, self.imap = database, settings, imap
        self.events, self.outbox = EventLog(database), Outbox(database)
        self.user = settings.imap_user

    def put(self, *letters: bytes, **options: Any) -> None:
        """Letters arrive."""
        self.imap.put(self.user, *letters, **options)

    def mail(self) -> Mail:
        """As a process opens it."""
        threads = Threads(self.database, self.events)
        return open_mail(self.settings, Tickets(self.database, self.events), self.outbox, threads)

    @asynccontextmanager
    async def reading(self, *more: Callable[[], Awaitable[None]]) -> AsyncIterator[Mail]:
        """The mailbox is read meanwhile."""
        mail = self.mail()
        tasks = [asyncio.ensure_future(run()) for run in (mail.channel.run, *more)]
        try:
            yield mail
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def letters(self, *fates: str) -> list[MailLetter]:
        """What is known of letters, in order."""
        async with self.database.read() as session:
            rows = (await session.exec(select(MailLetter).order_by(col(MailLetter.id)))).all()
        return [row for row in rows if not fates or row.fate in fates]

    async def inputs(self) -> list[EventRow]:
        """What threads were told, in order."""
        query = select(EventRow).where(EventRow.type == EventType.INPUT).order_by(col(EventRow.at))
        async with self.database.read() as session:
            return list((await session.exec(query)).all())

    async def deliveries(self) -> list[Delivery]:
        """What is to be sent, in order."""
        async with self.database.read() as session:
            return list((await session.exec(select(Delivery).order_by(col(Delivery.id)))).all())

    async def until_filed(self, count: int) -> list[MailLetter]:
        """Wait until so many letters are done with."""

        async def done() -> bool:
            rows = await self.letters()
            return len(rows) >= count and all(row.fate not in ("reading", "filed") for row in rows)

        await until(done)
        return await self.letters()

    async def until_seen(self, count: int) -> None:
        """Wait until so many letters are marked as read."""

        async def done() -> bool:
            return await asyncio.to_thread(self.imap.seen, self.user) >= count

        await until(done)

    async def say(self, thread_id: str, text: str, **data: Any) -> None:
        """The agent says something in a thread, or a person does."""
        await self.events.append(thread_id, EventType.MESSAGE, text=text, **data)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(300):
        while not await reached():
            await asyncio.sleep(0.05)


__all__ = ["AGENT", "Threads", "World", "letter", "until"]
