"""The archive: one report of each period, its files, and its way to people."""

import asyncio
from base64 import b64decode
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from naryad.clock import now
from naryad.db.models.delivery import Delivery
from naryad.db.models.report import Report, ReportKind
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.notify import texts
from naryad.notify.mail import MailSender
from naryad.outbox import Outbox
from naryad.reports import archive as archives
from naryad.reports import sending
from naryad.reports.archive import Archive, figures_of
from naryad.reports.period import Period
from naryad.settings import Settings
from tests.naryad.reports import past

DAY = Period(ReportKind.DAILY, date(2026, 10, 25), "Europe/Moscow")


@pytest.fixture
def settings(alone: Path) -> Settings:
    return Settings(
        NARYAD_HOME=alone, SMTP_HOST="127.0.0.1", SMTP_FROM="n@example.ru", TELEGRAM_TOKEN="1:x", ADMIN_CHAT_ID=7,
        REPORT_RECIPIENTS="anna@example.ru, Boris@example.ru", NARYAD_LANG="en", NARYAD_PUBLIC_URL="https://n.ru/",
    )  # fmt: skip


async def deliveries(database: Database) -> list[Delivery]:
    return list(await database.look(lambda session: session.exec(select(Delivery).order_by(Delivery.key)).all()))


async def test_a_period_has_one_report(database: Database, settings: Settings) -> None:
    """Ten at once make one row; what happens later in the rows does not change it."""
    several = [Archive(database, settings) for _ in range(2)]
    made = await asyncio.gather(*(several[n % 2].make(DAY, "x") for n in range(10)))
    assert len({row.id for row in made}) == 1
    await past.keep(database, past.incidents(50, DAY.since, DAY.until))
    again = await several[0].make(DAY, "y")
    assert (again.made_by, figures_of(again).incidents.incidents) == ("x", 0)
    assert len(await several[0].listed()) == 1


async def test_a_period_that_goes_on_is_told_anew(database: Database, settings: Settings) -> None:
    """Today's report grows with the day, under one id; one of tomorrow is refused."""
    archive = Archive(database, settings)
    today = Period.holding(ReportKind.DAILY, now().astimezone(settings.zone).date(), settings.timezone)
    first = await archive.make(today, "x")
    await past.keep(database, past.incidents(300, now() - timedelta(seconds=20), now()))
    second = await archive.make(today, "x")
    assert first.id == second.id
    assert figures_of(first).incidents.incidents < figures_of(second).incidents.incidents
    with pytest.raises(Refused):
        await archive.make(Period.holding(ReportKind.DAILY, date(2099, 1, 1), "UTC"), "x")


@pytest.mark.slow
async def test_everybody_gets_it_once(database: Database, settings: Settings) -> None:
    """Two processes and a repetition after a crash: one letter each with the PDF, and one message to the admin chat."""
    archive, outbox = Archive(database, settings), Outbox(database)
    report = await archive.make(DAY, "x")
    sent = await asyncio.gather(*(sending.send(report, archive, database, outbox, settings) for _ in range(2)))
    assert sorted(sent) == [0, 3]
    assert await sending.send(report, archive, database, outbox, settings) == 0
    written = {row.target: row for row in await deliveries(database)}
    assert set(written) == {"anna@example.ru", "Boris@example.ru", "7"}
    anna, chat = written["anna@example.ru"], written["7"]
    (file,) = anna.payload["files"]
    assert b64decode(file["base64"]).startswith(b"%PDF")
    assert file["name"] == "naryad-daily-2026-10-25.pdf"
    letter = MailSender(settings).message("anna@example.ru", anna.payload, None)
    (attached,) = letter.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/pdf", file["name"])
    assert letter["Subject"] == "Report for 2026-10-25"
    assert f"https://n.ru/reports/{report.id}" in texts.rendered(chat.payload).body


async def test_without_a_pdf_the_page_goes(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without Pango sends the same as HTML; one without mail sends no letter and breaks nothing."""
    monkeypatch.setattr("sys.executable", "/bin/false")
    archive, outbox = Archive(database, settings), Outbox(database)
    report = await archive.make(DAY, "x")
    await sending.send(report, archive, database, outbox, settings)
    files = [row.payload["files"][0] for row in await deliveries(database) if row.channel == "email"]
    assert [file["type"] for file in files] == ["text/html"] * 2
    assert b64decode(files[0]["base64"]).startswith(b"<!DOCTYPE html>")
    other = settings.model_copy(update={"smtp_host": "", "telegram_token": None})
    assert await sending.send(await archive.make(DAY.before, "x"), archive, database, outbox, other) == 0


async def test_a_month_later_it_is_gone(database: Database, settings: Settings) -> None:
    """The rows and the files, of old ones only."""
    archive = Archive(database, settings)
    report = await archive.make(DAY, "x")
    file = await archive.html(report, "ru")
    assert file.stat().st_mode & 0o077 == 0
    assert await archive.prune(now() + archives.KEPT - timedelta(minutes=1)) == 0
    assert file.exists()
    assert await archive.prune(now() + archives.KEPT + timedelta(minutes=1)) == 1
    assert not file.exists()
    assert await database.look(lambda session: session.exec(select(Report)).all()) == []
