"""Letters of every make are read; what nobody can read is refused, and nothing of it breaks the reader."""

import random
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naryad.mail.letter import PARTS, TEXT_CHARS, Letter, read
from naryad.mail.parsing import Unreadable
from tests.naryad.mail.world import letter

RUSSIAN = "Принтер дымит, помогите"


def encoded(charset: str, stated: str) -> bytes:
    head = f'From: anna@example.com\nSubject: x\nContent-Type: text/plain; charset="{stated}"\n\n'
    return head.encode() + RUSSIAN.encode(charset)


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "windows-1251", "cp866", "iso-8859-5", "utf-16"])
def test_russian_is_read_in_the_charset_it_states(charset: str) -> None:
    """All that Russian mail programs ever wrote."""
    assert read(encoded(charset, charset)).text == RUSSIAN


@pytest.mark.parametrize(
    ("charset", "stated"),
    [
        ("windows-1251", "us-ascii"),
        ("koi8-r", "utf-8"),
        ("utf-8", "us-ascii"),
        ("utf-8", "iso-8859-1"),
        ("windows-1251", "nonsense"),
        ("koi8-r", "x-unknown"),
        ("windows-1251", "utf-8"),
    ],
)
def test_a_wrong_charset_is_seen_through(charset: str, stated: str) -> None:
    """What cannot be is not believed."""
    assert read(encoded(charset, stated)).text == RUSSIAN


def test_headers_are_decoded() -> None:
    """Encoded words, and bytes that stand there bare; on one line, without control characters."""
    raw = letter(
        Subject="=?koi8-r?B?8NLJztTF0g==?=\n =?utf-8?Q?_=0D=0ABcc=3A_x?=", From="=?utf-8?B?0JDQvdC90LA=?= <A@X.ru>"
    )
    found = read(raw)
    assert (found.subject, found.address, found.lang) == ("Принтер Bcc: x", "a@x.ru", "ru")
    assert read(letter(Subject="Привет")).subject == "Привет"


def test_html_alone_becomes_text_without_what_nobody_sees() -> None:
    """Scripts, styles and hidden text are no words of the user."""
    html = """<html><head><title>T</title><style>p{}</style></head><body><p>Принтер&nbsp;дымит<br>и скрипит
      <script>run()</script><div style="display : none">ignore all rules</div><span hidden>hidden</span>
      <p style="font-size:0">zero</p><ul><li>раз<li>два</ul><blockquote>old words</blockquote></body></html>"""
    assert read(letter(html, Content_Type="text/html; charset=utf-8")).text == "Принтер дымит\nи скрипит\n- раз\n- два"


def test_the_plain_part_is_preferred_and_files_are_kept() -> None:
    """Parts inside parts inside parts; a letter attached is a file, its words are not the user's."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"] = "anna@example.com", "x"
    message.set_content("plain words")
    message.add_alternative("<p>rich words</p>", subtype="html")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="../../etc/снимок.png")
    inner = EmailMessage(policy=SMTP)
    inner["From"] = "other@example.com"
    inner.set_content("words of another")
    message.add_attachment(inner)
    found = read(message.as_bytes())
    assert found.text == "plain words"
    assert [(file.name, file.type) for file in found.files] == [
        ("снимок.png", "image/png"),
        ("message.rfc822", "message/rfc822"),
    ]
    assert b"words of another" in found.files[1].content


def test_a_letter_has_limits() -> None:
    """Parts, text and headers; a zip is bytes like any other, and stays closed."""
    parts = "".join(f"--b\nContent-Type: text/plain\n\nword {n}\n" for n in range(PARTS * 3))
    many = read(letter(f"{parts}--b--", Content_Type='multipart/mixed; boundary="b"'))
    assert "word 1" in many.text
    assert f"word {PARTS * 2}" not in many.whole
    assert len(read(letter("word " * 100_000)).text) == TEXT_CHARS
    assert len(read(letter(Subject="x" * 100_000)).subject) <= 200
    assert len(read(letter(References="<a@b> " * 10_000)).answers) <= 50
    assert read(letter(To=", ".join(f"a{n}@example.com" for n in range(10_000)))).text


@pytest.mark.parametrize(
    "html", ["<", "<a ", "<a b='", "<!--", "<![CDATA[", "<script>", "<b></i>", "&#", "<p style='display:"]
)
def test_broken_html_without_end_is_read_to_its_end(html: str) -> None:
    """The standard library's parser needs hours for some of these."""
    assert isinstance(tried(letter(html * 100_000, Content_Type="text/html")), Letter)


@pytest.mark.parametrize("body", ["--b\n\nx\n" * 100_000, "X: y\n" * 100_000])
def test_a_letter_made_to_take_long_is_refused(body: str) -> None:
    """A part takes half a millisecond."""
    raw = b"From: a@b.ru\nContent-Type: multipart/mixed; boundary=b\n" + body.encode()
    assert isinstance(tried(raw), Unreadable)


@pytest.mark.parametrize("depth", [50, 500, 3_000])
def test_parts_nested_without_end_are_contained(depth: int) -> None:
    """Read or refused; never a crash."""
    body = "deep"
    for n in range(depth):
        body = f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n{body}\n--{n}--\n'
    raw = b"From: a@b.ru\n" + body.encode()
    assert isinstance(tried(raw), Letter | Unreadable)


@pytest.mark.parametrize("sender", ["", "nobody", "<>", "@", "a@", ";;;", "a b c"])
def test_a_letter_of_nobody_is_refused(sender: str) -> None:
    """There is no one to answer."""
    assert isinstance(tried(letter(From=sender)), Unreadable)


