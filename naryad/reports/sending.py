"""Sends a report to those who are to get it: each once, however often it is asked for."""

import asyncio
from base64 import b64encode
from typing import Any

import structlog
from sqlmodel import Session

from naryad.db.models.delivery import Delivery
from naryad.db.models.report import Report
from naryad.db.session import Database
from naryad.errors import ToolFailed
from naryad.notify.notifier import TELEGRAM
from naryad.notify.routes import EMAIL
from naryad.outbox import Outbox
from naryad.reports import text
from naryad.reports.archive import Archive, figures_of, name_of
from naryad.settings import Settings

log = structlog.get_logger()
MOST_BYTES = 5_000_000
"""A larger file is not attached: mail servers refuse it."""


async def send(report: Report, archive: Archive, database: Database, outbox: Outbox, settings: Settings) -> int:
    """Write the messages of a report; returns how many were not written before.

    The file goes with the message into the database: the process that sends it may run on another machine.
    """
    figures, lang = figures_of(report), settings.lang
    title, body = text.summary(figures, lang)
    link = f"{settings.public_url.rstrip('/')}/reports/{report.id}" if settings.public_url else ""
    told: dict[str, Any] = {"kind": "report", "lang": lang, "title": title, "text": body, "link": link}
    origin = f"report:{report.kind.value}:{report.since.isoformat()}"
    rows = [
        Delivery(channel=TELEGRAM, target=str(chat), payload=told, key=f"{TELEGRAM}:{chat}:{origin}")
        for chat in [settings.admin_chat_id]
        if chat and settings.telegram_token
    ]
    readers = [one.strip() for one in settings.report_recipients.split(",") if one.strip()]
    if readers and not settings.smtp_host:
        log.warning("report.mail.not_set_up", hint="REPORT_RECIPIENTS needs SMTP_HOST")
    elif readers:
        letter = {**told, "files": await _files(report, archive, lang)}
        rows += [
            Delivery(channel=EMAIL, target=reader, payload=letter, key=f"{EMAIL}:{reader.lower()}:{origin}")
            for reader in readers
        ]

    def write(session: Session) -> int:
        return sum([outbox.add(session, row) for row in rows])

    new = await database.transact(write)
    outbox.wake()
    return new


async def _files(report: Report, archive: Archive, lang: str) -> list[dict[str, str]]:
    """The PDF; where none can be made, the page itself."""
    try:
        file, kind = await archive.pdf(report, lang), "application/pdf"
    except ToolFailed:
        file, kind = await archive.html(report, lang), "text/html"
    data = await asyncio.to_thread(file.read_bytes)
    if len(data) > MOST_BYTES:
        return []
    return [{"name": f"{name_of(report)}{file.suffix}", "type": kind, "base64": b64encode(data).decode()}]
