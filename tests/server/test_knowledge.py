"""The knowledge base over HTTP: everyone asks and reads what is for them, operators keep it."""

import asyncio
import zipfile
from io import BytesIO
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowledge_base.extract_child import _UNPACKED
from naryad.auth import Role
from server.edge import MAX_BODY
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn

URL = "/api/v1/knowledge"
VPN = "# VPN\n\n## Connecting\n\nInstall the client and sign in with your token."


@pytest.fixture
async def operator(sign_in: Signed) -> SignedIn:
    return await sign_in(Role.OPERATOR)


async def send(client: httpx.AsyncClient, who: SignedIn, name: str, data: str | bytes, **said: Any) -> httpx.Response:
    body = data.encode() if isinstance(data, str) else data
    return await client.post(f"{URL}/documents", params={"name": name, **said}, content=body, headers=who.headers)


async def ask(client: httpx.AsyncClient, who: SignedIn, question: str) -> dict[str, Any]:
    answer = await client.post(f"{URL}/ask", json={"question": question}, headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get(client: httpx.AsyncClient, who: SignedIn, path: str, **params: Any) -> httpx.Response:
    return await client.get(f"{URL}{path}", params=params, headers=who.headers)


async def test_a_document_from_its_upload_to_its_withdrawal(
    client: httpx.AsyncClient, parts: Parts, operator: SignedIn, sign_in: Signed
) -> None:
    """Taken in, answered from with its source, replaced, compared and withdrawn; each version stands in its history."""
    user = await sign_in(Role.USER)
    sent = await send(client, operator, "vpn.md", VPN, kind="howto", owner="it")
    assert (sent.status_code, sent.json()["change"]) == (201, "added")
    await parts.crew.knowledge.refresh()
    answer = await ask(client, user, "How do I connect to the VPN?")
    [cited] = answer["passages"]
    assert (answer["known"], cited["document_id"], cited["version"], cited["path"]) == (True, "vpn", 1, ["Connecting"])
    assert not (await ask(client, user, "who won the war of 1812"))["known"]
    assert (await send(client, operator, "vpn.md", VPN)).json()["change"] is None
    changed = (await send(client, operator, "vpn.md", VPN.replace("token", "key"))).json()
    assert (changed["change"], changed["document"]["version"], changed["document"]["kind"]) == ("changed", 2, "howto")
    shown = (await get(client, user, "/documents/vpn/en")).json()
    assert (shown["title"], shown["source"], "your key" in shown["text"]) == ("VPN", "vpn.md", True)
    assert (
        "-Install the client and sign in with your token."
        in (await get(client, operator, "/documents/vpn/en/diff", **{"from": 1, "to": 2})).json()["diff"]
    )
    gone = await client.delete(f"{URL}/documents/vpn/en", headers=operator.headers)
    assert gone.status_code == 204
    await parts.crew.knowledge.refresh()
    assert (await ask(client, user, "How do I connect to the VPN?"))["passages"] == []
    assert (await get(client, user, "/documents/vpn/en")).status_code == 404
    history = (await get(client, operator, "/documents/vpn/en/history")).json()["versions"]
    assert [(one["version"], one["change"]) for one in history] == [(3, "withdrawn"), (2, "changed"), (1, "added")]
    assert {one["by"] for one in history} == {f"account:{operator.id}"}


async def test_who_one_is_decides_what_there_is(
    client: httpx.AsyncClient, parts: Parts, operator: SignedIn, sign_in: Signed
) -> None:
    """What is for others cannot be found, read, listed, compared, replaced or withdrawn, and looks like nothing."""
    admin, manager, user = [await sign_in(role) for role in (Role.ADMIN, Role.MANAGER, Role.USER)]
    secret = "The salaries of the directors are paid on the fifth."
    assert (await send(client, admin, "salaries.txt", secret, audience="manager")).status_code == 201
    await parts.crew.knowledge.refresh()
    for who, may in ((admin, True), (manager, True), (operator, False), (user, False)):
        assert bool((await get(client, who, "/search", query="salaries of directors")).json()["passages"]) is may
        assert bool((await get(client, who, "/documents")).json()["documents"]) is may
        assert (await ask(client, who, "salaries of directors"))["known"] is may
        here, nowhere = [await get(client, who, f"/documents/{name}/en") for name in ("salaries", "nothing")]
        assert (here.status_code, nowhere.status_code) == (200 if may else 404, 404)
        if not may:
            assert here.json()["error"]["message"] == nowhere.json()["error"]["message"]
    for path in ("history", "diff"):
        assert (await get(client, operator, f"/documents/salaries/en/{path}")).status_code == 404
    assert (await client.delete(f"{URL}/documents/salaries/en", headers=operator.headers)).status_code == 404
    taken = await send(client, operator, "salaries.txt", "Nothing is paid.", audience="everyone")
    assert taken.status_code == 409
    assert "fifth" in (await get(client, manager, "/documents/salaries/en")).json()["text"]


async def test_lists_come_in_pages(client: httpx.AsyncClient, operator: SignedIn) -> None:
    """Every document once, in the order of their names, those that are asked for."""
    for number in range(5):
        await send(client, operator, f"d{number}.txt", f"Text number {number}.", kind="price" if number % 2 else "faq")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await get(client, operator, "/documents", limit=2, cursor=cursor)).json()
        seen += [one["id"] for one in page["documents"]]
        cursor = page["next"]
    assert seen == ["d0", "d1", "d2", "d3", "d4"]
    prices = (await get(client, operator, "/documents", kind="price", text="D3")).json()["documents"]
    assert [one["id"] for one in prices] == ["d3"]
    for text in ("two", "three"):
        await send(client, operator, "d0.txt", text)
    first = (await get(client, operator, "/documents/d0/en/history", limit=2)).json()
    rest = (await get(client, operator, "/documents/d0/en/history", limit=2, cursor=first["next"])).json()
    assert [one["version"] for one in first["versions"] + rest["versions"]] == [3, 2, 1]


