"""A database, places for vectors, and a way to write documents."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from naryad.db import migrate
from naryad.db.session import Database
from tests.naryad.conftest import BACKENDS, postgres_process, postgres_server
from tests.servers import Postgres, free_port, postgres

__all__ = ["postgres_process", "postgres_server"]
Write = Callable[..., Path]


@pytest.fixture(params=BACKENDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database, up to date."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}"
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.url(server.database())
    database = Database(url, power_safe=False)
    await migrate.upgrade(database)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def pgvector_server() -> Iterator[Postgres]:
    """A PostgreSQL with pgvector, which Debian does not package."""
    package = pytest.importorskip("pgserver")
    with postgres(Path(package.__file__).with_name("pginstall") / "bin" / "initdb") as server:
        yield server


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chroma server; its address."""
    pytest.importorskip("chromadb")
    port, program = free_port(), Path(sys.executable).with_name("chroma")
    folder = tmp_path_factory.mktemp("chroma")
    command = [str(program), "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _attempt in range(600):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/api/v2/heartbeat").is_success:
                break
        time.sleep(0.1)
    yield url
    server.kill()
    server.wait()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a Markdown document with front matter, and give its path."""

    def write(name: str, text: str, lang: str = "en", **about: object) -> Path:
        path = tmp_path / "documents" / lang / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        front = {"id": name, "title": name.capitalize(), **about}
        lines = "\n".join(f"{key}: {value}" for key, value in front.items())
        path.write_text(f"---\n{lines}\n---\n{text}\n", encoding="utf-8")
        return path

    return write
