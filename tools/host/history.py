"""A day of this machine's figures, kept in memory: what there is to see where no Prometheus is."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from naryad.errors import ToolFailed
from tools.host.client import HostClient

EVERY_S = 15
KEPT = 24 * 3600 // EVERY_S
NAMES = ("host_cpu_percent", "host_memory_percent", "host_disk_percent", "host_load1")


class HostHistory:
    """Samples the machine; `run` fills it."""

    def __init__(self) -> None:
        self._client = HostClient([])
        self._samples: deque[tuple[float, dict[str, float]]] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Take a sample every now and then; never ends."""
        while True:
            await self.sample()
            await asyncio.sleep(EVERY_S)

    async def sample(self) -> None:
        """Take one sample; what the machine does not tell is left out."""
        try:
            self._samples.append((time.time(), await asyncio.to_thread(self._look)))
        except (ToolFailed, OSError):
            return

    def points(self, name: str, start: float, end: float) -> Sequence[tuple[float, float]]:
        """Time and value of each sample between two moments of the epoch."""
        return [(at, values[name]) for at, values in self._samples if start <= at <= end]

    def _look(self) -> dict[str, float]:
        cpu = self._client.cpu()
        figures = (cpu["percent"], self._client.memory()["percent"], self._client.disk("/")["percent"], cpu["load1"])
        return dict(zip(NAMES, map(float, figures), strict=True))
