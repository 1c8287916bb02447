"""What the Ansible tools answer: the model, a runbook's conditions and the preview read it."""

from typing import Any, TypeVar

from pydantic import BaseModel

from naryad.canonical import digest
from naryad.i18n import _
from tools.ansible.allowlist import Playbook
from tools.ansible.client import Execution
from tools.ansible.folders import ENDED
from tools.ansible.outcome import Leftover, TaskOutcome
from tools.ansible.unseen import guessed, unreached

_WORDS_CHARS = 20_000
_TASKS_CHARS = 40_000
_CHANGED = 50


class Place(BaseModel):
    """A task on a host."""

    host: str
    task: str


class Failure(Place):
    """A task that failed, and what it said."""

    message: str


class CheckResult(BaseModel):
    """What a playbook would do.

    Attributes:
        ok: It may run, and check mode met no failure.
        skipped_in_check: Tasks that check mode cannot preview.
        unreached: Tasks that the check came past, and a run may make.
        guessed: Tasks on whose result others depend, although it may be another in the run.
        fingerprint: Equal for two checks of one playbook and one state; empty when nothing was checked.
    """

    ok: bool
    errors: list[str] = []
    warnings: list[str] = []
    tasks: list[TaskOutcome] = []
    skipped_in_check: list[str] = []
    unreached: list[str] = []
    guessed: list[str] = []
    omitted: int = 0
    fingerprint: str = ""


class RunResult(BaseModel):
    """What a playbook did.

    Attributes:
        changed: What is different now, also when the playbook failed later.
        failed: The first failure that ended it on a host.
        still_running: Processes on this machine that a cut left alive; those on other hosts cannot be seen.
    """

    ok: bool
    status: str
    rc: int
    message: str
    changed: list[Place]
    failed: Failure | None
    unreachable: list[str]
    tasks: list[TaskOutcome]
    omitted: int
    still_running: list[Leftover]
    stats: dict[str, Any] | None


R = TypeVar("R", CheckResult, RunResult)


def shortened(result: R) -> R:
    """The same for a model and for code: what cannot be handed over whole loses the words of its later tasks first."""
    kept: list[TaskOutcome] = []
    used = 0
    for task in result.tasks:
        short = task if used < _WORDS_CHARS else task.model_copy(update={"message": "", "diff": ""})
        used += len(short.model_dump_json())
        if used > _TASKS_CHARS:
            break
        kept.append(short)
    return result.model_copy(update={"tasks": kept, "omitted": result.omitted + len(result.tasks) - len(kept)})


def check_result(playbook: Playbook, done: Execution) -> CheckResult:
    """Read a check."""
    if done.status not in ENDED:
        return CheckResult(ok=False, errors=[f"The check did not end ({done.status}): {done.complaint}"])
    record = done.record
    unpreviewed = list(dict.fromkeys(task.task for task in record.tasks if task.not_previewed))
    errors: list[str] = []
    warnings = [f"{name} cannot be previewed: its module has no check mode" for name in unpreviewed]
    for place, task in enumerate(record.tasks):
        if task.unreachable or (task.failed and not task.ignored):
            said = f"{task.host}: {task.task}: {task.message}"
            # It may only lack what a task that check mode skipped would have given it.
            after_skipped = task.failed and any(before.not_previewed for before in record.tasks[:place])
            (warnings if after_skipped else errors).append(said + (" (in check mode)" if after_skipped else ""))
    return CheckResult(
        ok=not errors,
        errors=errors,
        warnings=warnings,
        tasks=record.tasks,
        skipped_in_check=unpreviewed,
        unreached=unreached(playbook.text, record.reached),
        guessed=guessed(playbook.text, record.tasks),
        omitted=record.omitted,
        fingerprint=digest([playbook.digest, record.fingerprint]),
    )


def run_result(done: Execution) -> RunResult:
    """Read a run."""
    record = done.record
    failure = record.first_failure
    unreachable = sorted({task.host for task in record.tasks if task.unreachable})
    changed = [Place(host=task.host, task=task.task) for task in record.tasks if task.changed][:_CHANGED]
    return RunResult(
        ok=done.status == "successful" and done.rc == 0,
        status=done.status,
        rc=done.rc,
        message=_said(done, failure, unreachable),
        changed=changed,
        failed=Failure(host=failure.host, task=failure.task, message=failure.message) if failure else None,
        unreachable=unreachable,
        tasks=record.tasks,
        omitted=record.omitted,
        still_running=done.still_running,
        stats=record.stats,
    )


def _said(done: Execution, failure: TaskOutcome | None, unreachable: list[str]) -> str:
    if done.status in ("timeout", "canceled"):
        cut = _("The playbook was cut ({status}); a task that was under way may go on.").format(status=done.status)
        going = ", ".join(str(process.pid) for process in done.still_running)
        return f"{cut} " + (
            _("Still running: {pids}.").format(pids=going) if going else _("Nothing is left of it here.")
        )
    if failure:
        said = _("«{task}» failed on {host}: {message}")
        return said.format(task=failure.task, host=failure.host, message=failure.message)
    if unreachable:
        return _("Not reached: {hosts}.").format(hosts=", ".join(unreachable))
    return _("The playbook ran to its end.") if done.rc == 0 else done.complaint
