"""The edge of the server: ids, headers, sizes, rates, one shape of errors."""

from pathlib import Path

import httpx
import pytest

from naryad.settings import Settings


async def test_every_answer_has_its_id_and_its_headers(client: httpx.AsyncClient) -> None:
    """Also an error's, which tells the id to whoever reports it."""
    answer = await client.get("/nowhere")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["request_id"]) == ("not_found", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.fixture
def settings(alone: Path) -> Settings:
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=5)


async def test_too_many_requests_of_one_address_are_turned_away(client: httpx.AsyncClient) -> None:
    """With the seconds to wait, and never a probe of a monitor."""
    answers = [await client.get("/nowhere") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert (await client.get("/health")).status_code != 429
