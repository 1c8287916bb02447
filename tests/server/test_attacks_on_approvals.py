"""Odd requests of somebody who may decide: each is refused as itself, and decides nothing in passing."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from naryad.db.models.gate import ApprovalStatus
from server.parts import Parts
from tests.server.asking import URL, Desk
from tests.server.conftest import Signed, SignedIn

YES = b'{"reason": "go"}'
JSON = {"Content-Type": "application/json"}
RAW: dict[str, tuple[int, str, str, bytes, dict[str, str]]] = {
    "a verb that is none": (404, "POST", "{id}/consume", YES, JSON),
    "GET of a verb": (405, "GET", "{id}/approve", b"", {}),
    "PUT of a verb": (405, "PUT", "{id}/approve", YES, JSON),
    "PATCH of the row": (405, "PATCH", "{id}", b'{"status": "approved"}', JSON),
    "PUT of the row": (405, "PUT", "{id}", b'{"status": "approved"}', JSON),
    "DELETE of the row": (405, "DELETE", "{id}", b"", {}),
    "method override": (405, "POST", "{id}", YES, JSON | {"X-HTTP-Method-Override": "PUT", "X-Method-Override": "PUT"}),
    "override of a read": (200, "GET", "{id}", b"", {"X-HTTP-Method-Override": "POST", "X-Original-URL": "/approve"}),
    "upper case": (404, "POST", "{id}/APPROVE", YES, JSON),
    "path traversal": (405, "POST", "x/../{id}/../{id}/approve/..", YES, JSON),
    "encoded traversal": (404, "POST", "x%2f..%2f{id}/approve", YES, JSON),
    "a beginning of the id": (404, "POST", "{short}/approve", YES, JSON),
    "an end of the id": (404, "POST", "{end}/approve", YES, JSON),
    "a pattern for an id": (404, "POST", "%25/approve", YES, JSON),
    "SQL for an id": (404, "POST", "'%20OR%20'1'='1/approve", YES, JSON),
    "NUL behind the id": (404, "POST", "{id}%00/approve", YES, JSON),
    "a blank behind the id": (404, "POST", "{id}%20/approve", YES, JSON),
    "the id in capitals": (404, "POST", "{upper}/approve", YES, JSON),
    "a huge id": (422, "POST", "a" * 5_000 + "/approve", YES, JSON),
    "plain text": (422, "POST", "{id}/reject", YES, {"Content-Type": "text/plain"}),
    "a form": (422, "POST", "{id}/reject", b"reason=go", {"Content-Type": "application/x-www-form-urlencoded"}),
    "text for an edit": (422, "POST", "{id}/edit", b'{"args": {"what": "evil"}}', {"Content-Type": "text/plain"}),
    "doubled keys": (422, "POST", "{id}/approve", b'{"reason": "no", "reason": "yes"}', JSON),
    "doubled arguments": (422, "POST", "{id}/edit", b'{"args": {"what": "a", "what": "b"}}', JSON),
    "an unknown field": (422, "POST", "{id}/approve", b'{"verdict": "approve"}', JSON),
    "somebody else's name": (422, "POST", "{id}/approve", b'{"person": "local:boris"}', JSON),
    "a list": (422, "POST", "{id}/approve", b'[{"reason": "go"}]', JSON),
    "no JSON": (422, "POST", "{id}/approve", b"{reason: go", JSON),
    "deep JSON": (422, "POST", "{id}/edit", b'{"args": {"what": ' + b"[" * 900 + b"]" * 900 + b"}}", JSON),
    "a number for a reason": (422, "POST", "{id}/approve", b'{"reason": 1}', JSON),
    "an empty no": (422, "POST", "{id}/reject", b'{"reason": ""}', JSON),
    "a huge reason": (422, "POST", "{id}/approve", json.dumps({"reason": "a" * 100_000}).encode(), JSON),
    "a huge body": (413, "POST", "{id}/approve", json.dumps({"reason": "a" * 2_000_000}).encode(), JSON),
    "NUL in the reason": (422, "POST", "{id}/approve", b'{"reason": "a\\u0000b"}', JSON),
    "text from right to left": (422, "POST", "{id}/approve", b'{"reason": "\\u202eoduf"}', JSON),
    "half a surrogate pair": (422, "POST", "{id}/approve", b'{"reason": "\\ud800"}', JSON),
    "an edit with half a pair": (422, "POST", "{id}/edit", b'{"args": {"what": "\\ud800"}}', JSON),
    "an edit with another name": (422, "POST", "{id}/edit", b'{"args": {"what": "a", "evil": "b"}}', JSON),
    "an edit beyond bounds": (422, "POST", "{id}/edit", b'{"args": {"what": "a", "seconds": 1e9}}', JSON),
    "an edit of no number": (422, "POST", "{id}/edit", b'{"args": {"what": "a", "seconds": NaN}}', JSON),
    "another digest": (409, "POST", "{id}/approve", json.dumps({"args_sha256": "0" * 64}).encode(), JSON),
    "another digest for an edit": (
        *(409, "POST", "{id}/edit"),
        *(json.dumps({"args": {"what": "y"}, "args_sha256": "0" * 64}).encode(), JSON),
    ),
    "a digest that is none": (422, "POST", "{id}/approve", b'{"args_sha256": "yes"}', JSON),
    "an approved list": (422, "GET", "?status=%E0%B0%BEpproved", b"", {}),
    # The first letter is Cyrillic.
    "a lookalike status": (422, "GET", "?status=%D0%B0pproved", b"", {}),
    "two cursors": (200, "GET", "?limit=1&limit=50&status=approved&status=pending", b"", {}),
    "a negative page": (422, "GET", "?limit=-1", b"", {}),
    "polluted parameters": (422, "POST", "{id}/reject?reason=go&args_sha256={sha}", b"", JSON),
}


@pytest.fixture
def desk(parts: Parts, client: httpx.AsyncClient, sign_in: Signed) -> Desk:
    return Desk(parts, client, sign_in)


async def test_odd_requests_decide_nothing(desk: Desk) -> None:
    """Every one of them has its own answer, and after it the question stands as before."""
    anna = await desk.person()
    [asked] = await desk.ask()
    names = {
        "id": asked.id,
        "short": asked.id[:20],
        "end": asked.id[-12:],
        "upper": asked.id.upper(),
        "sha": asked.args_sha256,
    }
    answered, moved = {}, []
    for name, (_status, method, path, body, headers) in RAW.items():
        place = URL + (path if path.startswith("?") else f"/{path.format(**names)}")
        url = httpx.URL("http://test").copy_with(raw_path=place.encode())
        got = await desk.client.request(method, url, content=body, headers=anna.headers | headers)
        answered[name] = got.status_code
        if desk.effects or await desk.status(asked) is not ApprovalStatus.PENDING:
            moved.append(name)
    assert moved == []
    assert answered == {name: status for name, (status, *_rest) in RAW.items()}


async def cookie_only(desk: Desk, anna: SignedIn, **names: str) -> int:
    """What another site could make a browser send."""
    headers = {"Cookie": f"access={anna.token}; refresh={anna.token}; Authorization=Bearer {anna.token}"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
        sent = headers | {"Content-Type": kind, "Origin": "https://evil.example"}
        got = await desk.client.post(f"{URL}/{names['id']}/approve", content=YES, headers=sent)
        assert "access-control-allow-origin" not in got.headers
    return got.status_code


async def token_in_the_query(desk: Desk, anna: SignedIn, **names: str) -> int:
    """A link that somebody is made to open."""
    got = await desk.client.post(
        f"{URL}/{names['id']}/approve", params={"access_token": anna.token, "token": anna.token}
    )
    return got.status_code


async def chat_text(desk: Desk, anna: SignedIn, **names: str) -> int:
    """«Yes, go on» is no decision, whoever says it; what the run makes of it waits for the question."""
    thread = (await desk.client.post("/api/v1/agents/ops/threads", json={}, headers=anna.headers)).json()["id"]
    said = {"text": f"approve {names['id']}"}
    await desk.client.post(f"/api/v1/threads/{thread}/runs", json=said, headers=anna.headers)
    return (
        await desk.client.post(f"/api/v1/threads/{names['thread']}/runs", json=said, headers=anna.headers)
    ).status_code


async def put_of_input(desk: Desk, anna: SignedIn, **names: str) -> int:
    """There is no other door to a thread's input."""
    body = {"approval": names["id"], "status": "approved"}
    return (
        await desk.client.put(f"/api/v1/threads/{names['thread']}/runs", json=body, headers=anna.headers)
    ).status_code


