"""What this machine says of itself; the only place that asks psutil."""

import grp
import heapq
import os
import pwd
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from naryad.errors import ToolFailed
from tools.command_line import masked_command

_MB = 1024 * 1024
_SAMPLE_S = 0.2
"""Between two readings of CPU counters."""
_WALK_FILES = 200_000
_WALK_S = 15.0
_LARGEST = 20
_PROGRAM = 2
"""Arguments that name a program: the interpreter and its script."""


class HostClient:
    """Reads the machine it runs on. Every method blocks: call it in a thread.

    Args:
        roots: Folders inside which files may be looked at, or single files, each with those that a rotation
            or a backup leaves beside it (`app.log.1`, `app.conf.good`). Symlinks are followed before the check.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = [root.resolve() for root in roots]

    def cpu(self) -> dict[str, Any]:
        """Load in percent over a short sample, and the load averages."""
        load1, load5, load15 = psutil.getloadavg()
        return {
            "percent": psutil.cpu_percent(_SAMPLE_S),
            "load1": round(load1, 2),
            "load5": round(load5, 2),
            "load15": round(load15, 2),
            "cores": psutil.cpu_count() or 1,
        }

    def memory(self) -> dict[str, Any]:
        """Memory in megabytes, swap in percent."""
        memory = psutil.virtual_memory()
        return {
            "total_mb": _mb(memory.total),
            "used_mb": _mb(memory.used),
            "available_mb": _mb(memory.available),
            "percent": memory.percent,
            "swap_percent": psutil.swap_memory().percent,
        }

    def disk(self, path: str) -> dict[str, Any]:
        """The file system that holds the path."""
        with _refusals(path):
            usage = psutil.disk_usage(path)
        return {
            "path": path,
            "total_mb": _mb(usage.total),
            "used_mb": _mb(usage.used),
            "free_mb": _mb(usage.free),
            "percent": usage.percent,
        }

    def directory(self, path: str) -> dict[str, Any]:
        """Size of a folder with its largest files; symlinks are not followed, huge trees are cut."""
        folder = self.inside(path)
        if not folder.is_dir():
            raise ToolFailed(f"{path} is not a folder.")
        files: list[tuple[int, float, str]] = []
        unreadable: list[OSError] = []
        deadline = time.monotonic() + _WALK_S
        truncated = False
        for parent, _, names in os.walk(folder, onerror=unreadable.append):
            for path_of_file in (Path(parent) / name for name in names):
                try:
                    entry = path_of_file.lstat()
                except OSError:
                    continue  # deleted while we walk
                # Blocks, not length: a sparse file does not fill the disk.
                files.append((entry.st_blocks * 512, entry.st_mtime, str(path_of_file)))
            if len(files) >= _WALK_FILES or time.monotonic() > deadline:
                truncated = True
                break
        largest = heapq.nlargest(_LARGEST, files)
        return {
            "path": path,
            "used_mb": _mb(sum(size for size, _, _ in files)),
            "files": len(files),
            "largest": [
                {"path": name, "mb": _mb(size), "age_s": max(0, int(time.time() - modified))}
                for size, modified, name in largest
            ],
            "unreadable": len(unreadable),
            "truncated": truncated,
        }

    def processes(self, match: str, limit: int) -> dict[str, Any]:
        """Processes whose name or command line holds the text, the busiest first."""
        found = list(psutil.process_iter(["pid", "name", "cmdline"]))
        wanted = match.casefold()
        ours = _ours()
        shown = []
        for process in found:
            arguments = process.info["cmdline"] or []
            # Compared after masking: otherwise a match would tell, letter by letter, what the mask hides.
            compared = masked_command(arguments[:_PROGRAM] if process.pid in ours else arguments)
            if wanted in compared.casefold() or wanted in (process.info["name"] or "").casefold():
                shown.append((process, masked_command(arguments)))
        for process, _ in shown:
            with _vanished():
                process.cpu_percent(None)
        time.sleep(_SAMPLE_S)
        rows = [row for process, command in shown if (row := _process_row(process, command))]
        rows.sort(key=lambda row: (row["cpu_percent"], row["rss_mb"]), reverse=True)
        return {"count": len(rows), "processes": rows[:limit]}

    def ports(self, port: int | None) -> dict[str, Any]:
        """Listening TCP sockets; the owner is null where the system does not tell us."""
        with _refusals("listening sockets"):
            sockets = psutil.net_connections(kind="tcp")
        listeners = []
        for socket in sockets:
            if socket.status != psutil.CONN_LISTEN or not socket.laddr:
                continue
            address, number = socket.laddr.ip, socket.laddr.port
            if port not in (None, number):
                continue
            name = command = None
            if socket.pid is not None:
                with _vanished():
                    process = psutil.Process(socket.pid)
                    name, command = process.name(), masked_command(process.cmdline())
            listeners.append(
                {"address": address, "port": number, "pid": socket.pid, "process": name, "cmdline": command}
            )
        listeners.sort(key=lambda listener: (listener["port"], listener["address"], listener["pid"] or 0))
        return {"listeners": listeners}

    def file(self, path: str) -> dict[str, Any]:
        """Kind, mode and owner of one path."""
        real = self.inside(path)
        link = Path(path).is_symlink()
        try:
            entry = real.stat()
        except (FileNotFoundError, NotADirectoryError):
            nothing = dict.fromkeys(("kind", "mode", "owner", "group", "size", "modified"))
            return {"path": path, "exists": False, **nothing}
        except OSError as error:
            raise ToolFailed(f"Cannot look at {path}: {error.strerror}.") from error
        return {
            "path": path,
            "exists": True,
            "kind": "link" if link else _kind(entry.st_mode),
            "mode": f"{stat.S_IMODE(entry.st_mode):04o}",
            "owner": _name(pwd.getpwuid, entry.st_uid),
            "group": _name(grp.getgrgid, entry.st_gid),
            "size": entry.st_size,
            "modified": _iso(entry.st_mtime),
        }

    def inside(self, path: str) -> Path:
        """Resolve a path and refuse it outside the roots.

        Raises:
            ToolFailed: The path, after its symlinks, is not under any root.
        """
        if "\0" in path or not Path(path).is_absolute():
            raise ToolFailed(f"{path!r} is not an absolute path.")
        try:
            real = Path(path).resolve()
        except (OSError, RuntimeError) as error:
            raise ToolFailed(f"{path} cannot be resolved.") from error
        if not any(_belongs(real, root) for root in self.roots):
            allowed = ", ".join(map(str, self.roots)) or "none"
            raise ToolFailed(f"{path} is outside the folders that may be read: {allowed}.")
        return real


def _belongs(path: Path, root: Path) -> bool:
    if path.is_relative_to(root):
        return True
    beside = path.parent == root.parent and path.name.startswith((f"{root.name}.", f"{root.name}-"))
    return beside and not root.is_dir()


def _ours() -> set[int]:
    """This program and what started it: `bash -c 'naryad run ops "nginx is down"'` must not be taken for nginx."""
    with _vanished():
        return {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    return {os.getpid()}


def _process_row(process: psutil.Process, command: str) -> dict[str, Any] | None:
    try:
        with process.oneshot():
            return {
                "pid": process.pid,
                "name": process.name(),
                "cmdline": command,
                "status": process.status(),
                "cpu_percent": process.cpu_percent(None),
                "rss_mb": _mb(process.memory_info().rss),
                "started": _iso(process.create_time()),
            }
    except psutil.Error:
        return None  # ended while we looked


@contextmanager
def _vanished() -> Iterator[None]:
    """A process may end, or belong to another user, between two questions about it."""
    try:
        yield
    except psutil.Error:
        return


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    try:
        yield
    except psutil.AccessDenied as error:
        raise ToolFailed(f"The system does not let this user see: {what}.") from error
    except (OSError, psutil.Error, ValueError) as error:
        raise ToolFailed(f"Cannot look at {what}: {getattr(error, 'strerror', None) or error}.") from error


def _kind(mode: int) -> str:
    kinds = {"file": stat.S_ISREG, "directory": stat.S_ISDIR, "socket": stat.S_ISSOCK, "fifo": stat.S_ISFIFO}
    return next((name for name, fits in kinds.items() if fits(mode)), "device")


def _name(lookup: Any, number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def _mb(size: float) -> float:
    return round(size / _MB, 1)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
