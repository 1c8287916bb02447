"""Letters in a real mailbox become input, each once, whatever breaks in between."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from naryad.errors import ToolFailed
from naryad.i18n import speaking
from naryad.mail import letter as letters
from naryad.mail import mailbox
from naryad.mail.filing import refused
from naryad.settings import Settings
from tests.naryad.mail.dovecot import PASSWORD, dovecot
from tests.naryad.mail.world import World, letter
from tests.needs import needs

pytestmark = pytest.mark.server
READER = """
import asyncio, os, signal, sys
from naryad.db.session import Database
from naryad.events import EventLog
from naryad.mail import letter as letters
from naryad.mail.mail import open_mail
from naryad.mail.mailbox import Mailbox
from naryad.outbox import Outbox
from naryad.settings import Settings
from naryad.tickets.tickets import Tickets
from tests.naryad.mail.world import Threads

url, dies = sys.argv[1:]

def end(*_given, **_options):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database = Database(url)
    events = EventLog(database)
    threads = Threads(database, events)
    mail = open_mail(Settings(), Tickets(database, events), Outbox(database), threads)
    fetch = Mailbox.fetch
    if dies == "before the commit":
        Mailbox.fetch = lambda *given, **options: (fetch(*given, **options), end())
    elif dies == "in the reading":
        letters.read = end
    elif dies == "before the input":
        threads.submit = end
    elif dies == "before the mark":
        Mailbox.seen = end
    await mail.channel.run()

asyncio.run(main())
"""


async def start(world: World, url: str, dies: str = "") -> asyncio.subprocess.Process:
    """Another process that reads the mailbox."""
    known = world.settings.model_dump(by_alias=True, include={"imap_host", "imap_port", "imap_user", "imap_security"})
    assert world.settings.imap_password
    variables = {name: str(value) for name, value in known.items()}
    variables["IMAP_PASSWORD"] = world.settings.imap_password.get_secret_value()
    root = str(Path(__file__).parents[3])
    given = {**os.environ, **variables, "PYTHONPATH": root}
    return await asyncio.create_subprocess_exec(sys.executable, "-c", READER, url, dies, env=given)


async def test_a_letter_becomes_input_and_is_marked_as_read(world: World) -> None:
    """Its thread belongs to its address, whatever else it says about itself."""
    world.put(letter())
    async with world.reading():
        (row,) = await world.until_filed(1)
        (told,) = await world.inputs()
        await world.until_seen(1)
    assert (row.fate, told.thread_id) == ("taken", row.thread_id)
    assert (told.data["by"], told.data["text"]) == ("mail:anna@example.com", "The printer smokes")


async def test_news_come_without_asking(world: World) -> None:
    """The server tells of a letter while the mailbox waits for nothing else: long before it would look by itself."""
    world.put(letter())
    async with world.reading():
        await world.until_filed(1)
        world.put(letter("And the scanner", Message_ID="<2@example.com>"))
        await world.until_filed(2)
    assert mailbox.IDLE_S >= 60
    assert [told.data["text"] for told in await world.inputs()] == ["The printer smokes", "And the scanner"]


async def test_a_server_that_cannot_tell_of_news_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every so often."""
    monkeypatch.setattr(mailbox.Mailbox, "tells", property(lambda box: False))
    monkeypatch.setattr("naryad.mail.channel.POLL_S", 0.1)
    async with world.reading():
        world.put(letter())
        await world.until_filed(1)


@pytest.mark.slow
@pytest.mark.parametrize("dies", ["before the commit", "before the input", "before the mark"])
async def test_whoever_dies_over_a_letter_loses_and_doubles_nothing(world: World, url: str, dies: str) -> None:
    """Killed at the worst moments, the next process goes on from there."""
    world.put(letter(), letter("And the scanner", Message_ID="<2@example.com>"))
    dying = await start(world, url, dies)
    assert await asyncio.wait_for(dying.wait(), 300) == -signal.SIGKILL
    async with world.reading():
        await world.until_filed(2)
        await world.until_seen(2)
    assert [told.data["text"] for told in await world.inputs()] == ["The printer smokes", "And the scanner"]


