"""Which process holds a lock or runs an effect, and whether it still lives."""

import os
import socket
from enum import StrEnum
from functools import cache

import psutil


@cache
def _host() -> str:
    return socket.gethostname()


def this_process() -> str:
    """This process as `host/pid/start time`: a later process with the same pid differs."""
    return _identity(os.getpid())


@cache
def _identity(pid: int) -> str:
    # Keyed by pid, so that a forked child does not inherit its parent's identity.
    return f"{_host()}/{pid}/{psutil.Process(pid).create_time():.2f}"


class Life(StrEnum):
    """What is known of an owner."""

    ALIVE = "alive"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"
    """On another host: only its lease can tell."""


NOBODY = ""
"""Written by a process that let go: a cancelled run."""


def life(owner: str) -> Life:
    """Look whether the process still lives; a stopped one does."""
    if owner == NOBODY:
        return Life.DEAD
    host, _, rest = owner.partition("/")
    pid, _, started = rest.partition("/")
    if host != _host():
        return Life.ELSEWHERE
    try:
        process = psutil.Process(int(pid))
        gone = f"{process.create_time():.2f}" != started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        gone = True
    return Life.DEAD if gone else Life.ALIVE
