"""The shop's worker: polls the store for new orders and processes them."""

import os
import threading
import time
from logging import Logger
from pathlib import Path
from typing import Any

from lab.services.jsonhttp import Answer, Unreachable, call, serve
from lab.services.process import Condition, begin

MB = 1024 * 1024
STALE_S = 5.0
"""Age of the heartbeat from which the worker counts as stuck."""
RETAINED_MAX_MB = 300


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


class Worker:
    """Processes orders one after another."""

    def __init__(self, store_url: str, log: Logger) -> None:
        self.store_url, self.log = store_url, log
        self.beat = time.monotonic()
        self.processed = 0
        self.polling = Condition(log, "processing orders again")
        self.retries: list[bytes] = []
        self.batch_mb = 0

    def run(self, interval_s: float) -> None:
        """Poll forever."""
        while True:
            try:
                self.tick()
                error = ""
            except Unreachable as unreachable:
                error = f"cannot process orders: {unreachable}"
            self.polling.is_now(error)
            self.beat = time.monotonic()
            time.sleep(interval_s)

    def tick(self) -> None:
        """Process what is new; a batch that cannot be printed is rendered again on every tick.

        That retry keeps each rendering, which is the worker's bug: its memory grows until a restart.
        """
        status, orders = call("GET", f"{self.store_url}/orders?status=new")
        for order in orders if status == 200 else []:
            outcome = "done" if "batch_mb" not in order else self._begin_batch(order)
            status, answer = call("POST", f"{self.store_url}/orders/{order['id']}", {"status": outcome})
            if status != 200:
                raise Unreachable(f"{order['id']} not updated: {answer['error']}")
            self.processed += 1
            self.log.info("%s %s", order["id"], outcome)
        if self.batch_mb and len(self.retries) * self.batch_mb < RETAINED_MAX_MB:
            self.retries.append(b"\x20" * (self.batch_mb * MB))
            retained = len(self.retries) * self.batch_mb
            self.log.warning("batch cannot be printed, retry %d, %d MB in memory", len(self.retries), retained)

    def _begin_batch(self, order: dict[str, Any]) -> str:
        self.batch_mb = min(int(order["batch_mb"]), RETAINED_MAX_MB)
        self.log.warning("%s is a batch of %d MB", order["id"], self.batch_mb)
        return "printing"

    def health(self) -> Answer:
        """Tell the heartbeat's age and the memory in use."""
        age = time.monotonic() - self.beat
        answer = {"heartbeat_age_s": round(age, 1), "processed": self.processed, "last_error": self.polling.error}
        answer["memory_mb"] = round(memory_mb())
        return (200, {"status": "ok", **answer}) if age < STALE_S else (503, {"status": "stuck", **answer})


def main() -> None:
    """Run the worker."""
    log, config = begin("worker", {"port": int, "store_url": str, "interval_s": float})
    worker = Worker(config["store_url"], log)
    threading.Thread(target=worker.run, args=(config["interval_s"],), daemon=True).start()

    def handle(method: str, path: str, body: Any) -> Answer:
        return worker.health() if (method, path) == ("GET", "/health") else (404, {"error": f"nothing at {path}"})

    serve(config["port"], handle, log)


if __name__ == "__main__":
    main()
