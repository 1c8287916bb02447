"""Refused letters at the terminal."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from naryad.db.models.mail import Fate, MailLetter
from naryad.db.session import Database
from tests.cli.conftest import Ran

pytestmark = pytest.mark.may_block


async def keep(home: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{home / 'naryad.db'}")
    async with database.write() as session:
        session.add(MailLetter(fate=Fate.TAKEN, subject="Hello", folder="INBOX", uidvalidity=1, uid=1))
        for uid in (2, 3):
            session.add(MailLetter(fate=Fate.REFUSED, reason="too many parts", folder="INBOX", uidvalidity=1, uid=uid))
    await database.close()


def test_refused_letters_are_listed_with_their_reason(naryad: Callable[..., Ran], alone: Path) -> None:
    """The newest first, without what they say."""
    assert naryad("mail", "list", "--json").lines == []
    asyncio.run(keep(alone))
    lines = naryad("mail", "list", "--json").lines
    assert [(line["uid"], line["reason"]) for line in lines] == [(3, "too many parts"), (2, "too many parts")]
    assert "text" not in lines[0]
    assert len(naryad("mail", "list", "--json", "--limit", "1").lines) == 1
    assert "too many parts" in naryad("mail", "list").out
