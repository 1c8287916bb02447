"""Command lines of processes, fit to be shown."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

from naryad import masking

_CHARS = 500
_SECRET_OPTIONS = {"mysql": "-p", "mariadb": "-p", "sshpass": "-p", "redis-cli": "-a", "curl": "-u"}
"""Programs whose one-letter option is a password; `-psecret` and `-p secret` both."""
_SECRET_WORDS = ("password", "passwd", "passphrase", "secret", "token", "api-key", "api_key", "apikey", "credential")


def masked_command(arguments: Sequence[str]) -> str:
    """A command line in one string, its secrets masked; also those in an argument of their own."""
    shown = list(arguments)
    program = PurePath(shown[0]).name if shown else ""
    letter = _SECRET_OPTIONS.get(program)
    for index, (before, argument) in enumerate(pairwise(shown), 1):
        option = before.lower()
        named = option.startswith("-") and "=" not in option and any(word in option for word in _SECRET_WORDS)
        if (named and not argument.startswith("--")) or (letter and before == letter):
            shown[index] = "•••"
        elif letter and argument.startswith(letter) and not argument.startswith("--") and len(argument) > len(letter):
            shown[index] = f"{letter}•••"
    return masking.secrets(" ".join(shown)[: 4 * _CHARS])[:_CHARS]