@pytest.mark.slow
async def test_a_letter_that_kills_is_read_once(world: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process refuses it, when nobody can be reading it any more, and goes on."""
    world.put(letter(), letter("And the scanner", Message_ID="<2@example.com>"))
    dying = await start(world, url, "in the reading")
    assert await asyncio.wait_for(dying.wait(), 300) == -signal.SIGKILL
    monkeypatch.setattr("naryad.mail.filing.READING_AT_MOST", timedelta(0))
    async with world.reading():
        rows = await world.until_filed(2)
        await world.until_seen(2)
    assert [(row.fate, row.reason) for row in rows] == [("refused", "not read to its end"), ("taken", "")]


async def test_people_find_what_was_refused(world: World) -> None:
    """In the mailbox by its flag, and among the refused with its reason; what was taken has no flag."""
    world.put(letter(), letter("Who am I?", From="", Message_ID="<2@example.com>"))
    async with world.reading():
        await world.until_filed(2)
        await world.until_seen(2)
    [row] = await refused(world.database, limit=9)
    assert (row.reason, row.uid) == ("no sender", 2)
    assert world.imap.seen(world.user, "FLAGGED") == 1


async def test_who_is_told_to_end_leaves_the_letter_to_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart in the middle of a letter does not look like a death."""
    begun, read = threading.Event(), letters.read

    def slow(raw: bytes) -> letters.Letter:
        begun.set()
        time.sleep(0.5)
        return read(raw)

    with monkeypatch.context() as patch:
        patch.setattr(letters, "read", slow)
        world.put(letter())
        async with world.reading():
            assert await asyncio.to_thread(begun.wait, 300)
        assert await world.letters() == []
    async with world.reading():
        assert [row.fate for row in await world.until_filed(1)] == ["taken"]


@pytest.mark.slow
async def test_two_processes_read_one_mailbox(world: World, url: str) -> None:
    """Each letter is input once, and each of them has its own thread."""
    world.put(*(letter(f"Matter {n}", Message_ID=f"<{n}@x>", From=f"a{n % 7}@example.com") for n in range(15)))
    both = [await start(world, url) for _ in range(2)]
    await world.until_filed(15)
    for process in both:
        process.terminate()
        await process.wait()
    told = await world.inputs()
    assert sorted(each.data["text"] for each in told) == sorted(f"Matter {n}" for n in range(15))
    assert len({each.thread_id for each in told}) == 15


async def test_the_same_letter_twice_is_one_input(world: World) -> None:
    """By its Message-ID and by what it says: another text under a used Message-ID is another letter."""
    copy = letter().replace(b"Subject", b"Received: by another.example\nSubject")
    world.put(letter(), copy, letter("Something else"), letter(Message_ID=""), letter(Message_ID=""))
    async with world.reading():
        rows = await world.until_filed(5)
    assert [row.fate for row in rows] == ["taken", "duplicate", "taken", "taken", "duplicate"]


async def test_letters_with_new_numbers_are_known(world: World) -> None:
    """The server forgot its numbers: what was taken is not taken again, and what came meanwhile is."""
    world.put(letter())
    async with world.reading():
        await world.until_filed(1)
        await world.until_seen(1)
    await asyncio.to_thread(world.imap.renumber, world.user)
    world.put(letter("And the scanner", Message_ID="<2@example.com>"), flags="\\Seen")
    async with world.reading():
        rows = await world.until_filed(3)
    assert [row.fate for row in rows] == ["taken", "duplicate", "taken"]
    assert rows[0].uidvalidity != rows[1].uidvalidity


async def test_what_was_read_before_the_first_start_is_left_alone(world: World) -> None:
    """What nobody has read is taken, and later everything, also what a person reads first."""
    world.put(letter("Old", Message_ID="<1@x>"), flags="\\Seen")
    world.put(letter("Unread", Message_ID="<2@x>"))
    world.put(letter("Old too", Message_ID="<3@x>"), flags="\\Seen")
    async with world.reading():
        await world.until_filed(1)
    world.put(letter("Read at once by a person", Message_ID="<4@x>"), flags="\\Seen")
    async with world.reading():
        await world.until_filed(2)
    assert [told.data["text"] for told in await world.inputs()] == ["Unread", "Read at once by a person"]


async def test_a_large_letter_is_refused_with_one_note(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its head is fetched; the mailbox goes on."""
    monkeypatch.setattr(letters, "LETTER_BYTES", 3_000)
    large = (letter("x" * 4_000, Message_ID=f"<{n}@x>") for n in range(2))
    world.put(*large, letter("Small", Message_ID="<3@x>", From="b@example.com"))
    async with world.reading():
        rows = await world.until_filed(3)
    assert [(row.fate, row.reason) for row in rows[:2]] == [("refused", "too large")] * 2
    assert [row.payload["note"] for row in await world.deliveries()] == ["too_large"]
    assert [told.data["text"] for told in await world.inputs()] == ["Small"]


async def test_a_lost_connection_is_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pause; what came meanwhile is taken."""
    monkeypatch.setattr("naryad.mail.channel.FIRST_PAUSE_S", 0.1)
    opened: list[mailbox.Mailbox] = []
    open_ = mailbox.Mailbox.open

    def noted(box: mailbox.Mailbox) -> tuple[int, int]:
        opened.append(box)
        return open_(box)

    monkeypatch.setattr(mailbox.Mailbox, "open", noted)
    async with world.reading():
        world.put(letter())
        await world.until_filed(1)
        opened[0].abort()
        world.put(letter("And the scanner", Message_ID="<2@example.com>"))
        await world.until_filed(2)
    assert len(opened) > 1


@pytest.mark.parametrize(
    "wrong", [{"IMAP_PASSWORD": "secret-of-support"}, {"IMAP_FOLDER": "Nowhere"}, {"IMAP_SECURITY": "tls"}]
)
def test_a_mailbox_that_cannot_be_opened_says_why(settings: Settings, wrong: dict[str, str]) -> None:
    """And never tells the password."""
    known = settings.model_dump(by_alias=True, include={"imap_host", "imap_port", "imap_user", "imap_security"})
    box = mailbox.Mailbox(Settings(**{"IMAP_PASSWORD": settings.imap_password, **known, **wrong}))
    with speaking("en"), pytest.raises(ToolFailed) as caught:
        box.open()
    assert "IMAP_" in caught.value.message or "answer" in caught.value.message
    assert "secret-of-support" not in repr(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_certificates_are_verified(tmp_path: Path, security: str) -> None:
    """One that nobody vouches for is refused; a trusted one, for this name, opens the mailbox."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made: list[str | Path] = [needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]  # fmt: skip
    subprocess.run(made, check=True, capture_output=True)
    trust = ssl.create_default_context(cafile=str(cert))
    with dovecot(certificate=(cert, key)) as server:
        port = server.tls_port if security == "tls" else server.port
        known: dict[str, Any] = {"IMAP_HOST": "127.0.0.1", "IMAP_PORT": port, "IMAP_SECURITY": security}
        settings = Settings(IMAP_USER="help", IMAP_PASSWORD=PASSWORD, **known)
        with pytest.raises(ToolFailed, match="SSLCertVerificationError"):
            mailbox.Mailbox(settings).open()
        box = mailbox.Mailbox(settings, trust=trust)
        assert box.open()[1] == 1
        box.close()
