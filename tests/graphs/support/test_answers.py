"""Answers from the knowledge base: the person's language, sources, readers, and what is not known."""

from pathlib import Path

import pytest
import yaml

from naryad.auth import local_person
from naryad.db.models.document import Origin
from tests.graphs.support.conftest import Desk, Open

VPN = "как подключиться к VPN из дома"


def says(when: str, text: str) -> str:
    """A model that answers prompts of answers with a text, and sorts nothing."""
    return yaml.safe_dump([{"when": when, "in": "prompt", "turns": [{"text": text}]}], allow_unicode=True)


async def test_an_answer_cites_its_document(desk: Open) -> None:
    """Title, section, document and version stand below, and channels get them as data."""
    async with desk() as boris:
        told = await boris.say(VPN)
        facts = await boris.facts()
        assert await boris.outcome() == "answered"
    assert [(one["document"], one["lang"], one["version"]) for one in facts["sources"]] == [("vpn", "ru", 1)]
    assert "[1]" in told
    assert "(vpn, " in told
    assert facts["lang"] == "ru"


async def test_the_language_is_the_question_s(desk: Open) -> None:
    """English is answered from English documents, and one foreign word changes nothing."""
    async with desk() as boris:
        await boris.say("the printer does not print, the queue is stuck")
        english = await boris.facts()
        await boris.say("VPN")
        assert (await boris.facts())["lang"] == "en"
        await boris.say("принтер не печатает")
        russian = await boris.facts()
    assert (english["lang"], english["sources"][0]["lang"]) == ("en", "en")
    assert (russian["lang"], russian["sources"][0]["lang"]) == ("ru", "ru")


async def test_what_is_not_known_is_said(desk: Open) -> None:
    """No document is cited, and a ticket is offered."""
    async with desk() as boris:
        told = await boris.say("who wrote war and peace")
        facts = await boris.facts()
    assert (facts["outcome"], "sources" in facts) == ("unknown", False)
    assert "ticket" in told


async def test_the_same_question_twice_is_a_person_s(desk: Open) -> None:
    """In other words too; another unknown question is not the same."""
    async with desk() as boris:
        await boris.say("who wrote war and peace")
        await boris.say("where is the first aid kit")
        assert await boris.crew.handoffs.active("t") is None
        await boris.say("the first aid kit, where is it?")
        handoff = await boris.crew.handoffs.active("t")
    assert handoff
    assert "first aid kit" in handoff.summary
    assert len(handoff.tried) == 3


async def test_who_may_not_read_a_document_is_not_told_of_it(desk: Open) -> None:
    """Operators' documents answer operators only, and a stranger's letter is nobody's in particular."""
    question = "can somebody tamper with the audit rows"
    async with desk() as boris:
        await boris.say(question)
        plain = await boris.facts()
    async with desk(principal=local_person().id, thread="mine") as owner:
        await owner.say(question)
        known = await owner.facts()
    assert plain.get("sources", [{"document": ""}])[0]["document"] != "audit-journal"
    assert known["sources"][0]["document"] == "audit-journal"


async def test_a_document_taken_away_is_not_answered_from(desk: Open) -> None:
    """Not even in a conversation that cited it a moment ago."""
    async with desk() as boris:
        await boris.say(VPN)
        for lang in ("ru", "en"):
            await boris.crew.knowledge.store.withdraw([("vpn", lang)], Origin.PERSON, "local:anna")
        await boris.crew.knowledge.refresh()
        await boris.say("установить клиент VPN")
        facts = await boris.facts()
    assert "vpn" not in [one["document"] for one in facts.get("sources", [])]


async def test_a_model_s_answer_is_taken_where_it_holds(desk: Open) -> None:
    """Its words, with the sources that it cites."""
    async with desk(says("You are Support. The message", "Импортируйте присланный профиль [1].")) as boris:
        told = await boris.say(VPN)
        facts = await boris.facts()
    assert told.startswith("Импортируйте присланный профиль [1].")
    assert [one["number"] for one in facts["sources"]] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "Просто импортируйте профиль.",
        "Импортируйте профиль [9].",
        "Импортируйте профиль [1]. А пароль пришлите мне.",
        "Скачайте клиент на https://evil.example/vpn [1].",
        "Пишите на help@evil.example [1].",
        "Подождите 45 минут [1].",
        "NO ANSWER",
        "",
    ],
)
async def test_a_model_s_answer_that_does_not_hold_is_dropped(desk: Open, text: str) -> None:
    """Claims without a source, made-up sources, links and figures: the passage's own words are told instead."""
    async with desk(says("You are Support. The message", text)) as boris:
        told = await boris.say(VPN)
        assert (await boris.facts())["sources"][0]["document"] == "vpn"
    assert not text or text not in told
    assert "evil" not in told


async def test_a_model_makes_a_question_whole(desk: Open) -> None:
    """What a model made of the conversation is what is looked for."""
    sorted_as = '{"route": "answer", "question": "как подключиться к VPN"}'
    async with desk(says("You sort what people", sorted_as)) as boris:
        await boris.say("а из дома это как делается")
        assert (await boris.facts())["sources"][0]["document"] == "vpn"


async def test_a_model_that_sorts_nonsense_changes_nothing(desk: Open) -> None:
    """What is no route is no route."""
    async with desk(says("You sort what people", '{"route": "obey", "question": "x"}')) as boris:
        await boris.say(VPN)
        assert (await boris.facts())["sources"][0]["document"] == "vpn"


@pytest.mark.parametrize("text", ["", " \n", "?", "🙂🙂", None, 7, ["x"], {"a": 1}])
async def test_an_input_without_words_is_answered_kindly(desk: Open, text: object) -> None:
    """Nothing that comes can make the run fail."""
    async with desk() as boris:
        await boris.put(text)
        assert len(await boris.told()) == 1
        assert await boris.outcome() in ("talk", "unknown")


@pytest.mark.parametrize("text", ["слово " * 200_000, "a" * 1_000_000, "1. " * 50_000, "принтер\n" * 100_000])
async def test_a_huge_input_is_cut(desk: Open, text: str) -> None:
    """It is answered as its beginning is, and the checkpoint stays small."""
    async with desk() as boris:
        state = await boris.put(text)
        assert len(await boris.told()) == 1
    assert len(str(state.values)) < 60_000


async def test_checkpoints_of_a_long_conversation_stay_small(desk: Open, tmp_path: Path) -> None:
    """What is remembered of it has an end."""
    async with desk() as boris:
        for number in range(12):
            state = await boris.put(f"принтер не печатает {number}")
    assert len(str(state.values)) < 30_000


async def said_in(desk: Desk, *texts: str) -> list[str]:
    """The outcomes of several texts, one after another."""
    return [(await desk.put(text)).values["outcome"] for text in texts]


async def test_small_talk_needs_no_documents(desk: Open) -> None:
    """Greetings, thanks and farewells."""
    async with desk() as boris:
        outcomes = await said_in(boris, "Здравствуйте!", "Добрый день, коллеги", "Спасибо большое!", "Hi there", "Пока")
    assert outcomes == ["talk"] * 5


async def test_a_pasted_log_changes_no_language(desk: Open) -> None:
    """The first line says how the person speaks."""
    async with desk() as boris:
        await boris.put("Ноутбук не видит сеть, вот журнал:\n" + "wlan0: scan finished, 0 networks found\n" * 50)
        assert (await boris.facts())["lang"] == "ru"
