"""What a run of Ansible did, put together from its events as they come."""

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from naryad import masking
from naryad.canonical import digest
from tools.ansible.diffs import Diffs

_TASKS = 300
_OUTPUT_LINES = 60
_LINE_CHARS = 500
_MESSAGE_CHARS = 500
_RESULTS = {"runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_on_skipped"}
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE = re.compile(r":(\d+)\Z")
_NO_CHECK_MODE = re.compile(r"check mode", re.IGNORECASE)
_RARE = frozenset({"unreachable", "ignored", "hidden", "not_previewed"})
_NO_MESSAGE = frozenset({"changed", "failed", "diff", "invocation", "msg", "exception", "deprecations", "warnings"})


class TaskOutcome(BaseModel):
    """One task on one host. As JSON the flags below are there only when they are true.

    Attributes:
        ignored: It failed, and the playbook goes on.
        hidden: `no_log` hides what it did.
        not_previewed: Check mode cannot tell what it would do.
        line: Where it stands in the playbook as Ansible got it; 0 when that is not known.
    """

    host: str
    task: str
    module: str
    changed: bool = False
    skipped: bool = False
    failed: bool = False
    unreachable: bool = False
    ignored: bool = False
    hidden: bool = False
    not_previewed: bool = False
    message: str = ""
    diff: str = ""
    line: int = Field(0, exclude=True)

    @model_serializer(mode="wrap")
    def _short(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = plain(self)
        return {key: value for key, value in written.items() if value or key not in _RARE}


class Leftover(BaseModel):
    """A process that still runs after a cut."""

    pid: int
    cmdline: str


class Recorder:
    """Takes a run's events; nothing of them is kept but short outcomes.

    Args:
        diffs: Reads diffs.
        tell: Takes a line for each task that starts on a host.

    Attributes:
        tasks: The first outcomes; `omitted` counts those beyond.
        reached: Lines of all tasks that had an outcome.
        stats: Ansible's own counts by host; None until the playbook ended.
        output: The last lines that belong to no task: errors of syntax, warnings.
        unmatched: Plays whose hosts are not in the inventory.
    """

    def __init__(self, diffs: Diffs, tell: Callable[[str], None]) -> None:
        self._diffs, self._tell = diffs, tell
        self.tasks: list[TaskOutcome] = []
        self.omitted = 0
        self.reached: set[int] = set()
        self.stats: dict[str, dict[str, int]] | None = None
        self.output: deque[str] = deque(maxlen=_OUTPUT_LINES)
        self.unmatched: list[str] = []
        self._facts: list[Any] = []
        self._play = ""
        self._unpreviewed_items: set[tuple[str, str]] = set()

    def __call__(self, event: dict[str, Any]) -> bool:
        """Take one event; False keeps the runner from writing it to disk."""
        kind, data = event.get("event", ""), event.get("event_data") or {}
        if kind in _RESULTS:
            self._result(kind, data, event.get("stdout") or "")
        elif kind == "runner_on_start":
            self._tell(masking.secrets(f"{data.get('task', '')} → {data.get('host', '')}"[:200]))
        elif kind == "runner_item_on_skipped":
            if _NO_CHECK_MODE.search(str((data.get("res") or {}).get("msg", ""))):
                self._unpreviewed_items.add(_place(data))
        elif kind == "playbook_on_play_start":
            self._play = str(data.get("name") or data.get("pattern") or "")
        elif kind == "playbook_on_no_hosts_matched":
            self.unmatched.append(self._play)
        elif kind == "playbook_on_stats":
            self.stats = {
                name: dict(data.get(name) or {})
                for name in ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored")
            }
        elif "task" not in data:
            lines = _COLOURS.sub("", event.get("stdout") or "").splitlines()
            self.output.extend(line.strip()[:_LINE_CHARS] for line in lines[-_OUTPUT_LINES:] if line.strip())
        return False

    @property
    def fingerprint(self) -> str:
        """Of what every task would do; equal for two checks of one state."""
        return digest(self._facts)

    @property
    def first_failure(self) -> TaskOutcome | None:
        """The failure that ended the playbook on its host: not ignored, and not rescued."""
        failed = [task for task in self.tasks if task.failed and not task.ignored]
        if self.stats is not None:
            failed = [task for task in failed if task.host in self.stats["failures"]]
            # On a host with a rescued failure the last one is the one that counts.
            last = {task.host: task for task in failed}
            failed = [task for task in failed if last[task.host] is task]
        return failed[0] if failed else None

    def _result(self, kind: str, data: dict[str, Any], shown: str) -> None:
        result = data.get("res")
        skipped = kind == "runner_on_skipped"
        lost = not skipped and not result
        result = result if isinstance(result, dict) else {}
        outcome = TaskOutcome(
            host=str(data.get("host", "")),
            # In one line: a name with line breaks could write lines of the preview itself.
            task=masking.secrets(" ".join(str(data.get("task", ""))[:400].split()))[:200],
            module=str(data.get("task_action", "")),
            # A result too large for its event is dropped whole: then count on a change.
            changed=bool(result.get("changed", lost)),
            skipped=skipped,
            failed=kind == "runner_on_failed",
            unreachable=kind == "runner_on_unreachable",
            ignored=bool(data.get("ignore_errors")),
            hidden="censored" in result,
            not_previewed=skipped and (bool(_NO_CHECK_MODE.search(shown)) or _place(data) in self._unpreviewed_items),
            message="its result was too large to be kept"
            if lost
            else _message(result, kind, str(data.get("task_action", ""))),
            diff=self._diffs.readable(result),
            line=int(found[1]) if (found := _LINE.search(str(data.get("task_path", "")))) else 0,
        )
        self._facts.append([*outcome.model_dump(exclude={"message", "diff"}).values(), self._diffs.stable(result)])
        self.reached.add(outcome.line)
        if len(self.tasks) < _TASKS:
            self.tasks.append(outcome)
        else:
            self.omitted += 1


def _place(data: dict[str, Any]) -> tuple[str, str]:
    return str(data.get("host", "")), str(data.get("task_uuid", ""))


def _message(result: dict[str, Any], kind: str, module: str) -> str:
    """What the task itself said, in one short text."""
    if "censored" in result:
        return "hidden by no_log"
    items = [item for item in result.get("results") or [] if isinstance(item, dict)]
    parts = [result.get("msg"), *(item.get("msg") for item in items if item.get("failed"))]
    if kind == "runner_on_ok" and module.endswith("debug") and not any(parts) and not items:
        rest = {key: value for key, value in result.items() if key not in _NO_MESSAGE and not key.startswith("_")}
        # `debug: var=…` puts the value under the variable's own name, and has nothing else.
        parts = [rest] if len(rest) == 1 else []
    text = "; ".join(part if isinstance(part, str) else _json(part) for part in parts if part)
    return masking.secrets(text[: 2 * _MESSAGE_CHARS])[:_MESSAGE_CHARS]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