async def test_what_is_out_of_date_is_told(client: httpx.AsyncClient, operator: SignedIn) -> None:
    """With its owner, in the state of the base."""
    await send(client, operator, "prices.txt", "A seat costs ten.", valid_until="2020-01-01", owner="anna")
    status = (await get(client, operator, "/status")).json()
    assert status["stale"] == [{"document": "prices.en", "valid_until": "2020-01-01", "owner": "anna"}]
    assert status["documents"] == {"en": 1}


def _bomb() -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as entry:
        for _piece in range((_UNPACKED >> 20) + 50):
            entry.write(b"\0" * 2**20)
    return made.getvalue()


BAD: dict[str, tuple[str, bytes, dict[str, str], int]] = {
    "a broken PDF": ("a.pdf", b"%PDF-1.7 trash", {}, 400),
    "an image that is called a page": ("a.html", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, {}, 400),
    "a zip bomb": ("a.docx", _bomb(), {}, 400),
    "nothing": ("a.txt", b"", {}, 400),
    "no known format": ("a.exe", b"MZ", {}, 400),
    "no format": ("..", b"text", {}, 400),
    "only an ending": (".md", b"text", {}, 400),
    "broken front matter": ("a.md", b"---\nid: [\n---\ntext", {}, 400),
    "an unknown reader in it": ("a.md", b"---\nid: a\ntitle: A\naudience: boss\n---\ntext", {}, 400),
    "an unknown reader": ("a.txt", b"text", {"audience": "boss"}, 422),
    "an unknown kind": ("a.txt", b"text", {"kind": "poem"}, 422),
    "an unknown language": ("a.txt", b"text", {"lang": "de"}, 422),
    "an unknown word": ("a.txt", b"text", {"colour": "red"}, 422),
    "dates the wrong way round": ("a.txt", b"text", {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}, 400),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_file_is_refused(client: httpx.AsyncClient, parts: Parts, operator: SignedIn, what: str) -> None:
    """With its reason, in the one shape of errors, and nothing is taken in."""
    name, data, said, status = BAD[what]
    answer = await send(client, operator, name, data, **said)
    assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)
    assert await parts.crew.knowledge.store.revision() == 0


@pytest.mark.parametrize(
    "name", ["../../etc/x.txt", "a/b.txt", "x" * 190 + ".txt", "🤖" * 190 + ".txt", " .txt", "\1.txt"]
)
async def test_a_files_name_leads_nowhere(client: httpx.AsyncClient, operator: SignedIn, name: str) -> None:
    """Whatever it is, the text is taken in under a plain id."""
    answer = await send(client, operator, name, "Plain text.")
    assert answer.status_code == 201, answer.text
    assert "/" not in answer.json()["document"]["source"]


@pytest.mark.parametrize("told", [True, False])
async def test_a_huge_file_is_cut_off(client: httpx.AsyncClient, parts: Parts, operator: SignedIn, told: bool) -> None:
    """By its length before it comes, else while it comes; larger than other requests it may be."""
    limit = parts.crew.knowledge.settings.max_file_mb << 20

    async def growing() -> Any:
        for _piece in range(limit // 2**20 + 1):
            yield b"x" * 2**20

    params, headers = {"name": "a.pdf"}, operator.headers
    body = b"x" * (limit + 1) if told else growing()
    answer = await client.post(f"{URL}/documents", params=params, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    fits = await send(client, operator, "long.txt", "A line of text.\n" * (2 * MAX_BODY // 16))
    assert fits.status_code == 201


async def test_a_stranger_cannot_send_a_large_body(client: httpx.AsyncClient, sign_in: Signed) -> None:
    """The limit rises only for whoever may send files."""
    user = await sign_in(Role.USER)
    assert (await send(client, user, "a.txt", b"x" * 2 * MAX_BODY)).status_code == 403
    assert (await client.post(f"{URL}/documents?name=a.txt", content=b"x" * 2 * MAX_BODY)).status_code == 401


async def test_a_file_that_breaks_off_leaves_nothing(app: FastAPI, parts: Parts, operator: SignedIn) -> None:
    """A client that goes away midway is not the end of anything."""
    messages = [{"type": "http.request", "body": b"half a te", "more_body": True}, {"type": "http.disconnect"}]
    answered: list[Any] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in operator.headers.items()]
    scope = {
        "type": "http", "method": "POST", "path": f"{URL}/documents", "query_string": b"name=a.txt", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("test", 80), "scheme": "http", "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def answer(message: Any) -> None:
        answered.append(message)

    await app(scope, receive, answer)
    assert answered[0]["status"] == 400
    assert await parts.crew.knowledge.store.revision() == 0


async def test_two_uploads_of_one_document_at_once_are_two_versions(
    client: httpx.AsyncClient, parts: Parts, operator: SignedIn
) -> None:
    """None is lost, and all see the same last one."""
    answers = await asyncio.gather(*(send(client, operator, "plan.txt", f"Plan number {n}.") for n in range(8)))
    versions = {one.json()["document"]["version"]: one.json()["change"] for one in answers}
    assert versions == {1: "added"} | dict.fromkeys(range(2, 9), "changed")
    await parts.crew.knowledge.refresh()
    [found] = (await get(client, operator, "/search", query="plan number")).json()["passages"]
    assert found["version"] == 8
    assert found["text"] in (await get(client, operator, "/documents/plan/en")).json()["text"]
