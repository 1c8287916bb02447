"""`naryad demo`: a real shop breaks, and the crew repairs it."""

from typing import Annotated

import typer

from naryad.i18n import N_


def demo(
    fault: Annotated[str, typer.Option(metavar="NAME", help=N_("Which fault to inject."))] = "crash",
    every: Annotated[bool, typer.Option("--all", help=N_("All faults, one after another."))] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=N_("Approve everything without asking."))] = False,
    json: Annotated[bool, typer.Option("--json", help=N_("One JSON object per fault."))] = False,
) -> None:
    """Break a small real shop and watch the crew repair it."""
    from cli import demo_run
    from cli.session import go

    raise typer.Exit(go(demo_run.play(fault, every=every, yes=yes, json=json)))
