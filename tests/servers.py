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
    """A PostgreSQL server; each test takes databases of its own.

    Attributes:
        template: The database that has all tables, once somebody has made it.
    """

    def __init__(self, port: int) -> None:
        import psycopg

        self._port, self.template = port, ""
        self._made: list[str] = []
        self._connection = psycopg.connect(self._url("postgres"), autocommit=True)

    def database(self, template: str = "template0") -> str:
        """Make a database; returns its name."""
        name = f"t{uuid4().hex[:12]}"
        self._connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        self._made.append(name)
        return name

    def clear(self) -> None:
        """Drop every database but the template: a thousand tests' would fill the memory that they lie in."""
        while self._made:
            if (name := self._made.pop()) != self.template:
                self._connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def url(self, name: str) -> str:
        """As the settings name a database, with the async driver."""
        return self._url(name).replace("postgresql://", "postgresql+psycopg://", 1)

    def _url(self, name: str) -> str:
        return f"postgresql://naryad@127.0.0.1:{self._port}/{name}"


@contextmanager
def postgres(initdb: Path | None = None) -> Iterator[Postgres]:
    """Start a PostgreSQL server, by default the system's, and stop it at the end.

    It refuses to run as root, so root starts it as the user `postgres`.
    """
    initdb = initdb or needs("initdb")
    bindir = initdb.resolve().parent
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not pytest's folder: the other user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="naryad-pg-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    if as_user:
        shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()
    control: list[str | Path] = [*as_user, bindir / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c max_connections=300"
    options += " -c max_wal_size=64MB"
    subprocess.run(
        [*as_user, initdb.resolve(), "-D", data, "-U", "naryad", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield Postgres(port)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
