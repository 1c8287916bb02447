"""A customer writes a letter, and the whole server answers it: from the mailbox to the SMTP server and back."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from naryad.auth import Person, Role
from naryad.settings import Settings
from server.parts import Parts
from tests.naryad.mail.dovecot import PASSWORD, dovecot
from tests.naryad.mail.test_replies import arrived, plain
from tests.naryad.mail.world import letter, until
from tests.naryad.notify.test_mail import Mailbox, serving
from tests.server.applications import create


@pytest.mark.server
@pytest.mark.slow
async def test_a_letter_is_answered_and_a_person_is_called_by_letter(alone: Path) -> None:
    """Without any model: the agent answers by itself, then hands over, and the person's words go out as a letter."""
    box = Mailbox()
    with dovecot() as imap, serving(box) as smtp:
        settings = Settings(
            NARYAD_HOME=alone, NARYAD_MODEL="none", IMAP_HOST="127.0.0.1", IMAP_PORT=imap.port, IMAP_USER="help",
            IMAP_PASSWORD=PASSWORD, IMAP_SECURITY="none", SMTP_HOST="127.0.0.1", SMTP_PORT=smtp,
            SMTP_SECURITY="none", SMTP_FROM="support@example.ru",
        )  # fmt: skip
        app: FastAPI = create(settings)
        async with app.router.lifespan_context(app):
            parts: Parts = app.state.parts
            imap.put("help", letter("Как сбросить пароль?", Subject="Пароль"))
            first = (await arrived(box, 1))[0]
            answer = first["Message-ID"]
            imap.put("help", letter("Позовите человека", Message_ID="<2@example.com>", In_Reply_To=answer))
            await until(lambda: _handed_over(parts))
            (handoff,) = await parts.crew.handoffs.listed()
            operator = Person("local:anna", frozenset({Role.OPERATOR}))
            await parts.crew.handoffs.take(handoff.id, operator)
            await parts.crew.handoffs.reply(handoff.id, operator, "Здравствуйте, я Анна")
            last = (await arrived(box, 3))[-1]
    assert first["In-Reply-To"] == "<1@example.com>"
    assert plain(first).strip()
    assert last["References"].split()[-1] == "<2@example.com>"
    assert plain(last).startswith("Здравствуйте, я Анна")
    assert last["Auto-Submitted"] is None
    assert "[#" in last["Subject"]


async def _handed_over(parts: Parts) -> bool:
    return bool(await parts.crew.handoffs.listed())
