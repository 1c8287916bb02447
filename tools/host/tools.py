"""Host tools: load, memory, disks, processes, ports and logs of this machine. All only look."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from naryad.tooling import Risk, Toolset, tool
from tools.host.client import HostClient
from tools.host.log_tail import log_tail


class HostTools(Toolset):
    """The machine that Naryad runs on.

    Args:
        roots: Folders, or single files, that may be looked at.
    """

    prefix = "host"

    def __init__(self, roots: Sequence[Path]) -> None:
        self._host = HostClient(roots)

    @tool(Risk.READ)
    async def cpu(self) -> dict[str, Any]:
        """CPU use in percent now, load averages over 1, 5 and 15 minutes, and the number of cores."""
        return await asyncio.to_thread(self._host.cpu)

    @tool(Risk.READ)
    async def memory(self) -> dict[str, Any]:
        """Total, used and available memory in megabytes; memory and swap use in percent."""
        return await asyncio.to_thread(self._host.memory)

    @tool(Risk.READ)
    async def disk(self, path: str = "/") -> dict[str, Any]:
        """Size and free space in megabytes of the file system that holds a path.

        Args:
            path: Any path on the file system.
        """
        return await asyncio.to_thread(self._host.disk, path)

    @tool(Risk.READ, timeout_s=60)
    async def directory(self, path: str) -> dict[str, Any]:
        """How much a folder takes on disk, with its 20 largest files and their age in seconds.

        Args:
            path: Absolute path of the folder; logs, data and configuration folders are open, others are not.
        """
        return await asyncio.to_thread(self._host.directory, path)

    @tool(Risk.READ)
    async def processes(self, match: str = "", limit: Annotated[int, Field(ge=1, le=200)] = 20) -> dict[str, Any]:
        """Running processes, the busiest first: pid, command line, state, CPU percent, memory, start time.

        Args:
            match: Only processes whose name or command line holds this text, whatever its case.
            limit: At most so many; `count` says how many there are.
        """
        return await asyncio.to_thread(self._host.processes, match, limit)

    @tool(Risk.READ)
    async def ports(self, port: Annotated[int, Field(ge=1, le=65535)] | None = None) -> dict[str, Any]:
        """Who listens on which TCP port.

        Args:
            port: Only this port.
        """
        return await asyncio.to_thread(self._host.ports, port)

    @tool(Risk.READ)
    async def file(self, path: str) -> dict[str, Any]:
        """Whether a file exists, its kind, mode, owner, size in bytes and time of change. Not its content.

        Args:
            path: Absolute path inside the logs, data and configuration folders.
        """
        return await asyncio.to_thread(self._host.file, path)

    @tool(Risk.READ)
    async def log_tail(
        self, path: str, lines: Annotated[int, Field(ge=1, le=2000)] = 100, match: str = ""
    ) -> dict[str, Any]:
        """The last lines of a log file, oldest first. Only the end of a huge file is read.

        Args:
            path: Absolute path of the log, inside the logs, data and configuration folders.
            lines: At most so many lines.
            match: Only lines that hold this text, whatever its case; plain text, not a pattern.
        """

        def read() -> dict[str, Any]:
            return log_tail(self._host.inside(path), path, lines, match)

        return await asyncio.to_thread(read)
