"""How documents come into the base: from the folders that it follows, and from people."""

import asyncio
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from pydantic import BaseModel

from knowledge_base.documents import Document, Unreadable, beside, files, read
from knowledge_base.settings import KnowledgeSettings
from knowledge_base.store import Store
from naryad.db.models.document import Change, DocumentVersion, Origin
from naryad.db.types import storable
from naryad.i18n import _

log = structlog.get_logger()
_AT_ONCE = 2
_LONGEST_NAME = 50
_Stamp = list[tuple[int, int]]


class Taken(BaseModel):
    """What became of documents: names as `id.lang`, who may read what is new, and why a file was refused."""

    added: list[str] = []
    changed: list[str] = []
    withdrawn: list[str] = []
    unchanged: int = 0
    refused: dict[str, str] = {}
    readers: dict[str, list[str]] = {}


class Intake:
    """Takes documents in.

    Args:
        store: Where they are kept.
        settings: How they are read.
    """

    def __init__(self, store: Store, settings: KnowledgeSettings) -> None:
        self.store, self.settings = store, settings
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._seen: dict[Path, tuple[_Stamp, Document]] = {}

    async def ingest(self, paths: Sequence[Path], by: str, **front: Any) -> Taken:
        """Take in files and folders, each document on its own: a bad one is refused and the others go on.

        Args:
            paths: Files, and folders with everything below them.
            by: Who gives them.
            front: Front matter for documents that have none, such as `kind` or `audience`; what neither says of
                readers, kind and owner stays as it was.
        """
        found = [pair for path in paths for pair in (files(path) if path.is_dir() else [(path, "")])]
        documents, refused = await self._read(found, front)
        first: dict[tuple[str, str], Document] = {}
        for one in documents:
            if (other := first.setdefault((one.about.id, one.lang), one)) is not one:
                text = _("{name} has the same id as {other}: {id}")
                refused[one.source] = text.format(name=one.source, other=other.source, id=one.about.id)
        return await self._put(list(first.values()), refused, Origin.PERSON, by)

    async def upload(
        self, name: str, data: bytes, by: str, reader: Collection[str], *, lang: str = "", **front: Any
    ) -> tuple[Change | None, DocumentVersion]:
        """Take in one document that was sent; gives what that changed, and the version in force.

        Args:
            name: The file's name, which tells its format.
            data: What is in it.
            by: Who sends it.
            reader: What that person is: a document that is not for them they cannot replace.
            lang: Its language, where known.
            front: The same as of `ingest`.

        Raises:
            Unreadable: It cannot be taken in; the message says why.
            Refused: There is one of this id that is not for them.
        """
        given = Path(re.sub(r"[^\w .-]|^\.", "_", name))
        with TemporaryDirectory(prefix="naryad-upload-") as folder:
            path = Path(folder, f"{given.stem[:_LONGEST_NAME]}{given.suffix[:10]}")
            await asyncio.to_thread(path.write_bytes, data)
            documents, refused = await self._read([(path, lang)], front)
        if refused:
            raise Unreadable(*refused.values())
        sent = documents[0].model_copy(update={"source": name})
        if changed := await self.store.put([sent], Origin.PERSON, by, reader):
            return changed[0].change, changed[0]
        if same := await self.store.one(sent.about.id, sent.lang):
            return None, same
        raise Unreadable(_("{name}: it was withdrawn meanwhile").format(name=name))

    async def pull(self, by: str = "system:folders") -> Taken:
        """Bring the base in line with the folders that it follows; what is gone there is withdrawn.

        A document that can no longer be read stays as it was, and so do those of a folder that is not there or empty:
        an unmounted disk is no wish to forget.
        """
        found = await asyncio.to_thread(lambda: {folder: files(folder) for folder in self.settings.folders})
        documents, refused = await self._read((pair for inside in found.values() for pair in inside), None)
        # A later folder's document replaces its namesake before anything is written.
        last = {(document.about.id, document.lang): document for document in documents}
        followed = [row for row in await self.store.current() if row.origin is Origin.FOLDER]
        sources = [Path(row.source) for row in followed]
        missing = [
            folder
            for folder, inside in found.items()
            if not inside and (not folder.is_dir() or any(source.is_relative_to(folder) for source in sources))
        ]
        kept = {
            (row.document_id, row.lang)
            for row in followed
            if row.source in refused or any(Path(row.source).is_relative_to(folder) for folder in missing)
        }
        taken = await self._put([one for key, one in last.items() if key not in kept], refused, Origin.FOLDER, by)
        gone = [key for row in followed if (key := (row.document_id, row.lang)) not in last.keys() | kept]
        for folder in missing:
            text = _("Nothing is found in the folder {path}: what came from there stays as it is.")
            taken.refused[str(folder)] = text.format(path=folder)
        return taken.model_copy(update={"withdrawn": await self.store.withdraw(gone, Origin.FOLDER, by)})

    async def _read(
        self, found: Iterable[tuple[Path, str]], front: dict[str, Any] | None
    ) -> tuple[list[Document], dict[str, str]]:
        refused = dict[str, str]()

        async def one(path: Path, lang: str) -> Document | None:
            async with self._turn:
                try:
                    if front is None:
                        return await asyncio.to_thread(self._followed, path, lang)
                    return await asyncio.to_thread(read, path, self.settings, lang=lang, defaults=front)
                except Unreadable as error:
                    why = error.message
                except Exception as error:  # one file must not keep out the others
                    log.exception("knowledge.file.failed", file=storable(str(path)))
                    why = f"{path.name}: {_('cannot be read: {why}').format(why=type(error).__name__)}"
            refused[storable(str(path))] = storable(why)
            return None

        return [document for document in await asyncio.gather(*(one(*pair) for pair in found)) if document], refused

    def _followed(self, path: Path, lang: str) -> Document:
        """The document of a folder's file, which is read again only after the file changed."""
        stamp = _stamp(path)
        if (seen := self._seen.get(path)) is None or seen[0] != stamp:
            seen = self._seen[path] = stamp, read(path, self.settings, lang=lang)
        return seen[1]

    async def _put(self, documents: list[Document], refused: dict[str, str], origin: Origin, by: str) -> Taken:
        done = {row.name: row for row in await self.store.put(documents, origin, by)}
        return Taken(
            added=[name for name, row in done.items() if row.change is Change.ADDED],
            changed=[name for name, row in done.items() if row.change is Change.CHANGED],
            unchanged=len(documents) - len(done),
            refused=refused,
            readers={name: row.about["audience"] for name, row in done.items()},
        )


def _stamp(path: Path) -> _Stamp:
    """What tells that a file or what is written beside it changed."""
    found = []
    for one in (path, beside(path)):
        with suppress(FileNotFoundError):
            stat = one.stat()
            found.append((stat.st_mtime_ns, stat.st_size))
    return found
