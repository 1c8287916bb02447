"""The lab's own line to its supervisor."""

import asyncio
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from naryad.errors import NaryadError

RPC_TIMEOUT_S = 20.0
EXITED = (Faults.ABNORMAL_TERMINATION, Faults.SPAWN_ERROR)
"""Faults by which the supervisor tells that a program it started has ended already."""


class Supervisor:
    """Starts and stops the shop's programs over XML-RPC on a unix socket."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def info(self, name: str) -> dict[str, Any]:
        """State of a program, as `getProcessInfo` tells it (statename, pid, exitstatus …)."""
        return cast(dict[str, Any], await self._call("getProcessInfo", name))

    async def start(self, name: str) -> None:
        """Start a program, or leave it running; that it exits at once is no error here."""
        await self._call("startProcess", name, but=(Faults.ALREADY_STARTED, *EXITED))

    async def stop(self, name: str) -> None:
        """Stop a program and wait for its end."""
        await self._call("stopProcess", name, but=(Faults.NOT_RUNNING,))

    async def restart(self, name: str) -> None:
        """Stop a program and start it."""
        await self.stop(name)
        await self.start(name)

    async def _call(self, method: str, name: str, *, but: tuple[int, ...] = ()) -> Any:
        try:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes together with the answer.
            async with asyncio.timeout(RPC_TIMEOUT_S):
                return await asyncio.to_thread(self._ask, method, name)
        except Fault as fault:
            if fault.faultCode in but:
                return None
            raise NaryadError(f"The supervisor refused {method} {name}: {fault.faultString}") from fault
        except (OSError, ProtocolError) as error:  # TimeoutError is an OSError
            raise NaryadError(f"The supervisor does not answer {method} {name}: {error}") from error

    def _ask(self, method: str, name: str) -> Any:
        with ServerProxy("http://localhost", transport=SupervisorTransport(serverurl=f"unix://{self.socket}")) as proxy:
            return getattr(proxy.supervisor, method)(name)
