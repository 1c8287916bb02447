"""What comes with letters lands in the ticket of their thread."""

import io
import zipfile
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from sqlmodel import col, delete, select

from naryad.db.models.mail import MailSource
from naryad.db.models.thread import QueuedInput, Thread
from naryad.tickets.attachments import Attachments
from naryad.tickets.tickets import Tickets
from tests.naryad.mail.world import World, letter, until

pytestmark = pytest.mark.server
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def with_files() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"], message["Message-ID"] = "anna@example.com", "Принтер", "<1@example.com>"
    message.set_content("Вот снимок\n\n> старое\n")
    message.add_attachment(PNG, maintype="image", subtype="png", filename="снимок.png")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 10_000_000)
    message.add_attachment(bomb.getvalue(), maintype="application", subtype="zip", filename="bomb.zip")
    return message.as_bytes()


async def test_files_wait_for_the_ticket(world: World) -> None:
    """And the letter itself is kept there, for not all of it was read; what is not taken leaves a line."""
    mail, tickets = world.mail(), Tickets(world.database, world.events)
    world.put(with_files())
    async with world.reading():
        (row,) = await world.until_filed(1)
    await mail.enclosures.look()
    ticket = await tickets.create(
        subject="s", text="t", requester="mail:anna@example.com", by="agent:support", thread_id=row.thread_id
    )
    for _time in range(2):
        await mail.enclosures.look()
    files = await Attachments.of(tickets, world.settings).listed(ticket.id)
    assert [(file.name, file.by) for file in files] == [
        ("снимок.png", "mail:anna@example.com"), ("letter.eml", "mail:anna@example.com"),
    ]  # fmt: skip
    journal = await tickets.journal(ticket.id, internal=True)
    assert len([entry for entry in journal if "bomb.zip" in entry.text and not entry.public]) == 1
    assert await world.database.look(lambda session: session.exec(select(MailSource)).all()) == []


async def test_what_was_said_in_an_erased_thread_is_forgotten(world: World) -> None:
    """That the letter came stays known, so that it does not come again."""
    mail = world.mail()
    world.put(letter())
    async with world.reading():
        (row,) = await world.until_filed(1)
    threads = world.database
    await threads.transact(lambda session: session.exec(delete(QueuedInput)))
    await threads.transact(lambda session: session.exec(delete(Thread).where(col(Thread.id) == row.thread_id)))

    async def forgotten() -> bool:
        (again,) = await world.letters()
        return (again.text, again.subject, again.identity) == ("", "", row.identity)

    async with world.reading(mail.enclosures.run):
        await until(forgotten)


async def test_a_letter_that_was_read_whole_is_not_kept_twice(world: World) -> None:
    """Its words are in the ticket's thread already."""
    mail, tickets = world.mail(), Tickets(world.database, world.events)
    world.put(letter())
    async with world.reading():
        (row,) = await world.until_filed(1)
    ticket = await tickets.create(subject="s", text="t", requester="mail:a@b", by="x", thread_id=row.thread_id)
    await mail.enclosures.look()
    assert await Attachments.of(tickets, world.settings).listed(ticket.id) == []
