"""A process of the lab never outlives the one that started it."""

import ctypes
import os
import signal
import sys

PARENT = "NARYAD_LAB_PARENT"
"""Environment variable with the pid of the process to die with."""
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; a service that was run by hand is left alone.

    The kernel watches the parent's thread that forked, so that thread must live as long as the lab.
    """
    parent = int(os.environ.get(PARENT, "0"))
    if not parent:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it died before we asked
        sys.exit(f"the parent process {parent} is gone")
