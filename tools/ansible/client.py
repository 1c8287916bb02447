"""Runs playbooks; the only place that touches ansible-runner."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from naryad import masking
from naryad.errors import ToolFailed
from tools.ansible import environment
from tools.ansible.allowlist import Playbook, review
from tools.ansible.diffs import Diffs
from tools.ansible.folders import ENDED, NOT_STARTED, Folders
from tools.ansible.inventory import computed_from
from tools.ansible.modules import DEFAULT_MODULES
from tools.ansible.outcome import Leftover, Recorder
from tools.command_line import masked_command

CHECK_LIMIT_S = 100
RUN_LIMIT_S = 270
_AFTERMATH_S = 1.0
_CHECK_MEMORY = 1024**3


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of one start of ansible-playbook.

    Attributes:
        status: `successful`, `failed`, `timeout`, `canceled`, or `not started`.
        still_running: Its processes on this machine that go on after a cut.
    """

    status: str
    rc: int
    record: Recorder
    still_running: list[Leftover]

    @property
    def complaint(self) -> str:
        """What Ansible said outside of any task: why a playbook did not start."""
        if self.record.unmatched:
            return f"no host of the inventory matches {', '.join(self.record.unmatched)}"
        lines = list(self.record.output)
        start = next((number for number, line in enumerate(lines) if "ERROR" in line), 0)
        return masking.secrets(" ".join(lines[start:])[:1500]) or "ansible-playbook said nothing"


