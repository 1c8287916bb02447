"""The telephony's webhook: only its own token lets a call in, and each becomes one ticket."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from naryad.settings import Settings
from server.parts import Parts

URL = "/api/v1/telephony/calls"
TOKEN = "token-of-the-telephony"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
CALL = {"id": "call-1", "caller": "+79161234567", "called": "+74950000000", "started_at": "2026-11-21T09:00:00Z"}


@pytest.fixture
def settings(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NARYAD_LANG", "en")
    alone.mkdir(parents=True, exist_ok=True)
    return Settings(NARYAD_HOME=alone, RATE_LIMIT_PER_MINUTE=100_000, TELEPHONY_TOKEN=TOKEN)


async def test_a_missed_call_is_a_ticket_to_call_back(client: httpx.AsyncClient, parts: Parts) -> None:
    """It tells the number, and presses more than a call that somebody answered."""
    answer = await client.post(URL, json=CALL | {"missed": True}, headers=HEADERS)
    assert answer.status_code == 200
    ticket = await parts.crew.tickets.of_id(answer.json()["ticket"])
    assert (ticket.channel, ticket.requester, ticket.priority) == ("phone", "phone:+79161234567", "high")
    assert (ticket.subject, ticket.contact) == ("Call back +79161234567", "+79161234567")


async def test_an_answered_call_is_written_down(client: httpx.AsyncClient, parts: Parts) -> None:
    """With who answered, and where the recording lies; the time is the install's."""
    told = {"operator": "Anna", "duration_s": 61, "recording_url": "http://pbx.test/1.wav", "transcript": "VPN"}
    answer = await client.post(URL, json=CALL | told, headers=HEADERS)
    ticket = await parts.crew.tickets.of_id(answer.json()["ticket"])
    assert "21.11.2026 12:00 MSK" in ticket.text
    for told_of in ("Anna", "61 s", "http://pbx.test/1.wav", "VPN"):
        assert told_of in ticket.text
    assert answer.json()["thread"] is None


async def test_the_same_call_again_changes_nothing(client: httpx.AsyncClient, parts: Parts) -> None:
    """Also when it is told ten times at once."""
    answers = await asyncio.gather(*(client.post(URL, json=CALL, headers=HEADERS) for _n in range(10)))
    assert len({answer.text for answer in answers}) == 1
    other = await client.post(URL, json=CALL | {"id": "call-2"}, headers=HEADERS)
    assert other.json()["number"] == answers[0].json()["number"] + 1


async def test_those_who_hide_their_number_are_not_one_person(client: httpx.AsyncClient, parts: Parts) -> None:
    """One must not read the other's ticket; the same call again is the same person."""
    calls = [await client.post(URL, json=CALL | {"id": one, "caller": ""}, headers=HEADERS) for one in ("1", "2", "1")]
    first, other, again = [await parts.crew.tickets.of_id(call.json()["ticket"]) for call in calls]
    assert first.requester == again.requester != other.requester
    assert first.contact == ""


@pytest.mark.parametrize("header", ["", "Bearer ", f"Bearer {TOKEN[:-1]}", TOKEN, f"bearer {TOKEN}", "Bearer тайна"])
async def test_without_the_token_nothing_comes_in(client: httpx.AsyncClient, parts: Parts, header: str) -> None:
    """The refusal does not tell the token either."""
    answer = await client.post(URL, json=CALL, headers={b"Authorization": header.encode()})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"caller": "Anna\r\nBcc: x"},
        {"called": ""},
        {"started_at": "2026-11-21T09:00:00"},
        {"duration_s": -1},
        {"recording_url": "file:///etc/passwd"},
        {"transcript": "x" * 16_001},
        {"id": ""},
        {"extra": 1},
    ],
)
async def test_what_is_no_call_is_refused(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    """With 422, never with 5xx."""
    assert (await client.post(URL, json=CALL | wrong, headers=HEADERS)).status_code == 422


async def test_without_a_token_in_the_settings_there_is_no_webhook(
    client: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for an empty token."""
    monkeypatch.setattr(parts.settings, "telephony_token", None)
    assert (await client.post(URL, json=CALL, headers={"Authorization": "Bearer "})).status_code == 404
