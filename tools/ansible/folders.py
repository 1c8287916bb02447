"""The folders of checks and runs: what a crash leaves to tell what happened."""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from naryad.canonical import digest
from naryad.clock import now
from naryad.errors import ToolFailed
from naryad.tooling import Settled

_KEPT_S = 90 * 24 * 3600
_CHECK_LEFT_S = 24 * 3600
_PLAIN_KEY = re.compile(r"[A-Za-z0-9-]{1,100}")
ENDED = ("successful", "failed")
"""Statuses of a run that came to its own end."""
NOT_STARTED = "not started"


class Folders:
    """Private folders under one home; only the owner may read them.

    Args:
        home: Where to make them.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()

    @contextmanager
    def check(self) -> Iterator[Path]:
        """A folder for one check, removed afterwards."""
        checks = self._made("checks")
        _remove_older(checks, _CHECK_LEFT_S)
        folder = Path(tempfile.mkdtemp(dir=checks))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, key: str) -> "RunFolder":
        """The folder of the run that has this effect key; it need not exist."""
        name = key if _PLAIN_KEY.fullmatch(key) else digest(key)
        return RunFolder(self.home / "runs" / name)

    def prepare_runs(self) -> None:
        """Make the place of runs, and forget those that ended long ago."""
        _remove_older(self._made("runs"), _KEPT_S, only_with="outcome.json")

    def _made(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.home.chmod(0o700)
        return folder


class RunFolder:
    """One run: `started` is written before Ansible, `outcome.json` after it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self) -> None:
        """Mark the run as started, on disk, before anything can happen.

        Raises:
            ToolFailed: It was started before.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(self.path / "started", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            raise ToolFailed("This run was started before; it is not started again.") from None
        with os.fdopen(descriptor, "w") as file:
            _write(file, {"at": now().isoformat()})

    def finish(self, outcome: dict[str, Any]) -> None:
        """Record how it ended, in one step, and remove Ansible's working files."""
        draft = self.path / "outcome.json.new"
        with draft.open("w", encoding="utf-8") as file:
            _write(file, outcome)
        draft.rename(self.path / "outcome.json")
        # What a cut left running still reads its modules.
        unpacked = ("modules",) if outcome["status"] in ENDED else ()
        for name in ("artifacts", "env", "tmp", "project", *unpacked):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def fate(self) -> Settled:
        """What the run's own records tell of it."""
        if not (self.path / "started").exists():
            return Settled.NOT_STARTED
        try:
            outcome = json.loads((self.path / "outcome.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return Settled.UNKNOWN
        if outcome.get("status") == NOT_STARTED:
            return Settled.NOT_STARTED
        ended = outcome.get("status") in ENDED and outcome.get("stats") is not None
        return Settled.HAPPENED if ended else Settled.UNKNOWN


def _write(file: Any, value: Any) -> None:
    json.dump(value, file, ensure_ascii=False)
    file.flush()
    os.fsync(file.fileno())


def _remove_older(parent: Path, age_s: float, only_with: str = "") -> None:
    limit = time.time() - age_s
    for folder in parent.iterdir():
        with suppress(FileNotFoundError):  # another check was faster
            if folder.stat().st_mtime < limit and (not only_with or (folder / only_with).exists()):
                shutil.rmtree(folder, ignore_errors=True)
