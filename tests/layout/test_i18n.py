"""The reader's language: chosen per process, per task and per block."""

import asyncio

import pytest

from naryad import i18n
from naryad.i18n import N_, _, accepted, language, ngettext, speaking, use


@pytest.mark.parametrize(("variable", "spoken"), [("", "ru"), ("en", "en"), ("ru", "ru"), ("de", "ru")])
def test_the_environment_names_the_language(monkeypatch: pytest.MonkeyPatch, variable: str, spoken: str) -> None:
    """NARYAD_LANG counts at the time of speaking; Russian comes first."""
    monkeypatch.setenv("NARYAD_LANG", variable)
    assert language() == spoken


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        ("", "ru"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("ru-RU, ru;q=0.9, en-US;q=0.8, en;q=0.7", "ru"),
        ("de;q=1, en;q=0.2", "en"),
        ("de", "ru"),
        ("*", "ru"),
        ("ru;q=0.3, en ; q=0.5", "en"),
        ("en;q=0", "ru"),
        ("en;q=nan, ;;,=", "ru"),
        ("en;q=9e9", "ru"),
        ("e\u0301," * 9000, "ru"),
    ],
)
def test_a_browser_tells_what_it_likes(header: str, spoken: str) -> None:
    """By weight; what is not understood counts for nothing, and Russian stays."""
    assert accepted(header) == spoken


def test_a_choice_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen holds, and a block may choose again."""
    monkeypatch.setenv("NARYAD_LANG", "ru")
    with speaking("ru"):
        use("en")
        assert language() == "en"
        with speaking("ru"):
            assert language() == "ru"
        assert language() == "en"


async def test_tasks_and_threads_inherit_the_language_and_keep_their_own() -> None:
    """A task speaks its starter's language, and its own choice reaches nobody else."""

    async def other() -> str:
        before = language()
        use("ru")
        return before

    with speaking("en"):
        assert await asyncio.create_task(other()) == "en"
        assert await asyncio.to_thread(language) == "en"
        assert language() == "en"


@pytest.mark.parametrize("lang", ["de", "", "../ru"])
def test_an_unknown_language_is_refused(lang: str) -> None:
    """Only a language that has a catalogue can be chosen."""
    with pytest.raises(ValueError, match="none of the languages"):
        use(lang)
    with pytest.raises(ValueError, match="none of the languages"), speaking(lang):
        pass


def test_texts_without_a_translation_are_shown_as_they_are() -> None:
    """A missing translation is English, not an error; the empty text stays empty."""
    for lang in i18n.LANGUAGES:
        with speaking(lang):
            assert _("no such text") == "no such text"
            assert _("") == ""
            assert N_("marked") == "marked"
            assert ngettext("{n} thing", "{n} things", 1) == "{n} thing"
            assert ngettext("{n} thing", "{n} things", 5) == "{n} things"


def test_russian_has_three_plurals() -> None:
    """The catalogue's rule tells 1, 2 and 5 apart, and 11 from 21."""
    rule = i18n._catalogue("ru").plural  # type: ignore[attr-defined]
    assert [rule(number) for number in (1, 2, 5, 11, 21, 22, 112)] == [0, 1, 2, 2, 0, 1, 2]
