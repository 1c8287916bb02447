"""Downloads from a real HTTP server that cuts, lies and knows ranges."""

import asyncio
import hashlib
import re
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from naryad.errors import NaryadError, NotFound
from naryad.llm import models

DATA = bytes(range(256)) * 16_384  # 4 MiB
MODEL = models.MODELS[-1]


class Hub(ThreadingHTTPServer):
    """Like the real one: the file's address names its checksum and redirects to where the bytes lie."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sha256 = f'"{hashlib.sha256(DATA).hexdigest()}"'
        self.cut_at: int | None = None
        self.hold_at: int | None = None
        self.ranges = True
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        if self.path == f"/{MODEL.repository}/resolve/main/{MODEL.file}":
            self.send_response(302)
            self.send_header("X-Linked-Etag", self.server.sha256)
            self.send_header("Location", "/blob")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/blob":
            self._blob()
        else:
            self.send_error(404)

    def _blob(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.asked.append(asked)
        start = int(re.findall(r"\d+", asked)[0]) if asked and self.server.ranges else 0
        if start >= len(DATA):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(DATA)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked and self.server.ranges else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        end = self.server.cut_at or self.server.hold_at or len(DATA)
        self.wfile.write(DATA[start:end])
        if self.server.hold_at:
            threading.Event().wait(30)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def url(hub: Hub) -> str:
    return f"http://127.0.0.1:{hub.server_port}"


async def test_pull_brings_the_whole_file(hub: Hub, tmp_path: Path) -> None:
    """The bytes are the published ones, progress ends at the full length, and a second pull asks nothing."""
    seen: list[tuple[int, int]] = []
    path = await models.pull(MODEL.name, tmp_path, lambda *at: seen.append(at), hub=url(hub))
    assert path.read_bytes() == DATA
    assert [entry.path for entry in models.installed(tmp_path)] == [path]
    assert seen[-1] == (len(DATA), len(DATA))
    assert await models.pull(MODEL.name, tmp_path, hub=url(hub)) == path
    assert len(hub.asked) == 1


async def test_a_cut_download_continues(hub: Hub, tmp_path: Path) -> None:
    """Nothing is installed after a cut; the next pull asks for the rest only, and the whole is right."""
    hub.cut_at = 3 << 20
    with pytest.raises(NaryadError, match="Run it again"):
        await models.pull(MODEL.name, tmp_path, hub=url(hub))
    assert models.installed(tmp_path) == []
    part = models.folder(tmp_path) / f"{MODEL.file}.part"
    have = part.stat().st_size
    assert 0 < have <= 3 << 20
    hub.cut_at = None
    path = await models.pull(MODEL.name, tmp_path, hub=url(hub))
    assert hub.asked[-1] == f"bytes={have}-"
    assert path.read_bytes() == DATA
    assert not part.exists()


async def test_a_cancelled_download_leaves_its_part(hub: Hub, tmp_path: Path) -> None:
    """Stopping keeps what has come, for the next time."""
    hub.hold_at = 2 << 20
    begun = asyncio.Event()
    pull = asyncio.create_task(models.pull(MODEL.name, tmp_path, lambda *_: begun.set(), hub=url(hub)))
    await begun.wait()
    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull
    assert (models.folder(tmp_path) / f"{MODEL.file}.part").stat().st_size > 0
    assert models.installed(tmp_path) == []


async def test_a_part_that_is_already_whole_is_only_checked(hub: Hub, tmp_path: Path) -> None:
    """A pull that died between the last byte and the renaming is finished without another download."""
    models.folder(tmp_path).mkdir()
    (models.folder(tmp_path) / f"{MODEL.file}.part").write_bytes(DATA)
    assert (await models.pull(MODEL.name, tmp_path, hub=url(hub))).read_bytes() == DATA
    assert hub.asked == [f"bytes={len(DATA)}-"]


async def test_a_server_without_ranges_starts_again(hub: Hub, tmp_path: Path) -> None:
    """A part is not continued with bytes from the beginning."""
    models.folder(tmp_path).mkdir()
    (models.folder(tmp_path) / f"{MODEL.file}.part").write_bytes(b"old")
    hub.ranges = False
    assert (await models.pull(MODEL.name, tmp_path, hub=url(hub))).read_bytes() == DATA


@pytest.mark.parametrize("size", [1000, len(DATA) + 5])
async def test_a_part_of_something_else_is_never_installed(hub: Hub, tmp_path: Path, size: int) -> None:
    """Foreign bytes fail the checksum or the length, and are removed."""
    models.folder(tmp_path).mkdir()
    part = models.folder(tmp_path) / f"{MODEL.file}.part"
    part.write_bytes(b"x" * size)
    with pytest.raises(NaryadError):
        await models.pull(MODEL.name, tmp_path, hub=url(hub))
    assert not part.exists()
    assert models.installed(tmp_path) == []


async def test_no_room_is_said_before_anything_is_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how much is missing; the disk is not filled up first."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10 << 30, 10 << 30, 1 << 20))
    with pytest.raises(NaryadError, match="needs 4 MB more, 1 MB are free"):
        await models.pull(MODEL.name, tmp_path, hub=url(hub))
    assert list(models.folder(tmp_path).iterdir()) == []


async def test_wrong_names_and_addresses_are_told(hub: Hub, tmp_path: Path) -> None:
    """An unknown model lists the known ones; a file that is not there says its status."""
    with pytest.raises(NotFound, match=r"qwen3-8b, qwen3-4b"):
        await models.pull("gpt-9", tmp_path)
    with pytest.raises(NaryadError, match="HTTP 404"):
        await models.pull(MODEL.name, tmp_path, hub=f"{url(hub)}/elsewhere")


async def test_check_refuses_what_is_no_model(tmp_path: Path) -> None:
    """A download that is a web page is found out before a server is started for it."""
    page = tmp_path / "page.gguf"
    page.write_bytes(b"<html>")
    with pytest.raises(NaryadError, match="not a GGUF"):
        await models.check(page, log_dir=tmp_path)
