"""`naryad demo`: a real shop breaks, and the crew repairs it."""

from typing import Annotated

import typer

from naryad.i18n import _


def demo(
    fault: Annotated[str, typer.Option(help=_("Which fault to inject."))] = "crash",
    every: Annotated[bool, typer.Option("--all", help=_("All faults, one after another."))] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=_("Approve everything without asking."))] = False,
    json: Annotated[bool, typer.Option("--json", help=_("One JSON object per fault."))] = False,
) -> None:
    """Break a small real shop and watch the crew repair it."""
    from cli import demo_run
    from cli.session import go

    raise typer.Exit(go(demo_run.play(fault, every=every, yes=yes, json=json)))
