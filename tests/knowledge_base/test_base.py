"""The base as a whole: taking in, versions, readers, dates, and an index that is replaced while it answers."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from knowledge_base import build
from knowledge_base.base import KnowledgeBase
from knowledge_base.settings import KnowledgeSettings
from naryad.clock import now
from naryad.db.session import Database
from naryad.errors import NotFound
from naryad.settings import load
from tests.knowledge_base.conftest import Write


async def test_a_document_is_found_with_its_source(database: Database, write: Write) -> None:
    """The passage names document, version, title and headings; an unchanged document makes no version."""
    base = KnowledgeBase(database)
    path = write("vpn", "# VPN\n\n## Connecting\n\nInstall the client.", title="VPN")
    assert (await base.ingest([path], "local:anna")).added == ["vpn.en"]
    await base.refresh()
    [found] = await base.search("how to connect", ["user"])
    assert (found.document_id, found.version, found.title, found.path) == ("vpn", 1, "VPN", ("Connecting",))
    assert (await base.ingest([path], "local:anna")).unchanged == 1
    assert not await base.refresh()


async def test_versions_are_kept_and_compared(database: Database, write: Write) -> None:
    """The journal tells who changed what, and a difference shows it."""
    base = KnowledgeBase(database)
    await base.ingest([write("fax", "Dial nine.")], "local:anna")
    await base.ingest([write("fax", "Dial zero.")], "local:boris")
    difference = await base.store.diff("fax", "en")
    assert "-Dial nine." in difference
    assert "+Dial zero." in difference
    journal = [(row.version, row.change, row.by) for row in await base.store.journal()]
    assert journal == [(2, "changed", "local:boris"), (1, "added", "local:anna")]
    with pytest.raises(NotFound):
        await base.store.diff("fax", "en", 1, 9)


async def test_a_bad_document_leaves_the_others_and_the_index_intact(database: Database, write: Write) -> None:
    """The good one is taken in, the bad one is named with its reason, and what was known is still answered."""
    base = KnowledgeBase(database)
    await base.ingest([write("old", "Reboot the gateway.")], "local:anna")
    await base.refresh()
    good = write("good", "Replace the cable.")
    broken = good.with_name("broken.pdf")
    broken.write_bytes(b"%PDF-1.7 trash")
    taken = await base.ingest([good.parent], "local:anna")
    assert (taken.added, list(taken.refused)) == (["good.en"], [str(broken)])
    await base.refresh()
    assert {one.document_id for one in await base.search("gateway cable", [])} == {"old", "good"}


async def test_what_one_may_not_read_takes_no_place(database: Database, write: Write) -> None:
    """A hundred better passages for others do not push the one that may be read out of the answer."""
    base = KnowledgeBase(database)
    for number in range(100):
        write(f"secret-{number}", "salary salary table", audience="manager")
    paths = [write("open", "The salary is paid on the fifth day of a month by the accountants."), write("x", "Other.")]
    await base.ingest([paths[0].parent], "local:anna")
    await base.refresh()
    assert [one.document_id for one in await base.search("salary", ["user"], k=1)] == ["open"]
    assert (await base.search("salary", ["manager"], k=1))[0].document_id.startswith("secret")
    assert await base.search("salary table", [], k=50) == await base.search("salary table", ["user"], k=50)


async def test_only_what_is_in_force_is_answered_and_the_stale_is_reported(database: Database, write: Write) -> None:
    """Yesterday's price is neither found nor forgotten: its owner is named."""
    today = now().date()
    base = KnowledgeBase(database)
    past = write("price-old", "A seat costs ten.", valid_until=today - timedelta(days=1), owner="anna")
    write("price-next", "A seat costs thirty.", valid_from=today + timedelta(days=1))
    write("price", "A seat costs twenty.", valid_from=today, valid_until=today)
    await base.ingest([past.parent], "local:anna")
    await base.refresh()
    assert [one.document_id for one in await base.search("what does a seat cost", [])] == ["price"]
    stale = (await base.status()).stale
    assert [(one["document"], one["owner"]) for one in stale] == [("price-old.en", "anna")]


@pytest.mark.parametrize(("zone", "found"), [("UTC", ["price"]), ("Europe/Moscow", ["price-next"])])
async def test_a_day_begins_where_the_install_is(
    database: Database, write: Write, monkeypatch: pytest.MonkeyPatch, zone: str, found: list[str]
) -> None:
    """An hour into the new year of Moscow the old price is neither answered nor passed over in silence."""
    monkeypatch.setattr("knowledge_base.settings.now", lambda: datetime(2026, 12, 31, 22, tzinfo=UTC))
    base = KnowledgeBase(database, KnowledgeSettings.of(load(NARYAD_TIMEZONE=zone)))
    old = write("price", "A seat costs twenty.", valid_until="2026-12-31")
    new = write("price-next", "A seat costs thirty.", valid_from="2027-01-01")
    await base.ingest([old, new], "local:anna")
    await base.refresh()
    assert [one.document_id for one in await base.search("what does a seat cost", [])] == found
    assert len((await base.status()).stale) == (zone != "UTC")


