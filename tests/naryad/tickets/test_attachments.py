"""Files of tickets: what they are by their content, kept once, gone with the last that has them."""

import asyncio
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from sqlmodel import Session

from naryad.db.models.ticket import Author
from naryad.errors import NotFound, Refused
from naryad.tickets import attachments, contents
from naryad.tickets.attachments import Attachments
from naryad.tickets.removal import erase
from tests.naryad.tickets.conftest import ANNA, HELPER, World

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def zipped(*names: str) -> bytes:
    with zipfile.ZipFile(buffer := BytesIO(), "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


@pytest.fixture
def files(world: World, tmp_path: Path) -> Attachments:
    return Attachments(world.tickets, tmp_path / "attachments")


def stored(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "attachments").rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("content", "name", "media", "safe"),
    [
        (PNG, "screen.png", "image/png", "screen.png"),
        (PNG, "screen.exe", "image/png", "screen.exe.png"),
        (PNG, "../../etc/cron.d/x", "image/png", "x.png"),
        (PNG, "C:\\Users\\анна\\снимок.PNG", "image/png", "снимок.png"),
        (PNG, 'a"\r\nSet-Cookie: b=1;.png', "image/png", "a___Set-Cookie_ b=1_.png"),
        (PNG, "", "image/png", "file.png"),
        (PNG, "...", "image/png", "file.png"),
        (b"plain words\n", "error.log", "text/plain", "error.log"),
        ("Привет, мир".encode(), "письмо", "text/plain", "письмо.txt"),
        ("Принтер не печатает".encode("cp1251"), "a.txt", "text/plain", "a.txt"),
        (b"<html><script>alert(1)</script>", "a.html", "text/plain", "a.html.txt"),
        (b"#!/bin/sh\nrm -rf /\n", "run.sh", "text/plain", "run.sh.txt"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 9, "a.jpeg", "image/jpeg", "a.jpeg"),
        (b"%PDF-1.7 ...", "a.pdf", "application/pdf", "a.pdf"),
        (zipped("word/document.xml"), "a.docx", "application/vnd.openxmlformats", "a.docx"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a.webp", "image/webp", "a.webp"),
    ],
)
def test_a_file_is_what_its_content_is(content: bytes, name: str, media: str, safe: str) -> None:
    """Its name keeps no folder, no control character, and no ending that would make it run."""
    found, kept = contents.kind(content, name)
    assert (found.startswith(media), kept) == (True, safe)


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0\3\0\0\0",
        b"\x7fELF\2\1\1\0",
        zipped("word/document.xml", "word/vbaProject.bin"),
        zipped("evil.exe"),
        b"PK\x03\x04 not a zip",
        bytes(range(256)) * 4,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100,
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"RIFF\0\0\0\0AVI ",
    ],
)
def test_what_may_run_is_not_taken(content: bytes) -> None:
    """Programs, macros, archives, noise: whatever they are called."""
    with pytest.raises(Refused):
        contents.kind(content, "picture.png")


async def test_the_same_bytes_are_kept_once(world: World, files: Attachments, tmp_path: Path) -> None:
    """For every ticket that has them, and gone with the last; ten at once are one."""
    one, two = await world.ask(), await world.ask(requester="account:other")
    sent = [files.add(one.id, ANNA, "a.png", PNG, author=Author.REQUESTER) for _ in range(10)]
    assert len({file.id for file in await asyncio.gather(*sent)}) == 1
    other = await files.add(two.id, "account:other", "b.png", PNG, author=Author.REQUESTER)
    assert len(stored(tmp_path)) == 1
    assert await erase(files, ANNA) == 1
    assert await files.listed(one.id) == []
    assert (await files.opened(two.id, other.id))[1].read_bytes() == PNG
    await erase(files, "account:other")
    assert stored(tmp_path) == []


