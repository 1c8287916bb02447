"""What is written to a person about their account."""

from collections.abc import Mapping
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.clock import new_id
from naryad.db.models.account import Account
from naryad.db.models.incident import Severity
from naryad.errors import Refused
from naryad.i18n import _
from naryad.notify.notice import Notice
from naryad.notify.notifier import Notifier
from naryad.notify.routes import Kind
from naryad.outbox import Outbox
from naryad.settings import Settings


class Letters:
    """Puts letters into the outbox, with the change that they tell of; none where no mail is set up.

    Args:
        outbox: Sends them.
        settings: Whether mail is set up, and where people reach the product: without that a letter has no link.
        notifier: Tells others, by the routes for security, of what a person is warned of.
    """

    def __init__(self, outbox: Outbox, settings: Settings, notifier: Notifier | None = None) -> None:
        self._outbox, self._notifier = outbox, notifier
        self._url, self._able = settings.public_url.rstrip("/"), bool(settings.smtp_host)

    def check(self) -> None:
        """Raise `Refused` where no letter can go; asked before what is of no use without its letter."""
        if not self._able:
            raise Refused(_("No letter can go from here: an administrator must set SMTP_HOST and SMTP_FROM first."))

    async def put(
        self,
        session: AsyncSession,
        email: str,
        kind: str,
        lang: str,
        code: str = "",
        *,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Write a letter.

        Args:
            session: The caller's transaction.
            email: To whom, as the account has it.
            kind: Which letter: `account.…` of `naryad.notify.texts`.
            lang: The reader's language.
            code: A one-time code. It stands behind the link's #, which no browser sends and no log holds.
            facts: What it is about, for the lines below the text.
        """
        if not self._able:  # it would wait, with its code, for the day on which somebody sets up mail
            return
        page = kind.replace(".", "/")
        link = f"{self._url}/{page}#code={code}" if self._url and code else self._url
        payload = {"kind": kind, "lang": lang, "code": code, "link": link, "facts": dict(facts or {})}
        await self._outbox.put("email", email, payload, key=f"{kind}:{new_id()}", session=session)

    async def warn(self, session: AsyncSession, account: Account, what: str, facts: Mapping[str, str]) -> None:
        """Write to a person of an attack on their account, and tell whom the routes name.

        Args:
            session: The caller's transaction.
            account: Whose it is.
            what: `account.…` and `security.…` of `naryad.notify.texts`.
            facts: For the lines below the text.
        """
        await self.put(session, account.email, f"account.{what}", account.lang, facts=facts)
        if notifier := self._notifier:
            told = {"title": account.email, **facts}
            about, event = f"account:{account.id}", f"security.{what}"
            notice = Notice(Kind.SECURITY, event, about, Severity.HIGH, alert=f"{event}:{account.id}", facts=told)

            def tell(direct: Any) -> None:
                notifier.tell(direct, notice, new_id())

            await session.run_sync(tell)
