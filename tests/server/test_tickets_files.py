"""Files of tickets over HTTP, and what is left when a person goes."""

import httpx
import pytest

from naryad.auth import Role
from naryad.tickets.attachments import MAX_BYTES
from server.parts import Parts
from tests.server.conftest import PASSWORD, Signed, SignedIn
from tests.server.test_accounts_removal import tables_with

URL = "/api/v1/support/tickets"
FILES = f"{URL}/1/attachments"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
async def user(sign_in: Signed, client: httpx.AsyncClient) -> SignedIn:
    """A person with a ticket."""
    person = await sign_in(Role.USER)
    await client.post(URL, json={"text": "My salary is secretive"}, headers=person.headers)
    return person


async def test_a_file_goes_up_and_comes_down_to_be_saved(client: httpx.AsyncClient, user: SignedIn) -> None:
    """Byte for byte, with a name that does no harm, and never as something that a browser would show."""
    sent = await client.post(f"{FILES}?name=../x.html", content=b"<script>alert(1)</script>", headers=user.headers)
    assert (sent.status_code, sent.json()["name"], sent.json()["type"]) == (201, "x.html.txt", "text/plain")
    again = await client.post(f"{FILES}?name=../x.html", content=b"<script>alert(1)</script>", headers=user.headers)
    assert again.json()["id"] == sent.json()["id"]
    assert [file["id"] for file in (await client.get(FILES, headers=user.headers)).json()] == [sent.json()["id"]]
    got = await client.get(f"{FILES}/{sent.json()['id']}", headers=user.headers)
    assert got.content == b"<script>alert(1)</script>"
    assert got.headers["content-disposition"] == "attachment; filename*=utf-8''x.html.txt"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox")
    journal = (await client.get(f"{URL}/1/entries", headers=user.headers)).json()["entries"]
    assert [entry["event"] for entry in journal] == ["created", "attached"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 409), (b"MZ\x90\0\3", 409), (b"x" * 2_000_000, 201), (b"x" * (MAX_BYTES + 1), 413)],
    ids=["empty", "a program", "larger than a message", "too large"],
)
async def test_what_is_not_taken(client: httpx.AsyncClient, user: SignedIn, content: bytes, status: int) -> None:
    """Is refused with its reason, and leaves nothing behind; a file may be larger than other requests."""
    sent = await client.post(f"{FILES}?name=a.txt", content=content, headers=user.headers)
    assert sent.status_code == status, sent.text
    assert len((await client.get(FILES, headers=user.headers)).json()) == (status == 201)


async def test_a_file_whose_bytes_are_lost_is_not_there(
    client: httpx.AsyncClient, parts: Parts, user: SignedIn
) -> None:
    """A 404, not a broken server."""
    sent = await client.post(FILES, content=PNG, headers=user.headers)
    for file in (parts.settings.home / "attachments").rglob("*"):
        if file.is_file():
            file.unlink()
    assert (await client.get(f"{FILES}/{sent.json()['id']}", headers=user.headers)).status_code == 404


async def test_nothing_of_a_deleted_person_stays_in_tickets(
    client: httpx.AsyncClient, parts: Parts, user: SignedIn, sign_in: Signed
) -> None:
    """Neither words nor files nor their id; of one who helped others, the help without the name."""
    helper, other = await sign_in(Role.MANAGER), await sign_in(Role.USER)
    await client.post(FILES, content=b"salary", headers=user.headers)
    await client.post(URL, json={"text": "Another's question"}, headers=other.headers)
    keyed = helper.headers | {"Idempotency-Key": "k"}
    for number, text in ((1, "Your salary"), (2, "Try it off and on")):
        await client.put(f"{URL}/{number}/assign", headers=helper.headers)
        await client.post(f"{URL}/{number}/comments", json={"text": text}, headers=keyed)
    for person in (user, helper):
        gone = await client.request("DELETE", "/api/v1/account", json={"password": PASSWORD}, headers=person.headers)
        assert gone.status_code == 204, gone.text
        assert await tables_with(parts, person.id) <= {"audit", "event"}
    assert await tables_with(parts, "salary") == set()
    assert not [file for file in (parts.settings.home / "attachments").rglob("*") if file.is_file()]
    left = (await client.get(f"{URL}/2", headers=other.headers)).json()
    assert [entry["text"] for entry in left["entries"]] == ["", "Try it off and on"]
    assert (left["assignee"], left["response"]["done_by"]) == ("", "erased:helper")