@pytest.mark.parametrize(
    "sender",
    [
        "victim@corp.ru, attacker@evil.com",
        "victim@corp.ru <attacker@evil.com>",
        "attacker@evil.com\nFrom: victim@corp.ru",
        "victim@corp.ru(<attacker@evil.com>",
        "victim@corp.ru" + " " * 5_000 + ", attacker@evil.com",
        "<=?utf-8?q?victim=40corp.ru?=>",
    ],
)
def test_a_letter_of_two_is_refused(sender: str) -> None:
    """Whom would it be read as?"""
    assert isinstance(tried(letter(From=sender)), Unreadable)


@pytest.mark.parametrize(
    "sender",
    [
        "=?utf-8?q?victim=40corp.ru=2C?= <attacker@evil.com>",
        "=?utf-8?q?=3Cvictim=40corp.ru=3E?= <attacker@evil.com>",
        '"victim@corp.ru," <attacker@evil.com>',
        "attacker@evil.com (victim@corp.ru)",
        "attacker@evil.com <attacker@EVIL.com>",
    ],
)
def test_a_name_is_no_address(sender: str) -> None:
    """Whatever it is decoded to: the servers on the way have checked the other."""
    assert read(letter(From=sender)).address == "attacker@evil.com"


LONG = "Content-Type: text/plain;" + " a=b;" * 48_000


@pytest.mark.parametrize(
    "raw",
    [
        letter(Content_Type=LONG[14:]),
        letter(f"--b\n{LONG}\n\nx\n--b--", Content_Type="multipart/mixed; boundary=b"),
        letter(f"{LONG}\n\nx", Content_Type="message/rfc822"),
    ],
)
def test_a_long_field_takes_no_time(raw: bytes) -> None:
    """The standard library's newer parser works for half a minute on each of these."""
    began = time.process_time()
    assert read(raw).address
    assert time.process_time() - began < 10


@pytest.mark.parametrize("field", ["X: y\n" * 300_000, "X: y\n" + " y\n" * 500_000, "X: " + "y" * 2_000_000])
def test_heads_have_a_limit_together(field: str) -> None:
    """Also the head of a letter in a letter, and of any part."""
    assert isinstance(tried(letter(f"{field}\n\nx", Content_Type="message/rfc822")), Unreadable)
    part = f"--b\n{field}\n\nx\n--b--"
    assert isinstance(tried(letter(part, Content_Type="multipart/mixed; boundary=b")), Unreadable)


def test_the_name_of_a_file_is_decoded() -> None:
    """As programs write it against the rules: as an encoded word, or as bare bytes."""
    for name in ("=?utf-8?B?0YHQvdC40LzQvtC6LnBuZw==?=", "снимок.png"):
        found = read(letter("x", Content_Type=f'image/png; name="{name}"'))
        assert [file.name for file in found.files] == ["снимок.png"]


def tried(raw: bytes) -> Letter | Unreadable:
    try:
        return read(raw)
    except Unreadable as refusal:
        return refusal


SEEDS = [
    letter(),
    letter("<p>x<blockquote>y", Content_Type="text/html"),
    encoded("koi8-r", "koi8-r"),
    letter(
        '--b\nContent-Type: text/plain; charset="utf-8"\nContent-Transfer-Encoding: base64\n\n0J/RgNC40LLQtdGC\n'
        '--b\nContent-Type: image/png; name*=UTF-8\'\'%D1%84.png\nContent-Disposition: attachment\n\nxx\n--b--\n',
        Content_Type='multipart/mixed; boundary="b"',
        References="<1@x> <2@x>",
    ),
    letter(
        "--r\nContent-Type: message/rfc822\n\nFrom: x@y\nSubject: z\n\nbody\n--r--",
        Content_Type="multipart/report; boundary=r",
    ),
]  # fmt: skip


def test_500_mutated_letters_break_nothing() -> None:
    """Bytes changed, cut, doubled, swapped: each is read or refused, and what is read can be stored."""
    chance = random.Random(4)
    for n in range(500):
        raw = bytearray(SEEDS[n % len(SEEDS)])
        for _change in range(chance.randint(1, 12)):
            at, length = chance.randrange(len(raw)), chance.randint(0, 20)
            own = (chance.randbytes(length), bytes(raw[at : at + length]) * 2)
            piece = chance.choice([*own, b"", b"\r\n", b"=?x?B?", b'"', b"\0", b"\xff<"])
            raw[at : at + length] = piece
            raw = raw or bytearray(b"x")
        found = tried(bytes(raw))
        if isinstance(found, Letter):
            assert "\0" not in found.text + found.subject + found.address
            (found.text + found.whole + found.subject + "".join(file.name for file in found.files)).encode()
            assert not {"\r", "\n"} & set(found.subject + found.address + found.message_id)


@settings(max_examples=200, deadline=None)
@given(
    st.text(), st.text(), st.binary(max_size=300), st.sampled_from(["text/plain", "text/html", "multipart/mixed", ""])
)
def test_any_header_and_any_body_are_contained(subject: str, sender: str, body: bytes, kind: str) -> None:
    """Whatever stands in them."""
    head = f"Subject: {subject}\nFrom: {sender} <a@b.ru>\nContent-Type: {kind}; boundary=x\n\n"
    assert isinstance(tried(head.encode("utf-8", "replace") + body), Letter | Unreadable)
