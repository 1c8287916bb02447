"""What is written to a person about their account."""

from collections.abc import Mapping

from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.clock import new_id
from naryad.outbox import Outbox


class Letters:
    """Puts letters into the outbox, with the change that they tell of.

    Args:
        outbox: Sends them.
        url: Where people reach the product; empty where that is not known, and a letter then has no link.
    """

    def __init__(self, outbox: Outbox, url: str) -> None:
        self._outbox, self._url = outbox, url.rstrip("/")

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
        page = kind.replace(".", "/")
        link = f"{self._url}/{page}#code={code}" if self._url and code else self._url
        payload = {"kind": kind, "lang": lang, "code": code, "link": link, "facts": dict(facts or {})}
        await self._outbox.put("email", email, payload, key=f"{kind}:{new_id()}", session=session)
