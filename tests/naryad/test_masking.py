"""Masking: what looks like a secret goes, the rest stays, and no text takes long."""

import time
from typing import Any

import pytest

from naryad import masking


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2", "password=•••"),
        ("DB_PASSWORD: hunter2, user: bot", "DB_PASSWORD: •••, user: bot"),
        ('{"api_key": "abc123", "n": 1}', '{"api_key": "•••", "n": 1}'),
        ("my-secret='abc123'", "my-secret='•••'"),
        ("Authorization: Bearer abcdefghij", "Authorization: •••"),
        ("use sk-abcdefghijklmnopqrst now", "use ••• now"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "•••"),
        ("postgresql://bot:hunter2@db/x", "postgresql://bot:•••@db/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----!", "•••!"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "•••"),
        ("token: null", "token: null"),
        ("token_count=12345", "token_count=12345"),
        ("https://example.org/a:b", "https://example.org/a:b"),
        ('password: "correct horse"', 'password: "•••"'),
        (r'"password": "hun\"ter2", "user": "bob"', '"password": "•••", "user": "bob"'),
        (
            r'{"log":"{\"password\":\"hunter2\",\"user\":\"bob\"}"}',
            r'{"log":"{\"password\":\"•••\",\"user\":\"bob\"}"}',
        ),
        ("Server=x;Password=p@s,s;Port=5", "Server=x;Password=•••;Port=5"),
        ("password=abc&user=x}", "password=•••&user=x}"),
        ("SECRET_KEY = 'django-1'", "SECRET_KEY = '•••'"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=•••"),
        ("id AKIAIOSFODNN7EXAMPLE", "id •••"),
        ("https://api.telegram.org/bot123456789:" + "A" * 35 + "/getMe", "https://api.telegram.org/bot•••/getMe"),
        ("private_key: |\n  MIIE\n  abc\nnext: 1", "private_key: •••next: 1"),
        ("postgres://u:p@ss@host/db", "postgres://u:•••@host/db"),
        ("mysql --password hunter2 -h x", "mysql --password ••• -h x"),
        ('Cookie: sid=abc; x=1"', 'Cookie: •••"'),
        ("IDENTIFIED BY 'hunter2'", "•••'"),
        ("Пароль от базы данных: hunter2, логин bob", "Пароль от базы данных: •••, логин bob"),
        ("токен=abcdef", "токен=•••"),
        ("password authentication failed for user bob", "password authentication failed for user bob"),
        ("(using password: YES)", "(using password: YES)"),
        ("token is expired, неверный пароль", "token is expired, неверный пароль"),
        ("DB_PASSWORD=\nDB_HOST=db", "DB_PASSWORD=\nDB_HOST=db"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    """A secret is replaced where it stands; what only looks a little like one stays."""
    assert masking.secrets(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to anna.k+x@example.org!", "write to •••!"),
        ("call +7 (912) 345-67-89 or 8 912 345 67 89", "call ••• or •••"),
        ("10.8.912.3456789", "10.8.912.3456789"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    """The audit keeps neither addresses nor phone numbers."""
    assert masking.personal(text) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"password": "x"}, {"password": "•••"}),
        ({"password": ["a", "b"], "tokens": {"a": "b"}}, {"password": "•••", "tokens": "•••"}),
        ({"password": "", "token": None, "tokens": 12}, {"password": "", "token": None, "tokens": 12}),
        ([{"a": ("password=hunter2",)}], [{"a": ["password=•••"]}]),
    ],
)
def test_values_are_masked_inside(value: Any, masked: Any) -> None:
    """Masking reaches into lists and objects, and a secret's name masks whatever stands under it."""
    assert masking.in_value(value) == masked


@pytest.mark.parametrize(
    "piece",
    [
        *("ab", "a.", "a-", "-eyJ", "a+", "1 ", "8", "://", "a@", "password", "bearer ", "-----BEGIN ", " ", "\\", '"'),
        *("password=", 'token:"', "a://b:", "--", "-sk-", ",a=", "пароль от ", "private_key: |\n "),
    ],
)
@pytest.mark.parametrize("first", ["", "password=", "password", "bearer", "http://u:", "Cookie: "])
def test_long_text_takes_no_longer_than_it_is_long(first: str, piece: str) -> None:
    """No text makes the patterns look again and again at the same letters (they once took a minute for 20 kB)."""
    begun = time.process_time()
    masking.personal(first + piece * (200_000 // len(piece)))
    assert time.process_time() - begun < 20
