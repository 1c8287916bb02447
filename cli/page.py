"""The help pages, in the reader's language: plain text that a pipe, a narrow terminal and a screen reader can take."""

import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from naryad.i18n import N_, _

N_("[OPTIONS]")
N_("COMMAND [ARGS]...")
_VALUES = (
    *(
        N_("AFTER"),
        N_("BEFORE"),
        N_("CASE"),
        N_("MODEL"),
        N_("RUN"),
        N_("SUITE"),
        N_("ADDRESS"),
        N_("AGENT"),
        N_("EMAIL"),
        N_("FILE"),
        N_("HASH"),
        N_("INTO"),
        N_("KIND"),
        N_("LANG"),
        N_("NAME"),
    ),
    *(
        N_("PATH"),
        N_("PORT"),
        N_("PRIORITY"),
        N_("ROLE"),
        N_("STATUS"),
        N_("TEXT"),
        N_("TICKET"),
        N_("TIME"),
        N_("MATCHER"),
        N_("YYYY-MM-DD"),
    ),
)
"""What stands for a value."""
N_("Install completion for the current shell.")
N_("Show completion for the current shell, to copy it or customize the installation.")


class _Page:
    """A command's help. Its texts are marked with `N_` where they are declared, and translated here."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option `--help`, explained by us."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = N_("Show this page.")
        return option

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write how the command is called."""
        pieces = self.collect_usage_pieces(ctx)  # type: ignore[attr-defined]
        formatter.write_usage(
            ctx.command_path, " ".join(_value(_(re.sub("[{}]", "", piece))) for piece in pieces), _("Usage: ")
        )

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole page."""
        self.format_usage(ctx, formatter)
        self._paragraph(self.help, formatter)  # type: ignore[attr-defined]
        params = self.get_params(ctx)  # type: ignore[attr-defined]
        commands = getattr(self, "commands", {})
        for title, rows in (
            (_("Arguments"), [_argument(param) for param in params if param.param_type_name == "argument"]),
            (_("Options"), [_option(param) for param in params if param.param_type_name == "option"]),
            (_("Commands"), [(name, _(command.help)) for name, command in commands.items()]),
        ):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        self._paragraph(self.epilog, formatter)  # type: ignore[attr-defined]

    @staticmethod
    def _paragraph(text: str | None, formatter: Any) -> None:
        if text:
            formatter.write_paragraph()
            formatter.write_text(_(text))


def _argument(param: Any) -> tuple[str, str]:
    return _value(param.metavar or param.name), _(param.help or "")


def _option(param: Any) -> tuple[str, str]:
    names, text = ", ".join(sorted([*param.opts, *param.secondary_opts], key=len)), _(param.help or "")
    if param.is_flag:
        return names, text
    if param.default not in (None, ""):
        text = f"{text} [{param.default}]"
    return f"{names} {_value(param.metavar or '')}", text


def _value(text: str) -> str:
    """The word that stands for a value, in brackets or not."""
    return re.sub(r"[A-Z][A-Z-]+", lambda word: _(word[0]) if word[0] in _VALUES else word[0], text)


class Command(_Page, TyperCommand):
    """A command with our page."""


class Group(_Page, TyperGroup):
    """A group of commands with our page."""


class App(typer.Typer):
    """Commands whose help is written by this file."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Declare a command."""
        return super().command(name, cls=Command, **options)