async def test_pull_follows_its_folder_but_not_over_what_people_gave(
    database: Database, write: Write, tmp_path: Path
) -> None:
    """A file that is gone is withdrawn; a person's document stays as the person wrote it."""
    folder = tmp_path / "documents"
    base = KnowledgeBase(database, KnowledgeSettings(folders=(folder,)))
    gone, kept = write("gone", "Old rules."), write("kept", "From the folder.")
    assert sorted((await base.pull()).added) == ["gone.en", "kept.en"]
    mine = tmp_path / "mine.md"
    mine.write_text(kept.read_text(encoding="utf-8").replace("the folder", "a person"), encoding="utf-8")
    await base.ingest([mine], "local:anna")
    gone.unlink()
    assert (await base.pull()).withdrawn == ["gone.en"]
    await base.refresh()
    assert await base.search("old rules", []) == []
    assert (await base.search("from whom", [], lang="en"))[0].text == "From a person."
    gone.write_text("---\nid: gone\ntitle: Gone\n---\nOld rules.\n", encoding="utf-8")
    assert (await base.pull()).added == ["gone.en"]
    assert [row.version for row in await base.store.current() if row.document_id == "gone"] == [3]


async def test_a_renamed_file_keeps_its_document_and_a_lost_folder_withdraws_nothing(
    database: Database, write: Write, tmp_path: Path
) -> None:
    """The id names the document, wherever its file lies; an unmounted disk is no wish to forget."""
    folder, other = tmp_path / "documents", tmp_path / "other"
    (other / "en").mkdir(parents=True)
    base = KnowledgeBase(database, KnowledgeSettings(folders=(other, folder)))
    path = write("fax", "Dial nine.")
    await base.pull()
    path.rename(path.with_name("other.md"))
    assert (await base.pull()).withdrawn == []
    folder.rename(tmp_path / "unmounted")
    (other / "en" / "new.md").write_text("# What another folder brings")
    (other / "en" / "fax.md").write_text("# What the lost folder replaces")
    taken = await base.pull()
    assert (taken.added, taken.changed, taken.withdrawn, list(taken.refused)) == (["new.en"], [], [], [str(folder)])
    assert [row.document_id for row in await base.store.current()] == ["fax", "new"]


async def test_two_files_of_one_id_are_not_quietly_one(database: Database, tmp_path: Path) -> None:
    """The first is taken, the second refused with the name of the other; so is an unknown kind."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "readme.md").write_text(f"# From {name}", encoding="utf-8")
    base = KnowledgeBase(database)
    taken = await base.ingest([tmp_path / "a", tmp_path / "b"], "local:anna")
    assert taken.added == ["readme.en"]
    assert str(tmp_path / "a" / "readme.md") in taken.refused[str(tmp_path / "b" / "readme.md")]
    assert "kind" in next(iter((await base.ingest([tmp_path / "a"], "local:anna", kind="poem")).refused.values()))


async def test_another_process_sees_the_change(database: Database, write: Write) -> None:
    """What one base took in, the other answers after its next look."""
    here, there = KnowledgeBase(database), KnowledgeBase(database)
    await there.refresh()
    await here.ingest([write("fax", "Dial nine for the fax.")], "local:anna")
    assert await there.refresh()
    assert [one.document_id for one in await there.search("fax", [])] == ["fax"]


async def test_questions_are_answered_all_through_a_rebuild_in_a_child(
    database: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question while the index is replaced finds the old version or the new one, never nothing."""
    monkeypatch.setattr(build, "_SMALL", 5)
    base = KnowledgeBase(database)
    random.seed(1)
    for number in range(60):
        write(f"d{number}", " ".join(f"word{random.randrange(500)}" for _ in range(80)))
    await base.ingest([write("router", "The router is red.").parent], "local:anna")
    await base.refresh()
    await base.ingest([write("router", "The router is blue.")], "local:anna")
    rebuilding = asyncio.create_task(base.refresh())
    versions: list[int] = []
    while not rebuilding.done() or len(versions) < 3:
        versions.append((await base.search("router", [], k=1))[0].version)
        await asyncio.sleep(0)
    assert await rebuilding
    versions.append((await base.search("router", [], k=1))[0].version)
    assert versions == sorted(versions)
    assert {versions[0], versions[-1]} == {1, 2}


@pytest.mark.parametrize("query", ["", "   ", "!!!", "\0", "х" * 100_000, "и в на", "' OR 1=1 --", "🤖"])
async def test_any_question_has_an_answer_of_the_right_shape(database: Database, write: Write, query: str) -> None:
    """Whatever is typed, nothing breaks; what is not known is said to be so."""
    base = KnowledgeBase(database)
    assert not (await base.answer(query, [])).known
    await base.ingest([write("fax", "Dial nine.")], "local:anna")
    await base.refresh()
    assert not (await base.answer(query, [])).known
