"""Errors of usage in one line: what is wrong with the call, in the reader's language, and where to read on."""

import re
from typing import Any

from naryad.i18n import N_, _

_SAID = (
    (r"Missing argument '(?P<name>.+)'\.", N_("{name} is missing.")),
    (r"Missing option '(?P<name>.+)'\.", N_("{name} is missing.")),
    (r"Missing command\.", N_("Which command?")),
    (r"No such command '(?P<name>.+)'\.", N_("There is no command {name}.")),
    (
        r"No such command '(?P<name>.+)'\. Did you mean (?P<near>.+)\?",
        N_("There is no command {name}; perhaps {near}?"),
    ),
    (r"No such option: (?P<name>\S+)", N_("There is no option {name}.")),
    (
        r"No such option: (?P<name>\S+) \(Possible options: (?P<near>.+)\)",
        N_("There is no option {name}; perhaps {near}?"),
    ),
    (r"Option '(?P<name>.+)' requires an argument\.", N_("The option {name} needs a value.")),
    (r"Option '(?P<name>.+)' does not take a value\.", N_("The option {name} takes no value.")),
    (r"Got unexpected extra arguments? ?\(?s?\)? ?\((?P<rest>.+)\)", N_("Too much: {rest}.")),
    (r"Invalid value for '(?P<name>.+)': Input .* greater than or equal to (?P<n>\S+)", N_("{name}: at least {n}.")),
    (r"Invalid value for '(?P<name>.+)': Input .* less than or equal to (?P<n>\S+)", N_("{name}: at most {n}.")),
    (r"Invalid value for '(?P<name>.+)': Input .* valid integer.*", N_("{name}: a whole number, please.")),
    (r"Invalid value for '(?P<name>.+)': Input .* valid number.*", N_("{name}: a number, please.")),
    (
        r"Invalid value for '(?P<name>.+)': (?:Value error, )?'(?P<value>.+)' is not one of (?P<known>'.+')\.",
        N_("{name}: {value} is not one of these: {known}."),
    ),
    (
        r"Invalid value for '(?P<name>.+)': (?:File|Directory|Path) '(?P<path>.+)' does not exist\.",
        N_("{name}: there is no {path}."),
    ),
    (r"Invalid value: (?P<ours>.+)", "{ours}"),
)
"""What Typer says, which is English only, and how we say it. What is not here is shown as Typer says it."""


def explained(error: Any) -> str:
    """One line about a `UsageError` of Typer.

    Args:
        error: What Typer raised; its `ctx` knows the command.
    """
    said = " ".join(error.format_message().split())
    for pattern, ours in _SAID:
        if found := re.fullmatch(pattern, said):
            said = _(ours).format(**{name: _(value) for name, value in found.groupdict().items()})
            break
    if getattr(error, "ctx", None) is None:
        return said
    return _("{what} See: {command} --help").format(what=said, command=error.ctx.command_path)
