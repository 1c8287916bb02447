"""Finding and ending every process of one lab, by a marker in its environment."""

import signal
import time
from contextlib import suppress

import psutil

MARKER = "NARYAD_LAB_ID"
"""Environment variable that all processes of a lab carry."""


def marked(lab_id: str) -> list[psutil.Process]:
    """Living processes of the lab, this one aside."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or another user's
            if process.environ().get(MARKER) == lab_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def terminate_marked(lab_id: str) -> None:
    """Ask the lab's processes to end; stopped ones are woken, so that they can."""
    for process in marked(lab_id):
        with suppress(psutil.Error):
            process.terminate()
            process.send_signal(signal.SIGCONT)


def kill_marked(lab_id: str, timeout_s: float = 10.0) -> list[int]:
    """Kill the lab's processes until none is left; returns the pids of those that would not die."""
    deadline = time.monotonic() + timeout_s
    while (alive := marked(lab_id)) and time.monotonic() < deadline:
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=1)
    return [process.pid for process in alive]