class AnsibleClient:
    """Ansible with one inventory. The methods that start it block: call them in a thread.

    Args:
        inventory: The inventory file or folder.
        home: Where checks and runs keep their private folders.
        library: Further folders of modules.
        allowed_modules: Full names of the modules that playbooks may use.
        inventory_names: Variables that playbooks may read from the inventory.
    """

    def __init__(
        self,
        inventory: Path,
        *,
        home: Path,
        library: Sequence[Path] = (),
        allowed_modules: Set[str] = DEFAULT_MODULES,
        inventory_names: Set[str] = frozenset({"service_manager"}),
    ) -> None:
        self.inventory = inventory.absolute()
        self.folders = Folders(home)
        self.library = [str(folder.absolute()) for folder in library]
        self._allowed, self._inventory_names = allowed_modules, inventory_names

    def check_inventory(self) -> None:
        """Let Ansible read the inventory.

        Raises:
            ToolFailed: It cannot.
        """
        self._ready()
        with self.folders.check() as folder:
            settings = environment.reduced(os.environ) | environment.variables(folder, self.folders.home, self.library)
            command = [str(_executable("ansible-inventory")), "-i", str(self.inventory), "--list"]
            done = subprocess.run(command, env=settings, cwd=folder, capture_output=True, timeout=60, check=False)
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise ToolFailed(f"The inventory cannot be read: {masking.secrets(said[:500])}")

    def review(self, playbook: str, variables: Mapping[str, str]) -> tuple[Playbook | None, list[str]]:
        """Look at a playbook before anything runs: the playbook, or why it may not run. Reads the inventory's files."""
        return review(playbook, variables, self._allowed, self._inventory_names, computed_from(self.inventory))

    def check(self, playbook: Playbook, cancelled: Callable[[], bool], tell: Callable[[str], None]) -> Execution:
        """Run in check mode, which changes nothing.

        Raises:
            ToolFailed: Ansible is not there, or has no inventory.
        """
        with self.folders.check() as folder:
            done = self._execute(playbook, folder, cancelled, tell, check=True)
            _end_processes(folder.name)
        return done

    def run(
        self, playbook: Playbook, key: str, cancelled: Callable[[], bool], tell: Callable[[str], None]
    ) -> Execution:
        """Run for real.

        Args:
            key: The effect's key; the records of the run are found by it after a crash.

        Raises:
            ToolFailed: It did not start, or was started before under this key.
        """
        self._ready()
        self.folders.prepare_runs()
        folder = self.folders.run(key)
        folder.start()
        done = self._execute(playbook, folder.path, cancelled, tell, check=False)
        record = done.record
        folder.finish(
            {
                "status": done.status,
                "rc": done.rc,
                "stats": record.stats,
                "tasks": [task.model_dump(exclude={"diff"}) for task in record.tasks],
                "still_running": [process.model_dump() for process in done.still_running],
            }
        )
        return done

    def _execute(
        self,
        playbook: Playbook,
        folder: Path,
        cancelled: Callable[[], bool],
        tell: Callable[[str], None],
        *,
        check: bool,
    ) -> Execution:
        from ansible_runner import Runner, RunnerConfig
        from pexpect import ExceptionPexpect  # type: ignore[import-untyped]

        self._ready()
        environment.write_inputs(folder, playbook)
        own = environment.variables(folder, self.folders.home, self.library)
        config = RunnerConfig(
            private_data_dir=str(folder),
            playbook="playbook.yml",
            inventory=str(self.inventory),
            # Keeps out the implicit localhost: a playbook reaches only what the inventory lists.
            limit="all",
            cmdline="--check --diff" if check else "--diff",
            # The reason why a task was skipped is told only so, and only in the text.
            verbosity=1 if check else None,
            timeout=CHECK_LIMIT_S if check else RUN_LIMIT_S,
            ident="ansible",
            envvars=own,
            fact_cache_type="memory",
            quiet=True,
            suppress_env_files=True,
        )
        config.prepare()
        config.command[0] = str(_executable())
        config.env = environment.reduced(config.env) | own
        record = Recorder(Diffs([str(self.folders.home)]), tell)

        def handle(event: dict[str, Any]) -> bool:
            if check and event.get("event") == "playbook_on_start":
                _limit_memory(event)
            return record(event)

        runner = Runner(config, event_handler=handle, cancel_callback=cancelled)
        try:
            runner.run()
        except ExceptionPexpect:
            # After a cut it waits for the end of an output that the module left behind still holds open.
            runner.status, runner.rc = ("canceled" if runner.canceled else "timeout"), 254
        status = str(runner.status)
        if status in ENDED and not record.tasks and (runner.rc or record.unmatched):
            status = NOT_STARTED
        left = [] if status in ENDED or status == NOT_STARTED else _aftermath(folder.name)
        return Execution(status, int(runner.rc), record, left)

    def _ready(self) -> None:
        if not _executable().exists():
            raise ToolFailed(f"There is no {_executable()}: ansible-core is not installed.")
        if not self.inventory.exists():
            raise ToolFailed(f"There is no inventory at {self.inventory}.")


def _limit_memory(event: dict[str, Any]) -> None:
    """Keep a template such as `'x' * 10 ** 10` from taking the machine down in a check that nobody approved.

    Not in a run: a service that it starts by a script would inherit the limit.
    """
    if sys.platform == "linux":
        try:
            psutil.Process(event["pid"]).rlimit(psutil.RLIMIT_AS, (_CHECK_MEMORY, _CHECK_MEMORY))
        except psutil.NoSuchProcess:
            return


def _aftermath(run: str) -> list[Leftover]:
    """What goes on after a cut; a moment later, when what is dying has died.

    Processes on other hosts cannot be seen from here.
    """
    time.sleep(_AFTERMATH_S)
    return [Leftover(pid=process.pid, cmdline=command) for process, command in _processes(run)]


def _end_processes(run: str) -> None:
    """End what a check left: it changes nothing, so nothing is left half done."""
    found = [process for process, _ in _processes(run)]
    for process in found:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=3)


def _processes(run: str) -> list[tuple[psutil.Process, str]]:
    """A cut leaves a module alive in a session of its own, but with the run's environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(environment.MARK) == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process, masked_command(process.cmdline())))
        except psutil.Error:
            continue  # ended meanwhile, or of another user and so not ours
    return found


def _executable(name: str = "ansible-playbook") -> Path:
    """The program of the ansible-core that is installed beside us."""
    return Path(sys.executable).absolute().with_name(name)
