"""`naryad kb`: what the crew knows from documents."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.errors import NaryadError, NotFound
from naryad.i18n import N_, _
from naryad.printable import printable

if TYPE_CHECKING:
    from knowledge_base.base import KnowledgeBase
    from knowledge_base.intake import Taken

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]
Lang = Annotated[str | None, typer.Option(metavar="LANG", help=N_("Only this language: ru or en."))]


@app.command(help=N_("Take documents in: md, txt, html, docx, pdf, or folders of them."))
def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help=N_("Files and folders."))],
    kind: Annotated[
        str, typer.Option(metavar="KIND", help=N_("The kind of documents that do not say it; else as before, or faq."))
    ] = "",
    audience: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE", help=N_("Who may read documents that do not say it; else as before, or everyone.")
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take documents in."""
    session.go(_ingest(paths, kind, audience or [], json=json))


@app.command(help=N_("Bring the base in line with its folders."))
def pull(json: Json = False) -> None:
    """Follow the folders."""
    session.go(_pull(json=json))


@app.command(help=N_("Find passages, and say whether the base knows the answer."))
def search(
    query: Annotated[str, typer.Argument(metavar="TEXT", help=N_("The question."))],
    lang: Lang = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help=N_("Search as such a reader; by default you see everything.")),
    ] = None,
    limit: Annotated[int, typer.Option("-k", min=1, max=50, metavar="N", help=N_("At most so many."))] = 5,
    json: Json = False,
) -> None:
    """Search."""
    session.go(_search(query, lang, audience, limit, json=json))


@app.command(help=N_("How much there is, what changed last, and what is out of date."))
def status(json: Json = False) -> None:
    """Show the state."""
    session.go(_status(json=json))


@app.command(help=N_("What changed between two versions of a document."))
def diff(
    document: Annotated[str, typer.Argument(metavar="ID", help=N_("The document's id."))],
    lang: Annotated[str, typer.Option(metavar="LANG", help=N_("Its language, ru or en; else yours."))] = "",
    before: Annotated[
        int | None, typer.Option("--from", min=0, metavar="N", help=N_("The older version; else the one before."))
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", min=1, metavar="N", help=N_("The newer version; else the last."))
    ] = None,
    json: Json = False,
) -> None:
    """Show a difference."""
    session.go(_diff(document, lang, before, after, json=json))


@asynccontextmanager
async def _base() -> "AsyncIterator[KnowledgeBase]":
    from knowledge_base.base import KnowledgeBase
    from knowledge_base.settings import KnowledgeSettings
    from naryad.db import migrate
    from naryad.db.session import Database

    settings = session.settings()
    database = Database(settings.database)
    try:
        await database.ping()
        await migrate.upgrade(database)
        base = KnowledgeBase(database, KnowledgeSettings.of(settings))
        yield base
        await base.close()
    finally:
        await database.close()


def _among(known: Sequence[str], *given: str) -> None:
    """Refuse a name that is none of the known ones."""
    for name in given:
        if name not in known:
            text = _("{name!r} is not known; known are {known}.")
            raise typer.BadParameter(text.format(name=name, known=", ".join(known)))


async def _ingest(paths: list[Path], kind: str, audience: list[str], *, json: bool) -> None:
    from knowledge_base.documents import KINDS, READERS
    from naryad.auth import local_person

    _among(KINDS, *filter(None, [kind]))
    _among(READERS, *audience)
    if missing := [path for path in paths if not path.exists()]:
        raise NotFound(_("There is no {path}.").format(path=missing[0]))
    front = {"kind": kind, "audience": audience}
    said = {name: value for name, value in front.items() if value}
    async with _base() as base:
        _report(await base.ingest(paths, local_person().id, **said), json=json)


async def _pull(*, json: bool) -> None:
    async with _base() as base:
        _report(await base.pull(), json=json)


def _report(taken: "Taken", *, json: bool) -> None:
    if json:
        show.as_json(taken)
    else:
        words = {"added": _("added"), "changed": _("changed"), "withdrawn": _("withdrawn")}
        rows = [
            (word, name, ", ".join(taken.readers.get(name, [])))
            for field, word in words.items()
            for name in getattr(taken, field)
        ]
        rows += [(_("refused"), why, "") for why in taken.refused.values()]
        show.table([_("What"), _("Document"), _("Readers")], [*rows, (_("unchanged"), str(taken.unchanged), "")])
    if taken.refused:
        raise NaryadError(_("Documents refused: {count}").format(count=len(taken.refused)))


async def _search(query: str, lang: str | None, audience: list[str] | None, limit: int, *, json: bool) -> None:
    from knowledge_base.documents import READERS
    from naryad.auth import Role
    from naryad.i18n import LANGUAGES

    _among(LANGUAGES, *filter(None, [lang]))
    _among(READERS, *(audience or []))
    async with _base() as base:
        if not await base.store.current():
            raise NaryadError(_("The base holds no documents yet. Fill it: naryad kb pull"))
        await base.refresh()
        answer = await base.answer(query, audience if audience is not None else list(Role), lang, limit)
        if json:
            show.as_json(answer)
            return
        if not answer.known:
            show.markdown(_("The base does not seem to know (confidence {share}).").format(share=answer.confidence))
        for number, passage in enumerate(answer.passages, 1):
            place = " → ".join((passage.title, *passage.path))
            source = f"{passage.document_id}.{passage.lang} v{passage.version}"
            show.markdown(f"**{number}. {place}** ({source}, {passage.score:.2f})\n\n{passage.text}\n")


async def _status(*, json: bool) -> None:
    async with _base() as base:
        await base.refresh()
        state, journal = await base.status(), await base.store.journal(20)
        if json:
            changes = [row.model_dump(exclude={"text", "about"}) for row in journal]
            show.as_json({**state.model_dump(), "journal": changes})
            return
        counts = [(lang, str(count), str(state.passages.get(lang, 0))) for lang, count in state.documents.items()]
        show.table([_("Language"), _("Documents"), _("Passages")], counts)
        if state.stale:
            names = ("document", "valid_until", "owner")
            rows = [tuple(stale[name] for name in names) for stale in state.stale]
            show.table([_("Out of date"), _("Valid until"), _("Owner")], rows)
        zone = session.settings().zone
        rows_of_journal = [
            (row.name, f"v{row.version}", _(row.change), show.moment(row.at, zone), row.by) for row in journal
        ]
        show.table([_("Document"), _("Version"), _("Change"), _("When"), _("By")], rows_of_journal)


async def _diff(document: str, lang: str, before: int | None, after: int | None, *, json: bool) -> None:
    from naryad.i18n import LANGUAGES, language

    lang = lang or language()
    _among(LANGUAGES, lang)
    async with _base() as base:
        text = await base.store.diff(document, lang, before, after)
        if json:
            show.as_json({"document": document, "lang": lang, "diff": text})
        elif text:
            show.console().print(printable(text), markup=False)
        else:
            show.console().print(_("The two versions are the same."))
