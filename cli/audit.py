"""`naryad audit`: the chain of everything that happened."""

import json as jsonlib
import re
from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _
from naryad.printable import printable

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]


@app.command(help=N_("Check that no row was changed, removed or added out of turn."))
def verify(
    head: Annotated[
        str, typer.Option(metavar="HASH", help=N_("A hash noted elsewhere before: proves nothing was rewritten."))
    ] = "",
    json: Json = False,
) -> None:
    """Check the chain; exit code 1 when it is broken."""
    if head and not re.fullmatch("[0-9a-f]{64}", head):
        raise typer.BadParameter(_("A hash has 64 digits 0-9 and a-f, as `naryad audit verify` prints it."))
    raise typer.Exit(session.go(_verify(head, json=json)))


@app.command("show", help=N_("Rows of the audit, in order."))
def shown(
    thread: Annotated[str, typer.Option(metavar="ID", help=N_("Only this thread."))] = "",
    after: Annotated[int, typer.Option(min=0, metavar="N", help=N_("From the row after this number."))] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help=N_("At most so many."))] = 100,
    json: Json = False,
) -> None:
    """Show the audit."""
    session.go(_show(thread, after, limit, json=json))


async def _verify(head: str, *, json: bool) -> int:
    async with session.crew() as crew:
        verdict = await crew.gate.audit.verify()
        known = not head or await crew.gate.audit.holds(head)
    problem = verdict.problem or ("" if known else N_("the noted hash is not in the chain: it was rewritten"))
    if json:
        found = {"rows": verdict.rows, "head": verdict.head, "problem": problem, "seq": verdict.seq}
        show.as_json({"ok": not problem, **found})
    elif problem:
        place = _("row {seq}: ").format(seq=verdict.seq) if verdict.seq else ""
        text = _("The audit is broken: {place}{problem}").format(place=place, problem=_(problem))
        show.console().print(text, style="red")
    else:
        text = _("The audit is whole: {rows} rows, last hash {head}")
        show.console().print(text.format(rows=verdict.rows, head=verdict.head or "—"), style="green")
    return 1 if problem else 0


async def _show(thread: str, after: int, limit: int, *, json: bool) -> None:
    async with session.crew() as crew:
        zone = crew.runtime.settings.zone
        for row in await crew.gate.audit.rows(thread_id=thread, after=after, limit=limit):
            if json:
                show.as_json({**row.model_dump(exclude={"data_json"}), "data": jsonlib.loads(row.data_json)})
            else:
                line = f"{row.seq:>6}  {show.moment(row.at, zone)}  {row.event:<20} {row.data_json}"
                show.console().print(printable(line), markup=False)
