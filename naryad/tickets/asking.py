"""How a requester is asked, once and by letter, how they liked the help; the link in it lets them answer."""

import secrets
from hashlib import sha256

from sqlmodel import Session

from naryad.accounts.accounts import principal
from naryad.db.models.account import Account
from naryad.db.models.delivery import Delivery
from naryad.db.models.ticket import Ticket
from naryad.notify.routes import EMAIL
from naryad.outbox import Outbox
from naryad.settings import Settings

MAIL = "mail:"
"""Begins the principal of a stranger who wrote a letter."""


def digest(token: str) -> str:
    """What is kept of a link's secret."""
    return sha256(token.encode()).hexdigest()


class Asking:
    """Writes the letters.

    Args:
        outbox: Sends them.
        settings: Where people reach the product, and by what letters go: without either nobody is asked; its language.
    """

    def __init__(self, outbox: Outbox, settings: Settings) -> None:
        self._outbox, self._lang = outbox, settings.lang
        self._url = settings.public_url.rstrip("/") if settings.smtp_host else ""

    def ask(self, session: Session, ticket: Ticket) -> None:
        """Write to the requester in the caller's transaction, where an address is known to be theirs.

        Not to `contact`: anybody can write anybody's address there.
        """
        if not self._url:
            return
        address, lang = ticket.requester.removeprefix(MAIL), self._lang
        if address == ticket.requester:
            account = session.get(Account, address.removeprefix(principal("")))
            if account is None:
                return
            address, lang = account.email, account.lang
        token = secrets.token_urlsafe(24)
        ticket.rating_digest = digest(token)
        link = f"{self._url}/support/rate#token={token}"  # behind the #, which no browser sends and no log holds
        facts = {"title": ticket.subject, "id": f"#{ticket.number}"}
        payload = {"kind": "ticket.closed", "lang": lang, "facts": facts, "link": link}
        row = Delivery(key=f"ticket.closed:{ticket.id}", channel=EMAIL, target=address, payload=payload)
        self._outbox.add(session, row)
