"""The edge of the server: ids, headers, sizes, rates, one shape of errors."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from naryad.errors import ConfigError
from naryad.settings import Settings, load
from server.limits import Limiter, network


async def test_every_answer_has_its_id_and_its_headers(client: httpx.AsyncClient) -> None:
    """Also an error's, which tells the id to whoever reports it."""
    answer = await client.get("/nowhere")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["request_id"]) == ("not_found", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("header", "said"), [("en-GB", "is nothing"), ("ru", "ничего нет"), ("de", "ничего нет")])
async def test_an_answer_speaks_the_language_of_its_reader(client: httpx.AsyncClient, header: str, said: str) -> None:
    """As the browser asks; else the server's."""
    answer = await client.get("/nowhere", headers={"accept-language": header})
    assert said in answer.json()["error"]["message"]


async def test_a_bug_is_answered_like_anything_else(app: FastAPI, client: httpx.AsyncClient) -> None:
    """With its id, its headers, and nothing of what broke."""

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password=hunter2")

    answer = await client.get("/broken", headers={"origin": "https://web.example.ru"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "bug")
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]
    assert answer.headers["access-control-allow-origin"] == "https://web.example.ru"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "hunter2" not in answer.text


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=5, NARYAD_CORS_ORIGINS="https://web.example.ru")


async def test_too_many_requests_of_one_address_are_turned_away(client: httpx.AsyncClient) -> None:
    """With the seconds to wait, and never a probe of a monitor."""
    answers = [await client.get("/nowhere") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert (await client.get("/health")).status_code != 429


async def test_a_page_of_another_origin_can_read_why_it_is_turned_away(client: httpx.AsyncClient) -> None:
    """A browser shows a page no answer without these headers; an origin that is not named gets none."""
    for _ in range(5):
        await client.get("/nowhere")
    for origin, allowed in (("https://web.example.ru", "https://web.example.ru"), ("https://evil.example", None)):
        answer = await client.get("/nowhere", headers={"origin": origin})
        assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (429, allowed)


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, told: bool) -> None:
    """By its length, and while it comes where the length was not told."""

    async def parts() -> AsyncIterator[bytes]:
        for _part in range(20):
            yield b"x" * 100_000

    body = b"x" * 1_000_001 if told else parts()
    answer = await client.post("/api/v1/auth/sign-in", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"email": "\\ud800@example.ru"}', b"[" * 100_000, b'"\\u0000"'])
async def test_a_body_that_cannot_be_read_is_invalid(client: httpx.AsyncClient, body: bytes) -> None:
    """In the one shape of errors."""
    answer = await client.post("/api/v1/auth/sign-in", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


async def test_a_wrong_password_is_not_told_back(client: httpx.AsyncClient) -> None:
    """What does not fit may hold a secret: only the field is named."""
    wrong = {"email": "anna@example.ru", "password": "p4ssw0rd" * 30}
    answer = await client.post("/api/v1/auth/sign-in", json=wrong)
    assert answer.json()["error"]["details"][0]["field"] == "body.password"
    assert "p4ssw0rd" not in answer.text


async def _statuses(app: FastAPI, peers: list[str], *, trusted: str = "127.0.0.1") -> list[int]:
    """Ask from each peer in turn, who says to speak for another client each time, as uvicorn lets them through."""
    statuses = []
    behind: Any = ProxyHeadersMiddleware(app, trusted_hosts=trusted)  # type: ignore[arg-type]
    for number, peer in enumerate(peers):
        transport = httpx.ASGITransport(behind, client=(peer, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/nowhere", headers={"x-forwarded-for": f"10.1.1.{number}"})
            statuses.append(answer.status_code)
    return statuses


async def test_a_client_cannot_name_another_address(app: FastAPI) -> None:
    """Only a proxy on this machine, or one that was configured, is believed."""
    assert await _statuses(app, ["203.0.113.7"] * 7) == [404] * 5 + [429] * 2
    assert await _statuses(app, ["127.0.0.1"] * 7) == [404] * 7
    assert await _statuses(app, ["203.0.113.8"] * 7, trusted="203.0.113.0/24") == [404] * 7


async def test_one_customers_many_addresses_are_one(app: FastAPI) -> None:
    """A /64 of IPv6 counts once; an IPv4 address in an IPv6 one is itself."""
    same = [f"2001:db8:1:2::{number:x}" for number in range(1, 8)]
    assert await _statuses(app, same) == [404] * 5 + [429] * 2
    assert await _statuses(app, ["2001:db8:1:3::1"]) == [404]
    assert network("::ffff:203.0.113.9") == network("203.0.113.9") == "203.0.113.9"


async def test_without_redis_each_process_counts_for_itself(unused_tcp_port: int) -> None:
    """The door neither shuts nor stands open."""
    limiter = Limiter(Settings(REDIS_URL=f"redis://127.0.0.1:{unused_tcp_port}/0", RATE_LIMIT_PER_MINUTE=2))
    waits = [await limiter.take("address", "a") for _ in range(3)]
    assert waits[:2] == [None, None]
    assert waits[2]


def test_no_origin_is_every_origin() -> None:
    """With cookies allowed, a star would let any page act for whoever is signed in."""
    with pytest.raises(ConfigError, match="NARYAD_CORS_ORIGINS"):
        load(NARYAD_CORS_ORIGINS="*")
