"""Real servers of the operating system, started for the tests on a free port of the loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.needs import needs


class Postgres:
    """A PostgreSQL server; each test takes a database of its own."""

    def __init__(self, port: int, psql: Path) -> None:
        self._port, self._psql = port, psql

    def database(self, template: str = "template0") -> str:
        """Make a database; returns its name."""
        name = f"t{uuid4().hex[:12]}"
        sql = f"CREATE DATABASE {name} TEMPLATE {template}"
        subprocess.run([self._psql, "-qd", self._url("postgres"), "-c", sql], check=True, capture_output=True)
        return name

    def url(self, name: str) -> str:
        """As the settings name a database, with the async driver."""
        return self._url(name).replace("postgresql://", "postgresql+psycopg://", 1)

    def _url(self, name: str) -> str:
        return f"postgresql://naryad@127.0.0.1:{self._port}/{name}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server, and stop it at the end.

    It refuses to run as root, so root starts it as the user `postgres`.
    """
    initdb = needs("initdb")
    bindir = initdb.resolve().parent
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not pytest's folder: the other user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="naryad-pg-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    if as_user:
        shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()
    control: list[str | Path] = [*as_user, bindir / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c max_connections=300"
    subprocess.run(
        [*as_user, initdb.resolve(), "-D", data, "-U", "naryad", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield Postgres(port, bindir / "psql")
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
