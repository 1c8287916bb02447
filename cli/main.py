"""The command line's entry: commands, languages, errors as one line, exit codes."""

import sys
from typing import Any

import typer

from cli import approvals, audit, database, demo, doctor, incidents, model, run
from naryad.errors import ConfigError, NaryadError, NotFound
from naryad.i18n import _
from naryad.printable import printable

EXIT_FAILED, EXIT_INPUT = 1, 2

app = typer.Typer(
    name="naryad",
    help=_("A crew of AI agents that run a company's IT behind one approval gate."),
    epilog=_("Exit codes: 0 done, 1 failed, 2 wrong input or settings, 3 people must decide, 130 interrupted."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(help=_("Break a small real shop and watch the crew repair it."))(demo.demo)
app.command(help=_("Give an agent a task and follow its run."))(run.run)
app.command(help=_("Talk with an agent."))(run.chat)
app.command(help=_("Check every integration: configured, reachable, how to fix."))(doctor.doctor)
for group, name, text in (
    (approvals.app, "approvals", _("Questions that wait for a person.")),
    (incidents.app, "incidents", _("What was wrong and what was done.")),
    (audit.app, "audit", _("The chain of everything that happened.")),
    (model.app, "model", _("Local language models.")),
    (database.app, "db", _("The database.")),
):
    app.add_typer(group, name=name, help=text, no_args_is_help=True)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; a deliberate error becomes one line on stderr and its exit code."""
    try:
        app(arguments, standalone_mode=True)
    except (ConfigError, NotFound) as error:
        _end(error, EXIT_INPUT)
    except NaryadError as error:
        _end(error, EXIT_FAILED)


def _end(error: NaryadError, code: int) -> Any:
    sys.stderr.write(printable(_("Error: {message}").format(message=error.message)) + "\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
