"""Model files for the local provider: which ones are known to work, and how they get onto the disk."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from naryad.errors import NaryadError, NotFound
from naryad.i18n import _
from naryad.llm.trial import Trial, check

__all__ = [
    "HUB",
    "MODELS",
    "Installed",
    "ModelFile",
    "Progress",
    "Trial",
    "check",
    "find",
    "folder",
    "installed",
    "pull",
]

log = structlog.get_logger()

HUB = "https://huggingface.co"
"""Where the files are; a mirror with the same paths does as well."""
SPARE_BYTES = 256 << 20
"""Room that must be left on the disk beside the model."""
_PIECE = 1 << 20
_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')

Progress = Callable[[int, int], None]
"""Takes the bytes that are there and the bytes there will be."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file that `pull` knows.

    Attributes:
        name: What people call it.
        repository: Its repository at the hub.
        file: Its name there and here.
        size: Bytes, as published; the server's word counts.
        note: What it is good for.
    """

    name: str
    repository: str
    file: str
    size: int
    note: str

    def url(self, hub: str = HUB) -> str:
        """Where it is downloaded from."""
        return f"{hub.rstrip('/')}/{self.repository}/resolve/main/{self.file}"


MODELS = (
    ModelFile("qwen3-8b", "Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", 5_027_783_488, "8 GB of memory; recommended"),
    ModelFile("qwen3-4b", "Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf", 2_497_280_256, "5 GB of memory"),
    ModelFile("qwen3-1.7b", "Qwen/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q8_0.gguf", 1_834_426_016, "4 GB; short answers"),
    ModelFile("qwen3-0.6b", "Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf", 639_446_688, "2 GB; to try things out"),
)


@dataclass(frozen=True, slots=True)
class Installed:
    """One model file on this machine."""

    path: Path
    size: int


def folder(home: Path) -> Path:
    """Where model files are kept."""
    return home / "models"


def installed(home: Path) -> list[Installed]:
    """The model files that are whole, by name."""
    return [Installed(path, path.stat().st_size) for path in sorted(folder(home).glob("*.gguf"))]


def find(name: str) -> ModelFile:
    """The known model of that name.

    Raises:
        NotFound: There is none; names those there are.
    """
    for model in MODELS:
        if model.name == name.lower():
            return model
    known = ", ".join(model.name for model in MODELS)
    raise NotFound(_("There is no model {name}; there are {known}.").format(name=name, known=known))


async def pull(name: str, home: Path, progress: Progress = lambda _have, _whole: None, *, hub: str = HUB) -> Path:
    """Download a model, continuing what an earlier try has left.

    The file appears under its name only when it is whole: its size and, where the server tells it, its SHA-256
    have been checked. A cancelled or broken download leaves a `.part` that the next call continues.

    Args:
        name: One of `MODELS`.
        home: NARYAD_HOME.
        progress: Told after every piece.
        hub: Another server with the same paths.

    Raises:
        NotFound: The model is not known.
        NaryadError: It cannot be downloaded, there is no room for it, or what came is not what was published.
    """
    model = find(name)
    target = folder(home) / model.file
    if _size(target):
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        expected = await _download(model.url(hub), part, progress)
    except OSError as error:
        raise NaryadError(_("{file} cannot be written: {reason}.").format(file=part, reason=error.strerror)) from error
    except httpx.HTTPError as error:
        raise NaryadError(
            _("The download of {file} broke off ({reason}). Run it again: it continues where it stopped.").format(
                file=model.file, reason=type(error).__name__
            )
        ) from error
    if expected and await asyncio.to_thread(_sha256, part) != expected:
        part.unlink()
        raise NaryadError(_("{file} is not what was published: its checksum differs.").format(file=model.file))
    part.replace(target)
    log.info("llm.model.pulled", file=model.file, checked=bool(expected))
    return target


async def _download(url: str, part: Path, progress: Progress) -> str:
    """Bring `part` to its full length; returns the SHA-256 that the server told, or nothing."""
    have = _size(part)
    timeout = httpx.Timeout(30, read=60)
    async with httpx.AsyncClient(follow_redirects=True, timeout=timeout) as client:
        headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        async with client.stream("GET", url, headers=headers) as answer:
            expected = _published_sha256([*answer.history, answer])
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                whole = int(answer.headers.get("Content-Range", "*/-1").rpartition("/")[2])
                if whole == have:
                    return expected
                part.unlink()  # longer than the file is: something else
                raise NaryadError(_("What an earlier download left was of no use and is gone. Run it again."))
            if answer.is_error:
                raise NaryadError(
                    _("{url} cannot be downloaded: HTTP {status}.").format(url=url, status=answer.status_code)
                )
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:
                have = 0
            await _receive(answer, part, have, progress)
    return expected


async def _receive(answer: httpx.Response, part: Path, have: int, progress: Progress) -> None:
    if "Content-Length" not in answer.headers:
        raise NaryadError(_("{url} does not say how long it is.").format(url=answer.url))
    whole = have + int(answer.headers["Content-Length"])
    free = shutil.disk_usage(part.parent).free
    if whole - have + SPARE_BYTES > free:
        raise NaryadError(
            _("There is no room for {file}: it needs {need} MB more, {free} MB are free.").format(
                file=part.stem, need=(whole - have) >> 20, free=free >> 20
            )
        )
    with part.open("ab" if have else "wb") as file:
        async for piece in answer.aiter_bytes(_PIECE):
            await asyncio.to_thread(file.write, piece)
            have += len(piece)
            progress(have, whole)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _published_sha256(answers: list[httpx.Response]) -> str:
    """The hub names the file's SHA-256 in `X-Linked-Etag` when it redirects to where the file lies."""
    for answer in answers:
        for header in ("X-Linked-Etag", "Etag"):
            if match := _SHA256.fullmatch(answer.headers.get(header, "")):
                return match.group(1)
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
