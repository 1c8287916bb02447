"""One mailbox has one spelling."""

import pytest

from naryad.accounts.addresses import normal


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Anna@Example.RU ", "anna@example.ru"),
        ("\uff41nna@example.ru", "anna@example.ru"),  # full width
        ("\ufb01n@example.ru", "fin@example.ru"),  # a ligature
        ("\u212aate@example.ru", "kate@example.ru"),  # the sign of the kelvin
        ("anna@ПОЧТА.рф", "anna@xn--80a1acny.xn--p1ai"),
        ("anna@corp.local", "anna@corp.local"),
        ("anna+naryad@example.ru", "anna+naryad@example.ru"),
    ],
)
def test_spellings_of_one_mailbox_are_one(typed: str, stored: str) -> None:
    """And the stored one is what letters go to, so that nobody gets another's by a look-alike."""
    assert normal(typed) == normal(stored) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "anna",
        "anna@",
        "@example.ru",
        "a@b@example.ru",
        "anna@example.ru\r\nBcc: all@example.ru",
        "anna@example.ru, eve@example.ru",
        "Anna <anna@example.ru>",
        "аnna@example.ru",  # a Cyrillic «а»
        "m\u0131ke@example.ru",  # a dotless i
        "anna\0@example.ru",
        "a" * 65 + "@example.ru",
        "a@" + "b" * 300 + ".ru",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    """Also what would smuggle a second reader in, or looks like another address."""
    with pytest.raises(ValueError, match="address"):
        normal(typed)
