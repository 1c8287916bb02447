"""What a test needs of the machine: a program of the operating system, or an optional package."""

import importlib.util
import shutil
from pathlib import Path

import pytest

PREFIX = "needs "
"""A skip for this reason fails in CI, where everything is installed; see `tests/conftest.py`."""


def needs(program: str) -> Path:
    """Where the program is; the test skips when it is not installed.

    Servers may stand outside of PATH: Debian keeps PostgreSQL's programs in a folder per version.
    """
    folders = [
        "/usr/sbin",
        "/usr/local/sbin",
        *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)),
    ]
    found = shutil.which(program) or shutil.which(program, path=":".join(folders))
    if found is None:
        pytest.skip(f"{PREFIX}{program}")
    return Path(found)


def needs_package(name: str) -> None:
    """Skip the test when the optional package is not installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{PREFIX}the package {name}")
