"""The server is killed, or told to stop, amid streams and open questions: nothing is lost, nothing done twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from naryad.accounts.tokens import Access
from naryad.auth import Role
from naryad.settings import Settings
from server.parts import open_parts
from tests.server.chatting import Frame, frames, steps, talking_crew
from tests.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
STREAMS, QUESTIONS = 20, 10
WORDS = [f"{half}{n}" for half in "wv" for n in range(20)]
Serve = Callable[[], Awaitable[subprocess.Popen[bytes]]]


@pytest.fixture
async def chat(alone: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An operator's client for a server that does not run yet."""
    settings = Settings(NARYAD_HOME=alone)
    async with open_parts(settings, talking_crew) as parts:
        account = await parts.accounts.create("anna@example.ru", "correct horse battery", Role.OPERATOR)
        device, _refresh = await parts.devices.open(account.id)
        token = parts.signer.sign(Access(account.id, account.role, device.id, False))
    url, headers = f"http://127.0.0.1:{free_port()}", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def serve(chat: httpx.AsyncClient, alone: Path) -> AsyncIterator[Serve]:
    """Start the server; whatever still runs at the end is killed."""
    begun: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-m", "tests.server.serving", str(chat.base_url.port)]
    surroundings = {**os.environ, "RATE_LIMIT_PER_MINUTE": "100000", "NARYAD_MAX_RUNS": "40", "NARYAD_LANG": "en"}

    async def start() -> subprocess.Popen[bytes]:
        begun.append(await asyncio.to_thread(lambda: subprocess.Popen(command, cwd=ROOT, env=surroundings)))
        async with asyncio.timeout(180):
            while True:
                try:
                    await chat.get("/api/v1/agents")
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                else:
                    return begun[-1]

    yield start
    for process in begun:
        process.kill()
        await asyncio.to_thread(process.wait)


class Reader:
    """Follows one thread through whatever happens to the server."""

    def __init__(self, chat: httpx.AsyncClient, thread: str) -> None:
        self.chat, self.thread = chat, thread
        self.told: list[Frame] = []
        self.breaks: list[str] = []

    async def read(self) -> None:
        """Read to the end of the run, again and again after the last event."""
        while not self.told or self.told[-1].type != "run.finished":
            last = {"Last-Event-ID": str(self.told[-1].id)} if self.told else {}
            path = f"/api/v1/threads/{self.thread}/events"
            try:
                async with self.chat.stream("GET", path, headers=last) as answer:
                    async for frame in frames(answer):
                        self.told.append(frame)
                        if frame.type == "run.finished":
                            return
                self.breaks.append("ended")
            except httpx.TransportError as error:
                self.breaks.append(type(error).__name__)
                await asyncio.sleep(0.2)

    def spoken(self) -> list[str]:
        """The words that were not withdrawn."""
        text = ""
        for frame in self.told:
            text = "" if frame.type == "reset" else text + frame.data["data"].get("text", "") * (frame.type == "token")
        return text.split()


async def run(chat: httpx.AsyncClient, text: str, query: str = "") -> tuple[str, httpx.Response]:
    thread = (await chat.post("/api/v1/agents/ops/threads")).json()["id"]
    answer = await chat.post(f"/api/v1/threads/{thread}/runs{query}", json={"text": text})
    return thread, answer


async def talking(readers: list[Reader]) -> None:
    """Wait until everybody has heard some words, and nobody all."""
    while not all(any(frame.type == "token" for frame in reader.told) for reader in readers):
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_streams_and_questions_outlive_the_server(
    chat: httpx.AsyncClient, serve: Serve, alone: Path, how: signal.Signals
) -> None:
    """Every stream goes on without gap or repeat, every question is still there, and a yes to each runs it once."""
    server = await serve()
    asked = [await run(chat, steps({"fire": f"x{n}"}, {"message": "Done."}), "?wait=true") for n in range(QUESTIONS)]
    questions = [answer.json()["approvals"][0] for _thread, answer in asked]
    go_on = alone / "go_on"
    talk = steps({"say": "w", "times": 20}, {"until": str(go_on)}, {"say": "v", "times": 20}, {"message": "all said"})
    readers = [Reader(chat, (await run(chat, talk))[0]) for _ in range(STREAMS)]
    reading = asyncio.gather(*(reader.read() for reader in readers))
    await talking(readers)
    server.send_signal(how)
    assert await asyncio.to_thread(server.wait, 120) in (0, -how)  # uvicorn ends by the signal that it was told by
    assert not any(reader.told[-1].type == "run.finished" for reader in readers)
    go_on.touch()
    await serve()
    await asyncio.wait_for(reading, 300)
    for reader in readers:
        assert [frame.id for frame in reader.told] == list(range(1, len(reader.told) + 1))
        assert reader.spoken() == WORDS
        assert [frame.type for frame in reader.told].count("run.finished") == 1
        assert how is signal.SIGKILL or reader.breaks[0] == "ended"

    for (thread, _answer), question in zip(asked, questions, strict=True):
        state = (await chat.get(f"/api/v1/threads/{thread}/state")).json()
        assert (state["status"], [approval["id"] for approval in state["approvals"]]) == ("waiting", [question])
    for question in questions:
        approving = [chat.post(f"/api/v1/approvals/{question}/approve", json={}) for _ in range(3)]
        assert sorted(answer.status_code for answer in await asyncio.gather(*approving)) == [200, 409, 409]
    async with asyncio.timeout(300):
        for thread, _answer in asked:
            while (await chat.get(f"/api/v1/threads/{thread}/state")).json()["status"] != "idle":
                await asyncio.sleep(0.1)
    done = (alone / "world" / "done").read_text().splitlines()
    assert sorted(line.partition(" ")[2] for line in done) == [f"fire x{n}" for n in range(QUESTIONS)]