async def test_what_is_not_forgotten_after_all_keeps_its_bytes(
    world: World, files: Attachments, tmp_path: Path
) -> None:
    """They go after the commit only; what was written for a transaction that failed goes at once."""
    ticket = await world.ask()
    await files.add(ticket.id, ANNA, "a.png", PNG, author=Author.REQUESTER)

    def breaks(session: Session) -> None:
        files.forget(session, [ticket.id])
        raise Refused("no")

    with pytest.raises(Refused):
        await world.tickets.database.transact(breaks)
    [file] = await files.listed(ticket.id)
    assert (await files.opened(ticket.id, file.id))[1].read_bytes() == PNG
    with pytest.raises(NotFound):
        await files.add("none", ANNA, "a.txt", b"x", author=Author.REQUESTER)
    assert len(stored(tmp_path)) == 1


async def test_there_is_an_end_to_what_is_taken(
    world: World, files: Attachments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty, too large, too many, too much: refused, and nothing of it is kept."""
    ticket = await world.ask()
    for content in (b"", b"x" * (attachments.MAX_BYTES + 1)):
        with pytest.raises(Refused, match="from 1 to"):
            await files.add(ticket.id, ANNA, "a.txt", content, author=Author.REQUESTER)
    with pytest.raises(NotFound):
        await files.add("none", ANNA, "a.txt", b"x", author=Author.REQUESTER)
    monkeypatch.setattr(attachments, "MAX_FILES", 2)
    for number in range(2):
        await files.add(ticket.id, ANNA, "a.txt", b"%d" % number, author=Author.REQUESTER)
    with pytest.raises(Refused, match="2 files"):
        await files.add(ticket.id, ANNA, "a.txt", b"3", author=Author.REQUESTER)
    monkeypatch.setattr(attachments, "MAX_FILES", 20)
    monkeypatch.setattr(attachments, "MAX_TOTAL", 10)
    with pytest.raises(Refused, match="10 bytes"):
        await files.add(ticket.id, ANNA, "a.txt", b"nine more", author=Author.REQUESTER)
    assert len(stored(tmp_path)) == 2


async def test_a_file_belongs_to_its_ticket(world: World, files: Attachments) -> None:
    """Not to another one; what is internal is not there for others; a merged ticket's goes along."""
    one, two = await world.ask(), await world.ask()
    file = await files.add(one.id, HELPER, "a.txt", b"inside", author=Author.STAFF, public=False)
    for ticket_id, file_id, internal in ((two.id, file.id, True), (one.id, "none", True), (one.id, file.id, False)):
        with pytest.raises(NotFound):
            await files.opened(ticket_id, file_id, internal=internal)
    await world.tickets.merge(one.id, two.id, HELPER)
    assert (await files.opened(two.id, file.id, internal=True))[1].read_bytes() == b"inside"
    late = await files.add(one.id, ANNA, "b.txt", b"late", author=Author.REQUESTER)
    assert late.id in {each.id for each in await files.listed(two.id)}


async def test_of_a_person_who_is_gone_only_figures_stay(world: World, files: Attachments) -> None:
    """Not a word of theirs or to them, in no ticket that they opened here or by letter; others' stay whole."""
    mine = await world.ask("My salary", contact="Anna’s desk", thread_id="t")
    letter = await world.ask("My letter", requester="mail:anna@example.ru")
    other = await world.ask("Other", requester="account:other")
    await world.tickets.comment(mine.id, HELPER, "Your salary", author=Author.STAFF)
    await files.add(mine.id, ANNA, "salary.txt", b"salary", author=Author.REQUESTER)
    assert await erase(files, ANNA, "anna@example.ru") == 2
    assert await erase(files, ANNA, "anna@example.ru") == 0
    left = [(await world.tickets.of_id(each.id), await world.journal(each)) for each in (mine, letter)]
    assert not any(word in str(left) for word in ("alary", "letter", "anna", "desk", "'t'"))
    assert [ticket.status for ticket, _entries in left] == ["closed", "closed"]
    assert (await world.tickets.of_id(other.id)).text == "Other"