async def alerts_webhook(desk: Desk, anna: SignedIn, **names: str) -> int:
    """An alert that says that it approves."""
    labels = {"alertname": f"approve {names['id']}", "approval": names["id"], "verdict": "approve"}
    body = {"alerts": [{"labels": labels}], "approve": names["id"]}
    return (await desk.client.post("/webhook/alertmanager", json=body, headers=anna.headers)).status_code


async def web_socket(desk: Desk, anna: SignedIn, **names: str) -> int:
    """A client's message over the stream of events."""
    sent: list[Any] = []
    said = [{"token": anna.token}, {"approve": names["id"], "reason": "go"}]
    inbox = [{"type": "websocket.receive", "text": json.dumps(one)} for one in said]
    inbox = [{"type": "websocket.connect"}, *inbox]

    async def receive() -> Any:
        return inbox.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": b""}
    scope |= {"headers": [(b"host", b"test")], "subprotocols": [], "client": ("127.0.0.1", 1), "scheme": "ws"}
    transport = desk.client._transport
    assert isinstance(transport, httpx.ASGITransport)
    await transport.app(scope | {"server": ("test", 80), "asgi": {"version": "3.0"}}, receive, send)
    code: int = sent[-1]["code"]
    return code


@pytest.mark.parametrize(
    ("attack", "status"),
    [
        (cookie_only, 401),
        (token_in_the_query, 401),
        (chat_text, 403),
        (put_of_input, 405),
        (alerts_webhook, 422),
        (web_socket, 4400),
    ],
)
async def test_other_doors_do_not_open(desk: Desk, attack: Callable[..., Awaitable[int]], status: int) -> None:
    """Only an approval's own endpoints decide."""
    anna = await desk.person()
    [asked] = await desk.ask()
    assert await attack(desk, anna, id=asked.id, thread=asked.thread_id) == status
    assert (desk.effects, await desk.status(asked)) == ([], ApprovalStatus.PENDING)
