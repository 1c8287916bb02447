"""What is said in a thread of letters arrives as a letter, once and in order."""

import asyncio
from email.message import EmailMessage
from typing import Any

import pytest

from naryad.db.models.delivery import DeliveryStatus
from naryad.db.models.mail import MailLetter, MailThread
from naryad.db.models.ticket import Ticket
from naryad.i18n import _, speaking
from naryad.notify.notifications import open_notifications
from naryad.settings import Settings
from tests.naryad.mail.world import World, letter, until
from tests.naryad.notify.test_mail import Mailbox, serving

pytestmark = pytest.mark.server


async def sending(world: World, port: int) -> None:
    """The outbox at work, with an SMTP server behind it."""
    known: dict[str, Any] = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": port,
        "SMTP_SECURITY": "none",
        "SMTP_FROM": "support@example.ru",
    }
    settings = Settings(NARYAD_HOME=world.settings.home, **known)
    told = await open_notifications(settings, world.database, world.events, world.outbox)
    await world.outbox.run(told.senders)


async def arrived(box: Mailbox, count: int) -> list[EmailMessage]:
    async def enough() -> bool:
        return len(box.letters) >= count

    await until(enough)
    return box.letters


async def begin(world: World, **headers: str) -> MailLetter:
    """A customer's letter that is a thread."""
    world.put(letter(**headers))
    async with world.reading():
        (row,) = await world.until_filed(1)
    return row


