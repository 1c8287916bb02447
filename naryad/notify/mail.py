"""E-mail by SMTP."""

import asyncio
import smtplib
import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Any

from naryad.clock import now
from naryad.errors import ConfigError, ToolFailed
from naryad.i18n import _
from naryad.notify import texts
from naryad.outbox import Undeliverable
from naryad.settings import Settings

TIMEOUT_S = 20.0
"""How long the server may be silent."""


class MailSender:
    """Sends through one SMTP server; messages on one subject become one conversation in the reader's mailbox.

    By the standard library: Apprise's own plugin chooses the port, the security and the sender by the provider that it
    takes the address for, and hides whether the server refused for good or for now.

    Args:
        settings: SMTP_HOST and what goes with it.
        trust: The certificates that are trusted; those of the system by default.
        timeout: How long the server may be silent, in seconds.

    Raises:
        ConfigError: Neither SMTP_FROM nor SMTP_USER is an address to send from.
    """

    def __init__(self, settings: Settings, *, trust: ssl.SSLContext | None = None, timeout: float = TIMEOUT_S) -> None:
        self._settings, self._trust, self._timeout = settings, trust, timeout
        name, address = parseaddr(settings.smtp_from or settings.smtp_user)
        try:
            self._from = Address(name or "Naryad", addr_spec=address)
        except (ValueError, IndexError) as error:
            raise ConfigError("must be an e-mail address", source="environment", field="SMTP_FROM") from error

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str | None:
        """Deliver one message, as `Sender` says."""
        message = self.message(target, payload, previous)
        await asyncio.to_thread(self.deliver, message)
        return str(message["Message-ID"])

    def message(self, target: str, payload: Mapping[str, Any], previous: str | None) -> EmailMessage:
        """The message as it is sent."""
        text = texts.rendered(payload)
        message = self.headed(target, text.title, make_msgid(domain=self.domain))
        message["Auto-Submitted"] = "auto-generated"
        if previous:
            message["In-Reply-To"] = message["References"] = previous
        message.set_content(text.body)
        for file in payload.get("files", ()):
            main, _slash, sub = file["type"].partition("/")
            message.add_attachment(b64decode(file["base64"]), maintype=main, subtype=sub, filename=file["name"])
        return message

    @property
    def domain(self) -> str:
        """Where our letters come from."""
        return self._from.domain

    def headed(self, target: str, subject: str, message_id: str) -> EmailMessage:
        """A message that only lacks its content."""
        message = EmailMessage(policy=SMTP)
        try:
            message["To"] = Address(addr_spec=target)
        except (ValueError, IndexError) as error:
            raise Undeliverable(_("This cannot be an address: {target!r}.").format(target=target)) from error
        message["From"], message["Subject"] = self._from, subject
        message["Date"], message["Message-ID"] = format_datetime(now()), message_id
        return message

    def check(self) -> None:
        """Raise `ToolFailed` unless the server answers and lets us in; it waits, so it runs in a thread."""
        with _translated(), closing(self._connected()):
            pass

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message to the server; it waits, so it runs in a thread. Raises as `Sender` says."""
        with _translated(), closing(self._connected()) as server:
            server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has the message: how it parts does not matter
                server.quit()

    def _connected(self) -> smtplib.SMTP:
        known, trust = self._settings, self._trust or ssl.create_default_context()
        if known.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                known.smtp_host, known.smtp_port, timeout=self._timeout, context=trust
            )
        else:
            server = smtplib.SMTP(known.smtp_host, known.smtp_port, timeout=self._timeout)
        try:
            if known.smtp_security == "starttls":
                server.starttls(context=trust)
            if known.smtp_user and known.smtp_password:
                server.login(known.smtp_user, known.smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


@contextmanager
def _translated() -> Iterator[None]:
    """The library's errors as ours: some for good, the others worth another try."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        raise _refused(code, answer, final=code >= 500) from error
    except smtplib.SMTPDataError as error:
        raise _refused(error.smtp_code, error.smtp_error, final=error.smtp_code >= 500) from error
    except smtplib.SMTPAuthenticationError as error:
        raise ToolFailed(_("The mail server does not accept SMTP_USER and SMTP_PASSWORD.")) from error
    except smtplib.SMTPResponseException as error:  # not of this message: it may be put right, and then it goes
        raise _refused(error.smtp_code, error.smtp_error, final=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise ToolFailed(_("The mail server failed: {error}.").format(error=type(error).__name__)) from error


def _refused(code: int, answer: bytes | str, *, final: bool) -> ToolFailed | Undeliverable:
    told = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    why = _("The mail server answered {code}: {answer}").format(code=code, answer=" ".join(told.split())[:200])
    return Undeliverable(why) if final else ToolFailed(why)
