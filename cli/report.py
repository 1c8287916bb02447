"""`naryad report`: what a day or a week was like."""

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.errors import ConfigError, NaryadError
from naryad.i18n import LANGUAGES, N_, _
from naryad.printable import printable

if TYPE_CHECKING:
    from naryad.db.models.report import Report
    from naryad.reports.archive import Archive

app = App()


class Format(StrEnum):
    """How a report is given out."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"
    JSON = "json"


Day = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help=N_("A day of the period; else the last.")),
]
Lang = Annotated[str, typer.Option(metavar="ru|en", help=N_("The language; else NARYAD_LANG."))]
Form = Annotated[Format, typer.Option("--format", metavar="text|html|pdf|json", help=N_("How it is given out."))]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=N_("Where to; else the screen."))]


@app.command(help=N_("A report of one day, by default of yesterday."))
def daily(date: Day = None, lang: Lang = "", form: Form = Format.TEXT, output: Output = None) -> None:
    """Of a day."""
    session.go(_report("daily", date, lang, form, output))


@app.command(help=N_("A report of one week from Monday on, by default of the last."))
def weekly(date: Day = None, lang: Lang = "", form: Form = Format.TEXT, output: Output = None) -> None:
    """Of a week."""
    session.go(_report("weekly", date, lang, form, output))


async def _report(kind: str, day: datetime | None, lang: str, form: Format, output: Path | None) -> None:
    from naryad.db.models.report import ReportKind
    from naryad.i18n import language
    from server.jobs.works import archive_of

    if lang and lang not in LANGUAGES:
        raise ConfigError(
            _("{lang!r} is none of {known}").format(lang=lang, known=", ".join(LANGUAGES)), source="--lang"
        )
    if day and not 2000 <= day.year < 2100:
        raise ConfigError(_("a day of this century, please"), source="--date")
    if form is Format.PDF and output is None and sys.stdout.isatty():
        raise ConfigError(_("a PDF does not go to the screen: name a file"), source="--output")
    async with session.crew() as crew:
        archive = archive_of(crew)
        period = archive.period(ReportKind(kind), day.date() if day else None)
        report = await archive.make(period, "local")
        made = await _made(archive, report, lang or language(), form)
    if output:
        try:
            output.write_bytes(made)
        except OSError as error:
            raise NaryadError(f"{output}: {error.strerror}") from error
        show.console().print(str(output), markup=False)
    elif form is Format.TEXT:
        sys.stdout.write(printable(made.decode()))
    else:
        sys.stdout.buffer.write(made)
        sys.stdout.flush()


async def _made(archive: "Archive", report: "Report", lang: str, form: Format) -> bytes:
    from naryad.reports import text
    from naryad.reports.archive import figures_of

    if form is Format.JSON:
        return (figures_of(report).model_dump_json() + "\n").encode()
    if form is Format.TEXT:
        return text.full(figures_of(report), lang).encode()
    file = await (archive.pdf if form is Format.PDF else archive.html)(report, lang)
    return file.read_bytes()
