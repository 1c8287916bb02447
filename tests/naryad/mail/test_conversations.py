"""Who gets into a thread, and who is taken for a machine."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select, update

from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.event import EventRow
from naryad.db.models.mail import Fate, MailLetter, MailSource, MailThread
from naryad.db.models.ticket import Ticket
from naryad.db.session import Database
from naryad.mail.filing import MOST_AN_HOUR, QUICK_ANSWERS, READING_AT_MOST, Filing, Place
from naryad.mail.letter import read
from naryad.mail.replies import Replies
from naryad.outbox import Outbox
from tests.naryad.mail.world import letter

OWN = "support@example.ru"


class Desk:
    """Files letters, one after the other."""

    def __init__(self, database: Database) -> None:
        self.database, self.filed = database, 0
        self.filing = Filing(database, Outbox(database), [OWN])

    async def file(self, raw: bytes) -> MailLetter:
        self.filed += 1
        row = await self.filing.file(Place("f", 1, self.filed), raw, read(raw))
        assert row
        return row

    async def begin(self) -> tuple[MailLetter, str]:
        """A thread with a letter of ours in it; returns that letter's Message-ID too."""
        first = await self.file(letter())
        thread = await self.database.look(lambda session: session.get_one(MailThread, first.thread_id))
        return first, f"<{thread.token}.2@example.ru>"

    async def keep(self, *rows: Any) -> None:
        async with self.database.write() as session:
            session.add_all(rows)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_who_has_our_letter_gets_into_its_thread(desk: Desk) -> None:
    """Also from another address: nobody else can name it. The answers still go to the first one."""
    first, ours = await desk.begin()
    again = letter("Still", Message_ID="<2@x>", In_Reply_To=ours)
    row = await desk.file(again.replace(b"anna@example.com", b"anna@home.example"))
    thread = await desk.database.look(lambda session: session.get_one(MailThread, first.thread_id))
    assert (row.thread_id, row.address) == (first.thread_id, "anna@home.example")
    assert thread.address == "anna@example.com"


@pytest.mark.parametrize(("sender", "same"), [("anna@example.com", True), ("mallory@example.net", False)])
@pytest.mark.parametrize("names", ["reference", "number"])
async def test_what_can_be_guessed_counts_only_from_a_known_address(
    desk: Desk, sender: str, same: bool, names: str
) -> None:
    """The number of a ticket in the subject, or the Message-ID of somebody's own letter."""
    first, _ours = await desk.begin()
    ticket = Ticket(number=123, subject="s", text="t", requester="mail:anna@example.com", thread_id=first.thread_id)
    await desk.keep(ticket)
    told = {"References": "<0@x> <1@example.com>"} if names == "reference" else {"Subject": "Re: Printer [#123]"}
    row = await desk.file(letter("Let me in", Message_ID="<2@x>", From=sender, **told))
    assert (row.thread_id == first.thread_id) is same
    assert row.fate is Fate.FILED


@pytest.mark.parametrize(
    "sign",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated (rejected)"},
        {"Precedence": "bulk"},
        {"Precedence": "Auto_Reply"},
        {"X_Auto_Response_Suppress": "DR, OOF"},
        {"List_Id": "<all.example.com>"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@example.com"},
        {"From": "no-reply@example.com"},
        {"From": OWN.upper()},
        {"Content_Type": "multipart/report; boundary=x"},
    ],
)
async def test_machines_are_not_answered(desk: Desk, sign: dict[str, str]) -> None:
    """Their letters are kept, and nothing comes of them."""
    row = await desk.file(letter(**sign))
    assert (row.fate, row.thread_id) == (Fate.IGNORED, "")
    assert row.reason


async def test_people_are_no_machines(desk: Desk) -> None:
    """Headers that programs write for people, too."""
    row = await desk.file(letter(Auto_Submitted="no", Precedence="first-class", Return_Path="<anna@example.com>"))
    assert row.fate is Fate.FILED


async def test_too_many_letters_are_answered_with_one_note(desk: Desk) -> None:
    """Of one address within an hour; others go on."""
    rows = [await desk.file(letter(f"Matter {n}", Message_ID=f"<{n}@x>")) for n in range(MOST_AN_HOUR + 5)]
    assert [row.fate for row in rows] == [Fate.FILED] * MOST_AN_HOUR + [Fate.IGNORED] * 5
    assert (await desk.file(letter(From="b@example.com", Message_ID="<b@x>"))).fate is Fate.FILED
    async with desk.database.read() as session:
        notes = (await session.exec(select(Delivery))).all()
    assert [(note.target, note.payload["note"]) for note in notes] == [("anna@example.com", "too_many")]


async def test_who_says_the_same_again_and_again_is_a_machine(desk: Desk) -> None:
    """A person says it twice at most."""
    rows = [await desk.file(letter(Message_ID=f"<{n}@x>")) for n in range(4)]
    assert [row.reason for row in rows] == ["", "", *["the same text again"] * 2]


