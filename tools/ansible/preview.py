"""A check as the person reads it who decides."""

from collections.abc import Iterator

from naryad.i18n import _, ngettext
from tools.ansible.outcome import TaskOutcome
from tools.ansible.results import CheckResult

_DIFFS_CHARS = 10_000
_CHARS = 100_000


def preview(check: CheckResult) -> str:
    """Say host by host what would change, with the differences, and what cannot be told.

    Every task that may do something is named; only differences are left out when there is too much of them.
    """
    text = "\n".join(_lines(check, _Room(_DIFFS_CHARS)))
    return text if len(text) <= _CHARS else text[:_CHARS] + "\n" + _("… (cut; the whole check is longer)")


class _Room:
    """The room that is left to differences: nobody may hide a change behind a long one before it."""

    def __init__(self, chars: int) -> None:
        self._left = chars

    def for_lines(self, text: str) -> list[str]:
        self._left -= len(text)
        return text.splitlines() if self._left >= 0 else [_("(too long to be shown here)")]


def _lines(check: CheckResult, room: _Room) -> Iterator[str]:
    for error in check.errors:
        yield "✗ " + _("The check failed: {error}").format(error=_flat(error))
    for warning in check.warnings:
        yield "! " + _flat(warning)
    for name in check.guessed:
        text = _("{task}: what it finds is only known in the run, and later tasks depend on it")
        yield "! " + text.format(task=name)
    for host in dict.fromkeys(task.host for task in check.tasks):
        tasks = [task for task in check.tasks if task.host == host]
        yield f"{host}:"
        for task in tasks:
            yield from _task(task, room)
        same = sum(not (task.changed or task.failed or task.unreachable or task.skipped) for task in tasks)
        if same:
            quiet = ngettext("{count} task would change nothing", "{count} tasks would change nothing", same)
            yield "  = " + quiet.format(count=same)
    for name in check.unreached:
        yield "? " + _("{task}: not reached in the check, may run all the same").format(task=name)
    if check.omitted:
        yield _("… and {count} more results of tasks").format(count=check.omitted)


def _task(task: TaskOutcome, room: _Room) -> Iterator[str]:
    if task.not_previewed:
        yield "  ? " + _("{task} ({module}): will run, but what it does cannot be previewed").format(
            task=task.task, module=task.module
        )
    elif task.unreachable or task.failed:
        yield "  ✗ " + _("{task}: fails: {message}").format(task=task.task, message=_flat(task.message))
    elif task.skipped:
        yield "  ? " + _("{task} ({module}): skipped as things are now").format(task=task.task, module=task.module)
    elif task.changed:
        yield "  ~ " + _("{task} ({module}): would change").format(task=task.task, module=task.module)
        if task.hidden:
            yield "      " + _("what it changes is hidden by no_log")
        yield from (f"      {line}" for line in room.for_lines(task.diff))


def _flat(text: str) -> str:
    return " ".join(text.split())
