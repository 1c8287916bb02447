"""Letters of ours, written when they go: what was forgotten meanwhile is in none of them."""

import asyncio
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from sqlmodel import Session, col, select

from naryad.db.models.event import EventRow
from naryad.db.models.mail import MailLetter, MailThread
from naryad.db.models.ticket import Ticket
from naryad.db.session import Database
from naryad.i18n import LANGUAGES, N_, _, speaking
from naryad.mail.conversations import names
from naryad.notify.mail import MailSender
from naryad.outbox import Undeliverable

QUOTED_CHARS = 2_000
_SUBJECT = N_("Your request")
_NOTES = {
    "too_large": N_("Your letter is too large: nobody has read it. Send it again without the large attachments."),
    "too_many": N_("Too many letters came from you: nobody acts on the last ones. A person may look through them."),
}
_BARE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class _Told:
    """What goes into a letter."""

    message_id: str
    subject: str
    text: str
    lang: str
    answers: list[str]
    by_person: bool
    quoted: str = ""


class LetterSender:
    """Sends messages of threads, and notes about letters that nobody acts on, through the SMTP server."""

    def __init__(self, database: Database, smtp: MailSender) -> None:
        self._database, self._smtp = database, smtp

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str | None:
        """Deliver one letter, as `Sender` says; sent again it is the same letter, by its Message-ID."""
        told = await self._told(payload)
        message = self.message(target, told)
        await asyncio.to_thread(self._smtp.deliver, message)
        return told.message_id

    async def _told(self, payload: Mapping[str, Any]) -> _Told:
        if note := payload.get("note"):
            with speaking(payload["lang"]):
                subject, text = _(_SUBJECT), _(_NOTES[note])
            fresh = make_msgid(domain=self._smtp.domain)
            return _Told(fresh, subject, text, payload["lang"], payload["answers"], by_person=False)
        told = await self._database.look(lambda session: _of_thread(session, payload))
        if told is None:
            raise Undeliverable(_("The conversation was erased."))
        return told

    def message(self, target: str, told: _Told) -> EmailMessage:
        """The letter as it is sent: the reply, and below it what it answers."""
        message = self._smtp.headed(target, _BARE.sub(" ", told.subject).strip(), told.message_id)
        if answers := [one for one in told.answers if one]:
            message["In-Reply-To"] = answers[0]
            message["References"] = " ".join(reversed(answers))
        if not told.by_person:
            message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
        plain, rich = told.text.strip() + "\n", _paragraphs(told.text)
        if told.quoted:
            with speaking(told.lang):
                above = _("You wrote:")
            plain += f"\n{above}\n" + "\n".join(f"> {line}" for line in told.quoted.split("\n")) + "\n"
            rich += f"<p>{html.escape(above)}</p><blockquote>{_paragraphs(told.quoted)}</blockquote>"
        message.set_content(plain)
        message.add_alternative(f"<!doctype html><html><body>{rich}</body></html>\n", subtype="html")
        return message


def _of_thread(session: Session, payload: Mapping[str, Any]) -> _Told | None:
    """A message of a thread; with words of theirs only for who has answered a letter of ours.

    Anybody can write in the name of anybody: else we would sign and carry any text to any address.
    """
    letter = session.get(MailLetter, payload["letter"])
    thread = session.get(MailThread, letter.thread_id) if letter else None
    event = session.get(EventRow, (letter.thread_id, payload["seq"])) if letter else None
    if letter is None or thread is None or event is None:
        return None
    answered = session.get(MailLetter, payload["answered"])
    query = select(Ticket.number).where(Ticket.thread_id == thread.thread_id).order_by(col(Ticket.number).desc())
    number = session.exec(query.limit(1)).first()
    known = answered is not None and answered.address == letter.address and names(answered.answers, thread)
    lang = thread.lang if thread.lang in LANGUAGES else LANGUAGES[0]
    with speaking(lang):
        subject = f"Re: {thread.subject}" if known and thread.subject else _(_SUBJECT)
    return _Told(
        message_id=letter.message_id,
        subject=f"{subject} [#{number}]" if number else subject,
        text=str(event.data.get("text", "")),
        lang=lang,
        answers=letter.answers,
        by_person=bool(event.data.get("by")),
        quoted=answered.text[:QUOTED_CHARS] if answered and known else "",
    )


def _paragraphs(text: str) -> str:
    blocks = (html.escape(block).replace("\n", "<br>\n") for block in re.split(r"\n{2,}", text.strip()))
    return "".join(f"<p>{block}</p>\n" for block in blocks)
