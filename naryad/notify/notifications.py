"""Everything that tells people, made from the settings."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from naryad.db.session import Database
from naryad.events import EventLog
from naryad.mail.filing import LETTERS
from naryad.mail.sender import LetterSender
from naryad.notify import routes
from naryad.notify.addresses import AddressSender
from naryad.notify.herald import Herald
from naryad.notify.mail import MailSender
from naryad.notify.notifier import ADDRESSES, Notifier
from naryad.outbox import Outbox, Sender
from naryad.settings import Settings


@dataclass(frozen=True, slots=True)
class Notifications:
    """What a server runs.

    Attributes:
        notifier: Tells of one thing.
        herald: Tells of what happens.
        senders: Of the channels that are set up; e-mail has none without SMTP_HOST.
    """

    notifier: Notifier
    herald: Herald
    senders: Mapping[str, Sender]


async def open_notifications(settings: Settings, database: Database, events: EventLog, outbox: Outbox) -> Notifications:
    """Read the routes file and make everything.

    Raises:
        ConfigError: The file is wrong.
    """
    known = await asyncio.to_thread(routes.load, settings)
    notifier = Notifier(outbox, known, settings)
    senders: dict[str, Sender] = {ADDRESSES: AddressSender(known)}
    if settings.smtp_host:
        smtp = MailSender(settings)
        senders |= {routes.EMAIL: smtp, LETTERS: LetterSender(database, smtp)}
    return Notifications(notifier, Herald(database, events, outbox, notifier, settings), senders)
