"""Files that are named badly, or that break their reader, keep nothing else out."""

import asyncio
import os
from pathlib import Path

import pytest

from knowledge_base import intake
from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import Document, read
from knowledge_base.settings import KnowledgeSettings
from naryad.db.session import Database
from tests.knowledge_base.conftest import Write

PRINTER, FAX = b"\xcf\xf0\xe8\xed\xf2\xe5\xf0.md", b"\xd4\xe0\xea\xf1.md"


@pytest.mark.parametrize("way", ["pull", "ingest"])
async def test_a_name_in_an_old_encoding_is_taken_in(database: Database, write: Write, way: str) -> None:
    """Each such file is a document of its own; what is wrong with one is told in words that can be shown."""
    folder = write("good", "Replace the cable.").parent
    for name, text in ((PRINTER, "Печать без заголовка"), (FAX, "Факс без заголовка"), (b"\xff.pdf", "trash")):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(text, encoding="cp1251")
    base = KnowledgeBase(database, KnowledgeSettings(folders=(folder,)))
    taken = await (base.pull() if way == "pull" else base.ingest([folder], "local:anna"))
    assert len(taken.added) == 3
    assert len(taken.refused) == 1
    assert str(taken.refused).encode()
    await base.refresh()
    found = [one.text for one in await base.search("факс", [])]
    assert found == ["Факс без заголовка"]
    if way == "pull":
        assert (await base.pull()).withdrawn == []


async def test_a_file_that_breaks_its_reader_is_refused_alone(
    database: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the error, the file is named and the others are taken in."""
    bad = write("bad", "text")
    write("good", "Replace the cable.")

    def breaking(path: Path, settings: KnowledgeSettings, *, lang: str = "") -> Document:
        if path == bad:
            raise RuntimeError("a parser's own")
        return read(path, settings, lang=lang)

    monkeypatch.setattr(intake, "read", breaking)
    taken = await KnowledgeBase(database, KnowledgeSettings(folders=(bad.parent,))).pull()
    assert (taken.added, list(taken.refused)) == (["good.en"], [str(bad)])


async def test_what_people_give_is_indexed_where_a_folder_cannot_be_looked_at(database: Database, write: Write) -> None:
    """The folders and the database are followed apart."""
    base = KnowledgeBase(database, KnowledgeSettings(folders=(Path("/", "x" * 300),), refresh_s=0.1))
    with pytest.raises(OSError, match="File name too long"):
        await base.pull()
    following = asyncio.create_task(base.run())
    await base.ingest([write("fax", "Dial nine for the fax.")], "local:anna")
    async with asyncio.timeout(90):
        while not following.done() and not await base.search("fax", []):
            await asyncio.sleep(0.05)
    assert not following.done()
    following.cancel()
