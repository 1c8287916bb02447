"""How things look on a terminal."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from naryad.i18n import _
from naryad.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from naryad.db.models.gate import Approval
    from naryad.events import Event


@cache
def console() -> "Console":
    """Standard output: words wrap on a terminal, and lines stay whole in a pipe."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def as_json(value: Any) -> None:
    """Print one JSON value on one line, for programs."""
    from pydantic_core import to_jsonable_python

    print(json.dumps(to_jsonable_python(value), ensure_ascii=False), flush=True)  # noqa: T201  this is the output


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings: cells wrap on a terminal, and a pipe gets each row whole, on a line of its own."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        out.print(_("Nothing here."), style="dim")
    elif out.is_terminal:
        made = Table(box=None, header_style="bold", pad_edge=False)
        for number, name in enumerate(columns):
            made.add_column(name, no_wrap=number == 0)
        for row in cells:
            made.add_row(*map(Text, row))
        out.print(made)
    else:
        lines = [list(columns), *([" ".join(cell.split()) for cell in row] for row in cells)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            out.print(text.rstrip(), markup=False)


def short(identifier: str) -> str:
    """An id as a table shows it: its end, which every command takes for the whole; a pipe gets the whole."""
    return identifier[-8:] if console().is_terminal else identifier


def markdown(text: str) -> None:
    """Print Markdown: laid out on a terminal, and as it is in a pipe."""
    if not console().is_terminal:
        console().print(printable(text), markup=False)
        return
    from rich.markdown import Markdown

    console().print(Markdown(printable(text)))


def moment(at: datetime | None, zone: tzinfo) -> str:
    """A moment as people read it."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else "—"


def approval(asked: "Approval", zone: tzinfo) -> None:
    """Everything a person needs to decide."""
    from rich.panel import Panel
    from rich.text import Text

    from naryad.gate.shown import without_secrets

    asked = without_secrets(asked)
    lines = [_(asked.question) if asked.question else asked.tool, ""]
    if asked.preview:
        lines += [asked.preview.rstrip(), ""]
    lines += [*_arguments(json.loads(asked.args_json)), ""]
    origin = ", ".join(f"{name} ← {source}" for name, source in asked.provenance.items())
    lines += [
        _("Tool: {tool}. Agent: {agent}, on behalf of {principal}.").format(
            tool=asked.tool, agent=asked.agent, principal=asked.principal
        ),
        *([_("Written by: {origin}.").format(origin=origin)] if origin else []),
        _("Decided by: {roles}; until {until}.").format(
            roles=", ".join(asked.roles), until=moment(asked.expires_at, zone)
        ),
        _("Approval {id}").format(id=asked.id),
    ]
    title = _("Your decision") if asked.status == "pending" else _("Approval")
    console().print(Panel(Text(printable("\n".join(lines))), title=title, border_style="yellow"))


def _arguments(args: dict[str, Any]) -> Iterator[str]:
    """What exactly will run: each argument, a long text in lines of its own."""
    for name, value in args.items():
        if isinstance(value, str) and "\n" in value:
            yield f"{name}:"
            yield from (f"  {line}" for line in value.rstrip().splitlines())
        elif value not in (None, ""):  # a false or a zero is part of what people allow
            yield f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"


class Stream:
    """Prints a thread's events as they come."""

    def __init__(self) -> None:
        self._streamed = ""

    def event(self, event: "Event") -> None:
        """Print one event."""
        data, out = event.data, console()
        if event.type == "token":
            out.print(printable(data["text"]), end="", markup=False)
            self._streamed += data["text"]
            return
        streamed, self._streamed = self._streamed, ""
        if streamed:
            out.print()
        if event.type == "message" and data["text"].strip() == streamed.strip():
            return  # it was read as it came
        if line := _line(event.type, data):
            out.print(printable(line[0]), style=line[1], markup=False)


def _short(args: dict[str, Any]) -> str:
    """A call's arguments in a few words: the ends of paths and texts tell the most."""
    words = [value for value in args.values() if isinstance(value, str) and "\n" not in value]
    return " ".join(word if len(word) <= 40 else f"…{word[-39:]}" for word in words)[:80]


def _line(kind: str, data: dict[str, Any]) -> tuple[str, str] | None:
    match kind:
        case "reset":
            return _("… the answer broke off; starting it anew"), "dim"
        case "incident.created":
            return _("● Incident: {title}").format(title=data["title"]), "bold red"
        case "tool.started":
            return f"  → {data['tool']} {_short(data.get('args', {}))}".rstrip(), "dim"
        case "tool.finished" if data["outcome"] != "done":
            why = data.get("why") or _(data["outcome"])
            return f"  ✗ {data['tool']}: {why}", "yellow"
        case "status":
            return f"    {data['text']}", "dim"
        case "approval.requested":
            return _("? Waiting for a decision: {question}").format(question=data["question"]), "yellow"
        case "approval.decided":
            return _("  decision: {status}").format(status=_(data["status"])), "yellow"
        case "message":
            return data["text"], "bold"
        case "run.failed":
            return _("The run failed: {message}").format(message=data["message"]), "red"
    return None
