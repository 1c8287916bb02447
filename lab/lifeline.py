"""A process of the lab never outlives the one that started it."""

import os

from naryad.child import die_with

PARENT = "NARYAD_LAB_PARENT"
"""Environment variable with the pid of the process to die with."""


def die_with_parent() -> None:
    """Die with the process that the environment names; a service that was run by hand is left alone.

    The kernel watches the parent's thread that forked, so that thread must live as long as the lab.
    """
    if parent := int(os.environ.get(PARENT, "0")):
        die_with(parent)
