"""The shop: three small services under a real supervisor, in one folder, ended without a trace."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType

from lab import ansible, probes, processes
from lab.layout import Layout, free_ports
from lab.lifeline import PARENT
from lab.supervision import Supervisor
from naryad.errors import NaryadError

CODE = Path(__file__).resolve().parents[1]
"""Where the services' own package is imported from, whatever the working directory."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
SOCKET_DIR_MAX = 80
"""Longest folder for the socket: its path holds 107 bytes, and the supervisor first binds a longer name."""


class Shop:
    """One shop in `home`, which keeps its data, logs and configuration after the end.

    Attributes:
        services: The service catalogue, written by `start`.
        inventory: An Ansible inventory of the shop's machine.
        library: Folder of Ansible modules with `supervised_service`, bound to this shop.
        lab_id: Value of `NARYAD_LAB_ID` in the environment of every process of the shop.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().absolute()
        self.services = self.home / "services.yaml"
        self.inventory = self.home / "ansible" / "inventory.yaml"
        self.library = self.home / "ansible" / "library"
        self.lab_id = uuid.uuid4().hex
        self._layout: Layout | None = None
        self._supervisord: asyncio.subprocess.Process | None = None

    @property
    def layout(self) -> Layout:
        """Paths and ports; raises `NaryadError` before `start`."""
        if self._layout is None:
            raise NaryadError("The shop is not started.")
        return self._layout

    @property
    def supervisor(self) -> Supervisor:
        """The shop's supervisor."""
        return Supervisor(self.layout.socket)

    def url(self, name: str) -> str:
        """Address of a service."""
        return self.layout.url(name)

    async def __aenter__(self) -> "Shop":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start supervisor and services, and wait until an order goes through.

        Raises:
            NaryadError: They are not healthy in time; holds the tails of the logs. Nothing is left running.
        """
        if self._supervisord is not None:
            raise NaryadError("The shop is already started.")
        self._layout = await asyncio.to_thread(self._write)
        environment = {
            **os.environ,
            **self._layout.commands(),
            processes.MARKER: self.lab_id,
            PARENT: str(os.getpid()),
            "PYTHONPATH": str(CODE),
            "PYTHONUTF8": "1",
        }
        stderr = await asyncio.to_thread(self.layout.log("supervisord").open, "wb")
        try:
            self._supervisord = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "lab.supervisord", "-c", str(self.layout.run / "supervisord.conf")),
                cwd=self.home,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C is for the program that started the shop
            )
            await self._wait_healthy()
        except BaseException:
            await self.stop()
            raise
        finally:
            stderr.close()

    async def _wait_healthy(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        async with probes.client() as http:
            while (states := await self._states()) != {"RUNNING"} or not await probes.works(self, http):
                if time.monotonic() > deadline or states & {"EXITED", "FATAL", "NONE"}:
                    raise NaryadError(
                        f"The shop in {self.home} does not start.\n{await asyncio.to_thread(self._tails)}"
                    )
                await asyncio.sleep(0.1)

    async def _states(self) -> set[str]:
        """The states of the services in supervisor's words; NONE when supervisor itself has ended."""
        if self._supervisord is None or self._supervisord.returncode is not None:
            return {"NONE"}
        try:
            return {(await self.supervisor.info(name))["statename"] for name in probes.SERVICES}
        except NaryadError:  # it does not listen yet
            return {"STARTING"}

    def _tails(self) -> str:
        lines = []
        for log in sorted((self.home / "log").glob("*.log")):
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            lines += [f"{log.name}: {line}" for line in tail]
        return "\n".join(lines)

    async def stop(self) -> None:
        """End every process of the shop, also stopped and stray ones; does nothing when there is none.

        Raises:
            NaryadError: A process would not die; names its pid.
        """
        await asyncio.to_thread(processes.terminate_marked, self.lab_id)
        if self._supervisord is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._supervisord.wait(), STOP_TIMEOUT_S)
        left = await asyncio.to_thread(processes.kill_marked, self.lab_id)
        if left:
            raise NaryadError(f"These processes of the shop would not die: {left}")
        if self._supervisord is not None:
            await self._supervisord.wait()
            self._supervisord = None
        if self._layout is not None:
            await asyncio.to_thread(shutil.rmtree, self._layout.run, ignore_errors=True)

    def _write(self) -> Layout:
        """Lay the home out anew, healthy; orders and logs of an earlier run stay."""
        layout = Layout(self.home, _run_dir(), free_ports(["web", "store", "worker"]))
        shutil.rmtree(layout.store_temp, ignore_errors=True)
        for folder in ("etc", "log", "data/store/tmp", "ansible/library"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        for name, text in layout.configs().items():
            layout.config(name).write_text(text, encoding="utf-8")
            layout.config_good(name).write_text(text, encoding="utf-8")
        if not layout.secret_key.exists():
            layout.secret_key.write_text(secrets.token_hex(32), encoding="utf-8")
        layout.secret_key.chmod(0o600)
        layout.home_link.symlink_to(self.home, target_is_directory=True)
        (layout.run / "supervisord.conf").write_text(layout.supervisord_conf(), encoding="utf-8")
        self.services.write_text(layout.catalogue(), encoding="utf-8")
        self.inventory.write_text(layout.inventory(), encoding="utf-8")
        ansible.write_module(self.library, layout.socket)
        return layout


def _run_dir() -> Path:
    """A folder of one's own with a path short enough for a unix socket."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > SOCKET_DIR_MAX - len("/naryad-lab-12345678"):
        base = "/tmp"  # noqa: S108 (mkdtemp makes a folder of our own in it)
    return Path(tempfile.mkdtemp(prefix="naryad-lab-", dir=base))
