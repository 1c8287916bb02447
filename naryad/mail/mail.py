"""Everything that keeps the mailbox of support, made from the settings."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr

from naryad.mail.channel import MailChannel, Submits
from naryad.mail.enclosures import Enclosures
from naryad.mail.filing import Filing
from naryad.mail.replies import Replies
from naryad.outbox import Outbox
from naryad.settings import Settings
from naryad.tickets.attachments import Attachments
from naryad.tickets.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Mail:
    """What a server runs where IMAP_HOST is set.

    Attributes:
        channel: Reads the mailbox.
        replies: Writes the letters.
        enclosures: Attaches files to tickets.
    """

    channel: MailChannel
    replies: Replies
    enclosures: Enclosures

    def pieces(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs for ever, by its name."""
        return {"mail": self.channel.run, "replies": self.replies.run, "enclosures": self.enclosures.run}


def open_mail(
    settings: Settings, tickets: Tickets, outbox: Outbox, driver: Submits, *, trust: ssl.SSLContext | None = None
) -> Mail:
    """Make everything; nothing is opened before it runs."""
    named = (settings.smtp_from, settings.smtp_user, settings.imap_user)
    own = [address.lower() for one in named if (address := parseaddr(one)[1])]
    domain = own[0].partition("@")[2] if own else ""
    database = tickets.database
    return Mail(
        MailChannel(settings, database, Filing(database, outbox, own), driver, trust=trust),
        Replies(database, outbox, domain or "naryad.invalid"),
        Enclosures(database, tickets, Attachments.of(tickets, settings)),
    )