def plain(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return str(body.get_content()).replace("\r\n", "\n")


async def test_a_conversation_by_letters(world: World) -> None:
    """Two turns: each answer names what it answers, and the customer's reply to it comes into the same thread."""
    box = Mailbox()
    world.put(letter("Принтер <b>дымит</b>", Subject="Принтер"))
    with serving(box) as port:
        mail = world.mail()
        async with world.reading(mail.replies.run, lambda: sending(world, port)):
            (first,) = await world.until_filed(1)
            await world.database.transact(lambda session: session.add(_ticket(first)))
            await world.say(first.thread_id, "Выключите & подождите.\n\nПомогло?")
            (answer,) = await arrived(box, 1)
            quote = "".join(f"> {line}\n" for line in plain(answer).splitlines())
            reply = letter(
                f"<b>Да</b>\n\n21 нояб. 2026 г., в 12:05, Support <support@example.ru>:\n{quote}",
                Subject="Re: Принтер [#7]",
                Message_ID="<2@example.com>",
                In_Reply_To=answer["Message-ID"],
                References=f"<1@example.com> {answer['Message-ID']}",
            )
            world.put(reply)
            rows = await world.until_filed(3)
            await world.say(first.thread_id, "Рады помочь", by="user:anna")
            (_first, second) = await arrived(box, 2)
    assert (answer["To"], answer["Subject"], answer["In-Reply-To"]) == (
        "anna@example.com", "Ваша заявка [#7]", "<1@example.com>",
    )  # fmt: skip
    assert answer["Auto-Submitted"] == "auto-replied"
    with speaking("ru"):
        below = _("You wrote:")
    assert plain(answer) == "Выключите & подождите.\n\nПомогло?\n"
    assert (second["Subject"], plain(second)) == ("Re: Принтер [#7]", f"Рады помочь\n\n{below}\n> <b>Да</b>\n")
    rich, other = answer.get_body(("html",)), second.get_body(("html",))
    assert rich
    assert other
    assert "<p>Выключите &amp; подождите.</p>" in rich.get_content()
    assert "&lt;b&gt;Да" in other.get_content()
    assert {row.thread_id for row in rows} == {first.thread_id}
    assert (await world.inputs())[1].data["text"] == "<b>Да</b>"
    assert second["Auto-Submitted"] is None
    assert second["References"].split() == ["<1@example.com>", answer["Message-ID"], "<2@example.com>"]


def _ticket(row: MailLetter) -> Ticket:
    return Ticket(number=7, subject="s", text="t", requester=f"mail:{row.address}", thread_id=row.thread_id)


async def test_nothing_of_a_stranger_is_carried_to_an_address(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a name that anybody can use: neither in an answer nor in a note, also where the thread's number is guessed."""
    monkeypatch.setattr("naryad.mail.letter.LETTER_BYTES", 3_000)
    first = await begin(world, Subject="Pay at evil.example")
    await world.database.transact(lambda session: session.add(_ticket(first)))
    world.put(letter("evil.example", Subject="[#7] evil.example", Message_ID="<2@evil.example>"))
    world.put(letter("x" * 4_000, Subject="evil.example", Message_ID="<3@evil.example>"))
    async with world.reading():
        rows = await world.until_filed(3)
    assert [row.thread_id for row in rows] == [first.thread_id, first.thread_id, ""]
    await world.say(first.thread_id, "Hello")
    await world.mail().replies.look()
    box = Mailbox()
    with serving(box) as port:
        async with world.reading(lambda: sending(world, port)):
            await arrived(box, 2)
    assert sorted(message["Subject"] for message in box.letters) == ["Your request", "Your request [#7]"]
    bodies = [str(part.get_content()) for message in box.letters for part in message.iter_parts()]
    assert "evil.example" not in "".join(bodies)


async def test_each_message_is_one_letter_in_order(world: World) -> None:
    """Also when many processes follow the same thread, and while the server is away."""
    row = await begin(world)
    for n in range(20):
        await world.say(row.thread_id, f"Step {n}")
    await world.say("another-thread", "Not for letters")
    await asyncio.gather(*(world.mail().replies.look() for _n in range(5)))
    assert await world.mail().replies.look() == 0
    box = Mailbox("451 later")
    with serving(box) as port:
        async with world.reading(lambda: sending(world, port)):
            await arrived(box, 20)
    assert [plain(message).splitlines()[0] for message in box.letters] == [f"Step {n}" for n in range(20)]
    assert len({message["Message-ID"] for message in box.letters}) == 20


@pytest.mark.parametrize(
    "subject", ["x\r\nBcc: all@example.com", "=?utf-8?q?x=0D=0ABcc:_all@example.com?=", "\u2028Bcc: a@b"]
)
async def test_no_header_comes_from_a_letter(world: World, subject: str) -> None:
    """Whatever its subject holds."""
    row = await begin(world, Subject=subject.replace("\r\n", "\r\n "))
    await world.say(row.thread_id, "Bcc: all@example.com\r\n\r\nwords\x00\ud800")
    await world.mail().replies.look()
    box = Mailbox()
    with serving(box) as port:
        async with world.reading(lambda: sending(world, port)):
            (message,) = await arrived(box, 1)
    assert message["Bcc"] is None
    assert message["To"] == "anna@example.com"


async def test_what_was_erased_is_not_sent(world: World) -> None:
    """The letter is written when it goes."""
    row = await begin(world)
    await world.say(row.thread_id, "Secret of Anna")
    await world.mail().replies.look()
    (delivery,) = await world.deliveries()
    assert "Anna" not in str(delivery.payload)
    thread = await world.database.look(lambda session: session.get_one(MailThread, row.thread_id))
    await world.database.transact(lambda session: session.delete(session.merge(thread)))
    box = Mailbox()
    with serving(box) as port:
        async with world.reading(lambda: sending(world, port)):

            async def given_up() -> bool:
                return bool(await world.outbox.listed(DeliveryStatus.DEAD))

            await until(given_up)
    assert box.letters == []


async def test_two_installs_that_write_to_each_other_fall_silent(world: World) -> None:
    """The agent's answer says what it is: the other install does not answer it."""
    row = await begin(world, From="support@other.example")
    await world.say(row.thread_id, "We have got your letter.")
    await world.mail().replies.look()
    box = Mailbox()
    with serving(box) as port:
        async with world.reading(lambda: sending(world, port)):
            (message,) = await arrived(box, 1)
        message.replace_header("From", "agent@example.org")
        world.put(message.as_bytes())
        async with world.reading():
            rows = await world.until_filed(3)
    assert [(one.fate, one.reason) for one in rows[-1:]] == [("ignored", "Auto-Submitted")]
    assert len(await world.inputs()) == 1
