"""Instructions step by step: over restarts and new versions, to a cure or to a person."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graphs.support.steps import howtos
from knowledge_base.documents import About, Document
from naryad.db.models.document import Origin
from tests.graphs.support.conftest import Desk, Open

ASKED = "принтер не печатает"


async def step(desk: Desk, text: str) -> Any:
    """The number of the step that a text leads to."""
    await desk.say(text)
    return (await desk.facts()).get("step")


async def begin(desk: Desk) -> None:
    await desk.say(ASKED)
    assert await step(desk, "по шагам") == 1


async def rewrite(desk: Desk, folder: Path, text: str, **about: str) -> None:
    """Put another version of the printer's document in place."""
    front = {"id": "printer", "title": "Принтер не печатает", "kind": "howto", **about}
    lines = "\n".join(f"{name}: {value}" for name, value in front.items())
    path = folder / "printer.md"
    path.write_text(f"---\n{lines}\n---\n# Принтер\n\n{text}\n", encoding="utf-8")
    await desk.crew.knowledge.ingest([path], "local:anna")
    await desk.crew.knowledge.refresh()


async def test_a_guide_goes_on_after_a_restart(desk: Open) -> None:
    """The step is kept with the conversation, not with the process."""
    async with desk() as boris:
        await begin(boris)
        assert await step(boris, "готово") == 2
    async with desk() as boris:
        assert await step(boris, "сделал, дальше") == 3
        assert await step(boris, "назад") == 2
        assert await step(boris, "done") == 3


async def test_a_yes_to_the_offer_begins_it(desk: Open) -> None:
    """So does asking for it at once."""
    async with desk() as boris:
        await boris.say(ASKED)
        assert await step(boris, "да") == 1
    async with desk(thread="other") as boris:
        assert await step(boris, "guide me step by step: the printer does not print") == 1


async def test_it_ends_where_it_helped(desk: Open) -> None:
    """In the middle, and after the last step."""
    async with desk() as boris:
        await begin(boris)
        await boris.say("заработало, спасибо!")
        assert await boris.outcome() == "resolved"
        await begin(boris)
        for _ in range(4):
            await boris.say("готово")
        assert await step(boris, "да") is None
        assert await boris.outcome() == "resolved"
        assert await boris.crew.handoffs.active("t") is None


@pytest.mark.parametrize("said", [["не помогло", "всё равно не печатает"], ["готово"] * 4 + ["нет"]])
async def test_it_ends_with_a_person_where_it_did_not(desk: Open, said: list[str]) -> None:
    """After two steps that did not help, or all of them; the brief says what was done."""
    async with desk() as boris:
        await begin(boris)
        for text in said:
            await boris.say(text)
        handoff = await boris.crew.handoffs.active("t")
        assert await boris.outcome() == "escalated"
    assert handoff
    assert len([line for line in handoff.tried if line.startswith(ASKED.capitalize())]) == len(said)


async def test_another_question_leaves_it_where_it_is(desk: Open) -> None:
    """The answer says how to go on."""
    async with desk() as boris:
        await begin(boris)
        assert await step(boris, "готово") == 2
        told = await boris.say("а как отправить большой файл почтой, если он не прикрепляется к письму?")
        assert "2" in told.splitlines()[-1]
        assert await step(boris, "готово") == 3
        await boris.say("стоп")
        assert await boris.outcome() == "stopped"
        assert await step(boris, "готово") is None


async def test_a_new_version_keeps_the_step(desk: Open, tmp_path: Path) -> None:
    """Steps before it may come and go; where the step itself is gone, it begins anew and says so."""
    async with desk() as boris:
        await rewrite(boris, tmp_path, "1. Один.\n2. Два.\n3. Три.")
        await begin(boris)
        assert await step(boris, "готово") == 2
        await rewrite(boris, tmp_path, "1. Ноль.\n2. Один.\n3. Два.\n4. Три.\n5. Четыре.")
        assert await step(boris, "готово") == 4
        assert "Три." in (await boris.told())[-1]
        await rewrite(boris, tmp_path, "1. Совсем.\n2. Иначе.")
        assert await step(boris, "готово") == 1
        assert "Совсем." in (await boris.told())[-1]


async def test_a_withdrawn_instruction_ends(desk: Open) -> None:
    """It is said, and a ticket is offered instead."""
    async with desk() as boris:
        await begin(boris)
        await boris.crew.knowledge.store.withdraw([("printer", "ru")], Origin.PERSON, "local:anna")
        await boris.crew.knowledge.refresh()
        await boris.say("готово")
        assert await boris.outcome() == "withdrawn"
        await boris.say("да")
        assert await boris.outcome() == "ticket"


async def test_an_instruction_that_is_no_longer_for_the_reader_ends(desk: Open, tmp_path: Path) -> None:
    """Who may read it is looked at before each step."""
    async with desk() as boris:
        await begin(boris)
        await rewrite(boris, tmp_path, "1. Один.\n2. Два.", audience="admin")
        await boris.say("готово")
        assert await boris.outcome() == "withdrawn"
        assert not any("Два." in told for told in await boris.told())


async def test_an_instruction_ends_with_the_day_where_the_install_is(
    desk: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is 22:00 in UTC on its last day, and the next day in Moscow."""
    async with desk() as boris:
        await begin(boris)
        await rewrite(boris, tmp_path, "1. Один.\n2. Два.", valid_until="2026-12-31")
        monkeypatch.setattr("knowledge_base.settings.now", lambda: datetime(2026, 12, 31, 22, tzinfo=UTC))
        await boris.say("готово")
        assert await boris.outcome() == "withdrawn"


async def test_nothing_to_lead_through_is_asked_back(desk: Open) -> None:
    """A bare wish for steps begins no instruction that nobody meant."""
    async with desk() as boris:
        assert await step(boris, "по шагам") is None
        assert await step(boris, "проведи меня пошагово через войну и мир") is None


def test_steps_are_found_in_any_list() -> None:
    """Lines below a step belong to it, a heading or a new «1.» begins another list, a lone item is none."""
    text = (
        "# A\n1. One\n   more\n\n   and more\n2) Two\n\nText.\n\n1. Un\n2. Deux\n## B\n1. Alone\n## C\n- x\n1. I\n2. II"
    )
    document = Document(about=About(id="a", title="A", kind="howto"), lang="en", text=text)
    assert [(one.section, one.steps) for one in howtos(document)] == [
        ("A", ("One\nmore\nand more", "Two")),
        ("A", ("Un", "Deux")),
        ("C", ("I", "II")),
    ]
