"""`naryad doctor`: each integration: configured, reachable, how to fix."""

from typing import Annotated

import typer

from cli import session, show
from naryad.i18n import N_, _


def doctor(json: Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))] = False) -> None:
    """Check every integration; exit code 1 when one that is configured does not work."""
    raise typer.Exit(session.go(_doctor(json=json)))


async def _doctor(*, json: bool) -> int:
    from agents.checkup import checkup

    found = await checkup(session.settings())
    if json:
        show.as_json(found)
    else:
        marks = {True: _("yes"), False: _("no"), None: "—"}
        rows = [(c.name, marks[c.configured], marks[c.reachable], _(c.hint)) for c in found]
        show.table([_("Integration"), _("Configured"), _("Works"), _("What to do")], rows)
    return int(any(check.configured and check.reachable is False for check in found))
