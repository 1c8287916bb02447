"""The command line's entry: commands, language, errors as one line, exit codes."""

import atexit
import gc
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from cli import (
    approvals,
    audit,
    database,
    deliveries,
    demo,
    doctor,
    evals,
    handoffs,
    incidents,
    jobs,
    kb,
    mail,
    model,
    report,
    run,
    serve,
    silences,
    tickets,
    users,
)
from cli.page import App
from cli.session import EXIT_INTERRUPTED, Interrupted
from naryad import i18n
from naryad.errors import ConfigError, NaryadError, NotFound
from naryad.i18n import N_, _
from naryad.printable import printable

EXIT_FAILED, EXIT_INPUT = 1, 2

app = App(
    name="naryad",
    help=N_("A crew of AI agents that run a company's IT behind one approval gate."),
    epilog=N_("Exit codes: 0 done, 1 failed, 2 wrong input or settings, 3 people must decide, 130 interrupted."),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(help=N_("Break a small real shop and watch the crew repair it."))(demo.demo)
app.command(help=N_("Give an agent a task and follow its run."))(run.run)
app.command(help=N_("Talk with an agent."))(run.chat)
app.command(help=N_("Run the server: the API, the background work and the bot."))(serve.serve)
app.command(help=N_("Check every integration: configured, reachable, how to fix."))(doctor.doctor)
for group, name, text in (
    (approvals.app, "approvals", N_("Questions that wait for a person.")),
    (tickets.app, "tickets", N_("What people asked for.")),
    (handoffs.app, "handoffs", N_("Conversations that people answer instead of an agent.")),
    (incidents.app, "incidents", N_("What was wrong and what was done.")),
    (silences.app, "silences", N_("Maintenance that must not wake anybody.")),
    (audit.app, "audit", N_("The chain of everything that happened.")),
    (report.app, "report", N_("What a day or a week was like.")),
    (jobs.app, "jobs", N_("What time starts: monitors, reports, cleaning up.")),
    (deliveries.app, "deliveries", N_("Messages that did not reach people.")),
    (mail.app, "mail", N_("Letters that nobody could read.")),
    (kb.app, "kb", N_("What the crew knows from documents.")),
    (model.app, "model", N_("Local language models.")),
    (users.app, "users", N_("Accounts and their roles.")),
    (evals.app, "evals", N_("How well the agents do, and whether they still do.")),
    (database.app, "db", N_("The database.")),
):
    app.add_typer(group, name=name, help=text, no_args_is_help=True)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; a deliberate error becomes one line on stderr and its exit code."""
    # What a command imports lives as long as it: looking through that for garbage, again and again, was a third of its
    # start, and of its end.
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # an old terminal shows «?», not a traceback
    _speak()
    try:
        raise SystemExit(typer.main.get_command(app)(arguments, prog_name="naryad", standalone_mode=False))
    except typer.TyperException as error:
        _misused(error)
    except Interrupted as stop:
        _end(f"\n{stop.message}", EXIT_INTERRUPTED)
    except (ConfigError, NotFound) as error:
        _failed(error.message, EXIT_INPUT)
    except NaryadError as error:
        _failed(error.message, EXIT_FAILED)
    except Exception as error:  # the process ends here; whatever is no fault of the machine's goes on as a traceback
        from cli import broken

        if (text := broken.explained(error)) is None:
            raise
        _failed(text, EXIT_FAILED)


def _speak() -> None:
    """Help and errors of usage come before the settings are read: their language may stand in `.env` as well."""
    if "NARYAD_LANG" in os.environ:
        return
    try:
        env = Path(".env").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return  # most often there is none; what is wrong with one is said when the settings are read
    if found := re.search(r"""^\s*(?:export\s+)?NARYAD_LANG\s*=\s*["']?(\w+)""", env, re.MULTILINE):
        with suppress(ValueError):
            i18n.use(found[1])


def _misused(error: typer.TyperException) -> Any:
    from cli import usage

    if type(error).__name__ == "NoArgsIsHelpError":
        _end(error.format_message(), EXIT_INPUT)
    _failed(usage.explained(error), EXIT_INPUT)


def _failed(message: str, code: int) -> Any:
    _end(_("Error: {message}").format(message=" ".join(message.split())), code)


def _end(text: str, code: int) -> Any:
    sys.stderr.write(printable(text) + "\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