async def test_who_names_our_letter_is_not_silenced_in_its_name(desk: Desk) -> None:
    """Others write in the same name, and a person says "done" after each step; yet it has a limit of its own."""
    _first, ours = await desk.begin()
    for n in range(MOST_AN_HOUR):
        await desk.file(letter(f"Forged {n}", Message_ID=f"<{n}@evil>"))
    assert (await desk.file(letter("Mine", Message_ID="<new@x>"))).fate is Fate.IGNORED
    done = [await desk.file(letter("Done", Message_ID=f"<{n}@x>", References=ours)) for n in range(MOST_AN_HOUR + 1)]
    assert [row.fate for row in done] == [Fate.FILED] * MOST_AN_HOUR + [Fate.IGNORED]


async def test_what_was_ignored_is_not_counted(desk: Desk) -> None:
    """A machine in somebody's name does not silence them."""
    for n in range(MOST_AN_HOUR + 1):
        await desk.file(letter(f"{n}", Message_ID=f"<{n}@x>", Precedence="bulk"))
    assert (await desk.file(letter())).fate is Fate.FILED


async def test_who_died_over_a_letter_leaves_it_refused(desk: Desk) -> None:
    """Not at once, for another process may be reading it; who is told to end leaves it to the next."""
    place = Place("f", 1, 1)
    assert [await desk.filing.begin(place), await desk.filing.begin(place)] == [None, Fate.READING]
    await desk.filing.leave(place)
    assert await desk.filing.begin(place) is None
    died: Any = update(MailLetter).values(at=now() - READING_AT_MOST - timedelta(seconds=1))
    await desk.database.transact(lambda session: session.exec(died))
    assert await desk.filing.begin(place) is Fate.REFUSED
    assert await desk.filing.file(place, letter(), read(letter())) is None


async def test_only_what_a_ticket_may_get_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it came; and no more than a day's share of it."""
    await desk.file(letter(Precedence="bulk"))
    monkeypatch.setattr("naryad.mail.filing.KEPT_A_DAY", 2 * len(letter()))
    rows = [await desk.file(letter(f"{n}", Message_ID=f"<{n}@x>")) for n in range(3)]
    kept = await desk.database.look(lambda session: session.exec(select(MailSource.letter_id)).all())
    assert kept == [row.id for row in rows[:2]]
    assert [bool(row.reason) for row in rows] == [False, False, True]


@pytest.mark.parametrize(("after", "machine"), [(timedelta(seconds=2), True), (timedelta(minutes=5), False)])
async def test_who_answers_at_once_every_time_is_a_machine(desk: Desk, after: timedelta, machine: bool) -> None:
    """A robot without any sign of it ends the conversation with us after some turns; a person goes on."""
    first, ours = await desk.begin()
    began = now() - timedelta(hours=10)
    for n in range(QUICK_ANSWERS + 1):
        answered = began + timedelta(hours=n)
        common: dict[str, Any] = {"thread_id": first.thread_id, "address": first.address}
        await desk.keep(MailLetter(**common, fate=Fate.SENT, at=answered))
        await desk.keep(MailLetter(**common, fate=Fate.TAKEN, at=answered + after))
    row = await desk.file(letter("And now?", Message_ID="<9@x>", In_Reply_To=ours))
    assert (row.fate is Fate.IGNORED) is machine


REPORT = """--b
Content-Type: text/plain

I am sorry
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; anna@example.com
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such mailbox
--b
Content-Type: message/rfc822

Message-ID: {ours}
From: support@example.ru
Subject: Re: Printer

Turn it off
--b--"""


@pytest.mark.parametrize(("action", "fails"), [("failed", True), ("delayed", False)])
async def test_a_bounce_marks_our_letter_as_failed(desk: Desk, action: str, fails: bool) -> None:
    """With what the server said; a delay is none, and a stranger cannot name our letter."""
    first, _ours = await desk.begin()
    await desk.keep(said(first.thread_id))
    replies = Replies(desk.database, Outbox(desk.database), "example.ru")
    await replies.look()
    (sent,) = await of_fate(desk.database, Fate.SENT)
    head = {"From": "MAILER-DAEMON@mx.example.com", "Content_Type": 'multipart/report; boundary="b"'}
    await desk.file(letter(REPORT.format(action=action, ours="<guessed.1@example.ru>"), Message_ID="<3@x>", **head))
    assert await of_fate(desk.database, Fate.BOUNCED) == []
    row = await desk.file(letter(REPORT.format(action=action, ours=sent.message_id), Message_ID="<4@x>", **head))
    assert row.fate is Fate.IGNORED
    bounced = await of_fate(desk.database, Fate.BOUNCED)
    assert [one.reason for one in bounced] == (["smtp; 550 no such mailbox"] if fails else [])
    (delivery,) = await Outbox(desk.database).listed(DeliveryStatus.DEAD if fails else DeliveryStatus.PENDING)
    assert delivery.error == ("smtp; 550 no such mailbox" if fails else "")


def said(thread_id: str) -> Any:
    return EventRow(thread_id=thread_id, seq=2, type="message", data={"text": "Turn it off"})


async def of_fate(database: Database, fate: Fate) -> list[MailLetter]:
    query = select(MailLetter).where(MailLetter.fate == fate)
    return list(await database.look(lambda session: session.exec(query).all()))
