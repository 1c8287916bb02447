"""E-mail against a real SMTP server on the loopback."""

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from naryad.errors import ConfigError, ToolFailed
from naryad.notify.mail import MailSender
from naryad.outbox import Undeliverable
from naryad.settings import Settings

INCIDENT = {
    "kind": "incident.created",
    "lang": "ru",
    "facts": {"title": "Диск на shop-db заполнен", "severity": "critical", "service": "shop-db"},
    "link": "https://naryad.example.ru/incidents/1",
}


class Mailbox:
    """Keeps what arrives; `answers` are given first, one to a message."""

    def __init__(self, *answers: str) -> None:
        self.letters: list[EmailMessage] = []
        self.answers = list(answers)

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"


@contextmanager
def serving(box: Mailbox, **options: Any) -> Iterator[int]:
    """A server for one test."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def sender(alone: Path) -> Callable[..., MailSender]:
    def made(port: int, *, timeout: float = 20, **values: Any) -> MailSender:
        values = {"SMTP_SECURITY": "none", "SMTP_FROM": "Наряд <naryad@example.ru>", **values}
        settings = Settings(NARYAD_HOME=alone, SMTP_HOST="127.0.0.1", SMTP_PORT=port, **values)
        return MailSender(settings, timeout=timeout)

    return made


async def test_a_russian_letter_arrives_whole(sender: Callable[..., MailSender]) -> None:
    """Subject, sender and body keep their letters; the second letter on a subject answers the first."""
    box = Mailbox()
    with serving(box) as port:
        first = await sender(port).send("anna@example.ru", INCIDENT, None)
        second = await sender(port).send("anna@example.ru", {**INCIDENT, "kind": "incident.resolved"}, first)
    letter, answer = box.letters
    assert "Диск на shop-db заполнен" in letter["Subject"]
    assert letter["To"] == "anna@example.ru"
    assert letter["From"] == "Наряд <naryad@example.ru>"
    assert "shop-db" in letter.get_content()
    assert "https://naryad.example.ru/incidents/1" in letter.get_content()
    assert (letter["Message-ID"], answer["In-Reply-To"], answer["Message-ID"]) == (first, first, second)


async def test_a_title_cannot_add_a_header(sender: Callable[..., MailSender]) -> None:
    """A line break in what an alert is called stays in the subject's line."""
    box = Mailbox()
    facts = {"title": "full\r\nBcc: thief@example.com", "severity": "high"}
    with serving(box) as port:
        await sender(port).send("anna@example.ru", {**INCIDENT, "facts": facts}, None)
    assert box.letters[0]["Bcc"] is None
    assert "full Bcc: thief@example.com" in box.letters[0]["Subject"]


async def test_a_server_that_is_busy_is_tried_again(sender: Callable[..., MailSender]) -> None:
    """A 4xx is a failure for now; the next try arrives."""
    box = Mailbox("451 come again")
    with serving(box) as port:
        with pytest.raises(ToolFailed, match="451"):
            await sender(port).send("anna@example.ru", INCIDENT, None)
        await sender(port).send("anna@example.ru", INCIDENT, None)
    assert len(box.letters) == 1


@pytest.mark.parametrize(
    ("target", "answers", "why"),
    [
        ("nobody@example.ru", (), "550.*no such mailbox"),
        ("anna@example.ru", ("554 we do not like it",), "554"),
        ("not an address", (), "not an address"),
        ("anna@example.ru\r\nBcc: thief@example.com", (), "thief"),
    ],
)
async def test_a_refusal_is_for_good(
    sender: Callable[..., MailSender], target: str, answers: tuple[str, ...], why: str
) -> None:
    """A 5xx, or what cannot be an address, is not tried again."""
    box = Mailbox(*answers)
    with serving(box) as port, pytest.raises(Undeliverable, match=why):
        await sender(port).send(target, INCIDENT, None)
    assert not box.letters


async def test_a_server_that_wants_nobody_now_is_tried_again(sender: Callable[..., MailSender]) -> None:
    """A 5xx that is not about the message: whoever runs the server puts it right, and then it goes."""

    class Closed(Mailbox):
        async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
            return "530 sign in first"

    with serving(Closed()) as port, pytest.raises(ToolFailed, match="530"):
        await sender(port).send("anna@example.ru", INCIDENT, None)


async def test_a_letter_that_was_taken_is_not_sent_again(sender: Callable[..., MailSender]) -> None:
    """Whatever the server says when the two part."""

    class Rude(Mailbox):
        async def handle_QUIT(self, server: Any, session: Any, envelope: Envelope) -> str:
            return "421 never come again"

    box = Rude()
    with serving(box) as port:
        await sender(port).send("anna@example.ru", INCIDENT, None)
    assert len(box.letters) == 1


async def test_a_server_that_is_silent_is_left(sender: Callable[..., MailSender]) -> None:
    """It takes the connection and never speaks: the time runs out, and the loop was free all the while."""
    with socket.create_server(("127.0.0.1", 0)) as hung, pytest.raises(ToolFailed):
        await sender(hung.getsockname()[1], timeout=0.3).send("anna@example.ru", INCIDENT, None)


async def test_no_server_at_all_is_a_failure_for_now(sender: Callable[..., MailSender]) -> None:
    """Nobody listens there: it is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ToolFailed, match="ConnectionRefusedError"):
        await sender(port).send("anna@example.ru", INCIDENT, None)


async def test_a_server_without_tls_gets_no_letter_where_tls_is_wanted(sender: Callable[..., MailSender]) -> None:
    """STARTTLS is not dropped silently: a password would go in the clear."""
    box = Mailbox()
    with serving(box) as port, pytest.raises(ToolFailed):
        await sender(port, SMTP_SECURITY="starttls").send("anna@example.ru", INCIDENT, None)
    assert not box.letters


async def test_it_signs_in_and_tells_no_password(sender: Callable[..., MailSender]) -> None:
    """The right password lets it in; a wrong one is not repeated in the error."""
    box = Mailbox()

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right-one")

    with serving(box, authenticator=check, auth_require_tls=False, auth_required=True) as port:
        with pytest.raises(ToolFailed) as refusal:
            await sender(port, SMTP_USER="naryad", SMTP_PASSWORD="wrong-one").send("anna@example.ru", INCIDENT, None)
        await sender(port, SMTP_USER="naryad", SMTP_PASSWORD="right-one").send("anna@example.ru", INCIDENT, None)
    assert "wrong-one" not in f"{refusal.value!r}"
    assert len(box.letters) == 1


@pytest.mark.parametrize(
    "kind", ["account.confirm", "account.reset", "account.exists", "account.changed", "account.key"]
)
@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_letters_about_an_account(sender: Callable[..., MailSender], kind: str, lang: str) -> None:
    """They hold the code where there is one, and the link; a subject never holds the code."""
    box, code = Mailbox(), "A1B2C3"
    payload = {"kind": kind, "lang": lang, "code": code, "link": f"https://n.example.ru/{kind}#code={code}"}
    with serving(box) as port:
        await sender(port).send("anna@example.ru", payload, None)
    body = box.letters[0].get_content()
    assert payload["link"] in body
    assert code not in box.letters[0]["Subject"]
    assert (f" {code}." in body) == (kind in ("account.confirm", "account.reset"))


def test_a_sender_that_is_no_address_is_named_at_once(sender: Callable[..., MailSender]) -> None:
    """Not with the first letter, and not as the reader's mistake."""
    with pytest.raises(ConfigError, match="SMTP_FROM"):
        sender(25, SMTP_FROM="", SMTP_USER="apikey")
