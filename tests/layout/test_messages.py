"""The catalogues hold every text of the code, translated, and the compiled files are theirs."""

import string
from gettext import GNUTranslations
from io import BytesIO

import pytest
from babel.messages.catalog import Message

from naryad.i18n import LANGUAGES
from naryad.locale import messages

FRESH = messages.template(messages.sources())


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _faults(message: Message) -> list[str]:
    """What is wrong with one translation."""
    translated = _forms(message.string)
    if not all(translated):
        return [f"{message.id!r} has no translation"]
    if message.fuzzy:
        return [f"{message.id!r} is fuzzy"]
    wanted = set.union(*map(_placeholders, _forms(message.id)))
    # A singular may leave the number out: «one approval».
    return [
        f"{form!r} has other placeholders than {message.id!r}"
        for form in translated
        if _placeholders(form) - wanted or (len(translated) == 1 and _placeholders(form) != wanted)
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_catalogue_has_the_texts_of_the_code(lang: str) -> None:
    """After a text changed, `make messages` was run."""
    kept = {message.id for message in messages.read(lang) if message.id}
    assert kept == {message.id for message in FRESH if message.id}


def test_every_text_is_translated() -> None:
    """Each text has its Russian words, with the same placeholders."""
    assert [fault for message in messages.read("ru") if message.id for fault in _faults(message)] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_compiled_catalogue_is_the_present_one(lang: str) -> None:
    """The program reads what the translator wrote."""
    compiled = messages.po(lang).with_suffix(".mo").read_bytes()
    fresh = messages.as_mo(messages.read(lang))

    def content(data: bytes) -> dict[object, str]:
        return {key: text for key, text in vars(GNUTranslations(BytesIO(data)))["_catalog"].items() if key}

    assert content(compiled) == content(fresh)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("_('Stop {name}?').format(name=name)", [("Stop {name}?",)]),
        ("status = N_('expired')", [("expired",)]),
        ("ngettext('{n} host', '{n} hosts', n)", [("{n} host", "{n} hosts")]),
        ("@tool(Risk.WRITE, confirm='Restart {x}?')\nasync def f(self, x: str) -> str: ...", [("Restart {x}?",)]),
        ("class ApprovalStatus(StrEnum):\n    PENDING = 'pending'\n    STALE = 'stale'", [("pending",), ("stale",)]),
        ("_(status)", []),
        ("log('no text for people')", []),
    ],
)
def test_texts_are_found(source: str, found: list[tuple[str, ...]]) -> None:
    """Every way to mark a text is known."""
    assert list(messages.texts(source)) == found


@pytest.mark.parametrize("source", ["_(f'Stop {name}?')", "_('Stop ' + name)", "ngettext(f'{n} host', 'hosts', n)"])
def test_a_composed_text_is_refused(source: str) -> None:
    """A text that is put together before its translation has none: said at once, not found by a reader."""
    with pytest.raises(ValueError, match="plain text"):
        list(messages.texts(source))


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (Message("Stop {name}?", ""), "no translation"),
        (Message("Stop {name}?", "Остановить?"), "other placeholders"),
        (Message("Stop {name}?", "Остановить {host}?"), "other placeholders"),
        (Message("Stop {name}?", "Остановить {name}?", flags=["fuzzy"]), "fuzzy"),
        (Message(("{n} host", "{n} hosts"), ("{n} узел", "{n} узла", "")), "no translation"),
    ],
)
def test_a_bad_translation_is_found(message: Message, fault: str) -> None:
    """The check can tell a good translation from a bad one."""
    assert [fault in found for found in _faults(message)] == [True]
