"""A check as the person reads it who decides."""

from collections.abc import Iterator

from naryad.i18n import _, ngettext
from tools.ansible.outcome import TaskOutcome
from tools.ansible.results import CheckResult

_CHARS = 12_000


def preview(check: CheckResult) -> str:
    """Say host by host what would change, with the differences, and what cannot be told."""
    text = "\n".join(_lines(check))
    return text if len(text) <= _CHARS else text[:_CHARS] + "\n" + _("… (cut; the whole check is longer)")


def _lines(check: CheckResult) -> Iterator[str]:
    for error in check.errors:
        yield "✗ " + _("The check failed: {error}").format(error=error)
    for warning in check.warnings:
        yield "! " + warning
    for host in dict.fromkeys(task.host for task in check.tasks):
        tasks = [task for task in check.tasks if task.host == host]
        yield f"{host}:"
        for task in tasks:
            yield from _task(task)
        same = sum(not (task.changed or task.failed or task.unreachable or task.not_previewed) for task in tasks)
        if same:
            quiet = ngettext("{count} task would change nothing", "{count} tasks would change nothing", same)
            yield "  = " + quiet.format(count=same)
    if check.omitted:
        yield _("… and {count} more results of tasks").format(count=check.omitted)


def _task(task: TaskOutcome) -> Iterator[str]:
    if task.not_previewed:
        yield "  ? " + _("{task} ({module}): will run, but what it does cannot be previewed").format(
            task=task.task, module=task.module
        )
    elif task.unreachable or task.failed:
        yield "  ✗ " + _("{task}: fails: {message}").format(task=task.task, message=task.message)
    elif task.changed:
        yield "  ~ " + _("{task} ({module}): would change").format(task=task.task, module=task.module)
        if task.hidden:
            yield "      " + _("what it changes is hidden by no_log")
        yield from (f"      {line}" for line in task.diff.splitlines())
