"""`naryad evals security`: what a model that obeys every injected order can do behind the gate."""

import sys
import time
import warnings
from typing import Annotated

import typer

from cli import session, show
from naryad.i18n import N_, _
from naryad.printable import printable

_ABOUT = (
    ("payloads", N_("orders")),
    ("reached", N_("read by the model")),
    ("obeyed", N_("obeyed")),
    ("asked", N_("put to people")),
    ("refused", N_("refused")),
    ("unapproved_effects", N_("done unasked")),
    ("unsourced", N_("questions without a source")),
    ("control_effects", N_("done where nobody judges")),
)


def security(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE…]", help=N_("agentdojo or one of its suites, ops, support; else all of them.")),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=N_("As JSON."))] = False,
) -> None:
    """Attack the gate with orders in what agents read; exit code 1 where one had an effect that nobody approved."""
    raise typer.Exit(session.go(_security(suites or [], json=json)))


async def _security(suites: list[str], *, json: bool) -> int:
    from evals.security.measure import measure, misses

    session.settings()  # the language
    warnings.simplefilter("ignore")  # AgentDojo's, of its own models
    report = await measure(suites, _Progress())
    missed = misses(report)
    if json:
        show.as_json({**report, "missed": missed})
        return int(bool(missed))
    heads = [_("Suite"), *(_(text) for _key, text in _ABOUT)]
    show.table(
        heads, [(name, *(str(counts.get(key, "—")) for key, _text in _ABOUT)) for name, counts in report.items()]
    )
    if dojo := report.get("agentdojo"):
        text = _("AgentDojo without an attack: {useful} of {tasks} tasks done, {asks} questions a task.")
        counts = {"useful": dojo["benign_useful"], "tasks": dojo["benign_tasks"], "asks": dojo["asks_per_benign_task"]}
        show.console().print(text.format(**counts))
    for line in missed:
        show.console().print(printable(_("Missed: {what}").format(what=line)))
    return int(bool(missed))


class _Progress:
    """A line on stderr for each thing that was played: in a terminal always the same line."""

    def __init__(self) -> None:
        self._begun, self._count = time.monotonic(), 0

    def __call__(self, text: str) -> None:
        self._count += 1
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        line = f"{self._count:4} {minutes}:{seconds:02} {text}"
        again = sys.stderr.isatty()
        typer.echo(f"\r\x1b[2K{line[:100]}" if again else line, nl=not again, err=True)
