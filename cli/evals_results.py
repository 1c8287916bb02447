"""`naryad evals compare`, `report` and `summary`: what results say, and whether they got worse."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import session, show
from naryad.errors import NaryadError
from naryad.i18n import N_, _
from naryad.printable import printable

if TYPE_CHECKING:
    from evals.compare import Comparison
    from evals.results import Results

EXIT_WORSE = 1
_NAMED = N_("A file, the id of a run, newest, or baseline:MODEL.")
Run = Annotated[str, typer.Argument(metavar="RUN", help=_NAMED)]
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]


def compare(
    a: Annotated[str, typer.Argument(metavar="BEFORE", help=_NAMED)],
    b: Annotated[str, typer.Argument(metavar="AFTER", help=_NAMED)] = "newest",
    json: Json = False,
) -> None:
    """Exit code 1 where the second is worse than the first."""
    raise typer.Exit(session.go(_compare(a, b, json=json)))


def summary(run: Run = "newest", json: Json = False) -> None:
    """The figures of one run."""
    session.go(_summary(run, json=json))


def report(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN…]", help=_NAMED)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=N_("Where to; else the screen."))
    ] = None,
) -> None:
    """A page of one run or several; of two, what changed as well."""
    session.go(_report(runs or ["newest"], output))


async def _compare(before: str, after: str, *, json: bool) -> int:
    from evals.compare import compare as compared

    made = await asyncio.to_thread(compared, *await _results([before, after]))
    if json:
        show.as_json(made)
    else:
        _tell(made)
    return EXIT_WORSE if made.blocks else 0


async def _summary(name: str, *, json: bool) -> None:
    from evals.comparing import rows
    from evals.metrics import summary as summed

    (results,) = await _results([name])
    made = summed(results)
    if json:
        show.as_json(made)
        return
    show.table([_("Figure"), made.id], rows.figures([made]))
    for title, kind in ((_("Agent"), "by_agent"), (_("Tag"), "by_tag")):
        if found := rows.groups([made], kind):
            _say("")
            show.table([title, _("Passes")], found)
    _list(made.notes)


async def _report(names: list[str], output: Path | None) -> None:
    from evals.report import html
    from naryad.i18n import language

    page = await asyncio.to_thread(html, await _results(names), language())
    if output is None:
        sys.stdout.write(page)
        return
    try:
        await asyncio.to_thread(output.write_text, page, encoding="utf-8")
    except OSError as error:
        raise NaryadError(f"{output}: {error.strerror}") from error
    _say(str(output))


async def _results(names: Sequence[str]) -> "list[Results]":
    from evals.results import Results
    from evals.shelf import Shelf

    shelf = Shelf(session.settings().home)
    return [await Results.load(shelf.path_of(name)) for name in names]


def _tell(made: "Comparison") -> None:
    from evals.comparing import rows

    show.table([_("Figure"), _("Before"), _("Now")], rows.figures([made.before, made.after]))
    if made.ratios:
        _say("")
        show.table(rows.ratio_columns(), rows.ratios(made))
    if made.changes:
        _say("")
        show.table(rows.changed_columns(), rows.changed(made.changes))
    _list([*rows.said(made), *made.notes])
    _say("")
    _say(rows.verdict(made), "bold red" if made.blocks else "bold green")
    for reason in made.reasons:
        _say(f"  {reason}", "red")


def _list(notes: Sequence[str]) -> None:
    if notes:
        _say("")
    for note in notes:
        _say(f"- {note}")


def _say(text: str, style: str | None = None) -> None:
    show.console().print(printable(text), style=style, markup=False)
