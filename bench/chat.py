"""The chat API over real sockets: `naryad serve` with a scripted model of fifty tokens, beside a bare Starlette.

Both servers are processes of their own, asked by the same client, so that the ratios hold on any machine.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import yaml

TOKENS, WIDTHS, LEAST = 50, (1, 20, 100), 5
RATE, RATE_S = 50, 6
SOCKETS, IDLE, IDLE_S, WOKEN, WOKEN_S = 100, 1_000, 4, 100, 120
TEXT = " ".join(f"word{n}" for n in range(TOKENS))
ROOT = Path(__file__).parents[1]


def run() -> dict[str, Any]:
    """Time to the first token and runs a second by width, p95 of other requests, sockets, idle streams."""
    with tempfile.TemporaryDirectory(prefix="naryad-bench-", dir=Path.home()) as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(home: Path) -> dict[str, Any]:
    token = await _operator(home)
    (home / "script.yaml").write_text(yaml.safe_dump([{"when": "Observations", "turns": [{"text": TEXT}]}]))
    limits = {
        "RATE_LIMIT_PER_MINUTE": "10000000",
        "NARYAD_MAX_STREAMS": "10000",
        "NARYAD_MAX_RUNS": str(WIDTHS[-1]),
        "ENABLE_CACHING": "false",
    }
    ours = {"NARYAD_HOME": str(home), "NARYAD_MODEL": f"scripted:{home / 'script.yaml'}", **limits}
    async with AsyncExitStack() as stack:
        bare, _pid = await stack.enter_async_context(_server(["bench.chat"], {}))
        api, pid = await stack.enter_async_context(_server(["cli.main", "serve", "--port"], ours))
        api.headers["Authorization"] = f"Bearer {token}"
        figures: dict[str, Any] = {"tokens": TOKENS, "streams": {}}
        for width in WIDTHS:
            base = await _streams(lambda: _stream(bare, "/"), width)
            own = await _streams(lambda: _asked(api), width)
            ratio = round(own["runs_per_s"] / base["runs_per_s"], 3)
            figures["streams"][width] = {"bare": base, "naryad": own, "ratio_runs_per_s": ratio}
        figures["other_requests"] = await _others(api)
        figures["sockets"] = await _sockets(api, token)
        figures["idle_streams"] = await _idle(api, pid)
        return figures


async def _operator(home: Path) -> str:
    """An operator's token, made before the server starts."""
    from agents.registry import open_crew
    from naryad.accounts.tokens import Access
    from naryad.auth import Role
    from naryad.settings import Settings
    from server.parts import open_parts

    async with open_parts(Settings(NARYAD_HOME=home, NARYAD_MODEL="none"), open_crew) as parts:
        account = await parts.accounts.create("bench@example.ru", "correct horse battery", Role.OPERATOR)
        device, _refresh = await parts.devices.open(account.id)
        return parts.signer.sign(Access(account.id, account.role, device.id, False))


@asynccontextmanager
async def _server(module: list[str], surroundings: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, int]]:
    from tests.servers import free_port

    port = free_port()
    command, quiet = [sys.executable, "-m", *module, str(port)], subprocess.DEVNULL
    child = await asyncio.to_thread(
        lambda: subprocess.Popen(command, cwd=ROOT, env={**os.environ, **surroundings}, stdout=quiet, stderr=quiet)
    )
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=WIDTHS[-1], keepalive_expiry=2)
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120, limits=limits, trust_env=False)
    try:
        async with asyncio.timeout(60), AsyncExitStack():
            while True:
                try:
                    await client.get("/health")
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                else:
                    break
        yield client, child.pid
    finally:
        await client.aclose()
        child.terminate()
        await asyncio.to_thread(child.wait)


async def _asked(api: httpx.AsyncClient) -> float:
    return await _said(api, (await api.post("/api/v1/agents/ops/threads")).json()["id"])


async def _said(api: httpx.AsyncClient, thread: str) -> float:
    said: dict[str, Any] = {"json": {"text": "Is all well?"}, "headers": {"Accept": "text/event-stream"}}
    return await _stream(api, f"/api/v1/threads/{thread}/runs", **said)


async def _stream(client: httpx.AsyncClient, path: str, **sent: Any) -> float:
    """Read a stream to its end; milliseconds to its first token."""
    begun, first = time.perf_counter(), 0.0
    async with client.stream("POST", path, **sent) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if not first and line == "event: token":
                first = (time.perf_counter() - begun) * 1000
    return first


async def _streams(one: Callable[[], Awaitable[float]], width: int) -> dict[str, float]:
    begun = time.perf_counter()
    waves = max(1, LEAST // width)
    firsts = [first for _ in range(waves) for first in await asyncio.gather(*(one() for _ in range(width)))]
    took = time.perf_counter() - begun
    return {"first_token_p50_ms": round(median(firsts), 1), "runs_per_s": round(len(firsts) / took, 2)}


async def _others(api: httpx.AsyncClient) -> dict[str, float]:
    """What does not run a model, at a steady rate."""
    thread = (await api.get("/api/v1/threads")).json()["threads"][0]["id"]
    paths = ["/api/v1/agents", "/api/v1/threads", f"/api/v1/threads/{thread}/state", "/v1/models"]
    paths += [f"/api/v1/threads/{thread}/messages", "/api/v1/approvals"]

    async def one(n: int) -> float:
        await asyncio.sleep(n / RATE)
        begun = time.perf_counter()
        (await api.get(paths[n % len(paths)])).raise_for_status()
        return (time.perf_counter() - begun) * 1000

    taken = await asyncio.gather(*(one(n) for n in range(RATE * RATE_S)))
    return {"per_s": RATE, "p50_ms": round(median(taken), 1), "p95_ms": round(quantiles(taken, n=20)[-1], 1)}


async def _sockets(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    """Many WebSockets on one thread that talks: events that each lost, and how late the last was."""
    from websockets.asyncio.client import connect

    thread = (await api.post("/api/v1/agents/ops/threads")).json()["id"]
    url = f"{str(api.base_url).replace('http', 'ws').rstrip('/')}/api/v1/events"
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(connect(url, proxy=None)) for _ in range(SOCKETS)]
        for socket in sockets:
            await socket.send(json.dumps({"token": token, "subscribe": {"thread": thread}}))
            await socket.recv()
            await socket.recv()
        begun = time.perf_counter()
        await _said(api, thread)
        took = time.perf_counter() - begun

        async def heard(socket: Any) -> list[int]:
            seqs = []
            while True:
                told = json.loads(await asyncio.wait_for(socket.recv(), 30))
                seqs.append(told["seq"])
                if told["type"] == "run.finished":
                    return seqs

        each = await asyncio.gather(*(heard(socket) for socket in sockets))
        late = time.perf_counter() - begun - took
    return {
        "sockets": SOCKETS,
        "events": len(each[0]),
        "sockets_that_lost_any": lost(each),
        "run_s": round(took, 2),
        "late_s": round(late, 2),
    }


async def _idle(api: httpx.AsyncClient, pid: int) -> dict[str, Any]:
    """Many streams on which nothing happens: their memory, other requests meanwhile, and what some hear afterwards."""
    threads = [(await api.post("/api/v1/agents/ops/threads")).json()["id"] for _ in range(IDLE)]
    begun, used_before = _spent(pid)
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(api.stream("GET", f"/api/v1/threads/{thread}/events")) for thread in threads
        ]
        cpu, held = _spent(pid)
        await asyncio.sleep(IDLE_S)
        busy = (_spent(pid)[0] - cpu) / IDLE_S * 100
        facts: dict[str, Any] = {"streams": IDLE, "kib_each": round((held - used_before) / IDLE, 1)}
        facts |= {"opening_cpu_s": round(cpu - begun, 1), "idle_cpu_percent": round(busy, 1)}
        # Through a client of its own: looking for a free connection among a thousand would be its time, not ours.
        async with httpx.AsyncClient(base_url=api.base_url, headers=api.headers, trust_env=False) as another:
            facts["others"] = await _others(another)
            woken = [n * IDLE // min(WOKEN, IDLE) for n in range(min(WOKEN, IDLE))]  # from the first to the last opened
            for n in woken:
                begun_run = await another.post(f"/api/v1/threads/{threads[n]}/runs", json={"text": "Is all well?"})
                begun_run.raise_for_status()
            each = await asyncio.gather(*(to_the_end(streams[n]) for n in woken))
        return {**facts, "woken": len(woken), "events": sum(map(len, each)), "streams_that_lost_any": lost(each)}


def lost(each: Iterable[list[int]]) -> int:
    """How many of those who listened did not hear every event to the end, by the numbers that each heard."""
    return sum(not seqs or seqs != list(range(1, len(seqs) + 1)) for seqs in each)


async def to_the_end(answer: httpx.Response) -> list[int]:
    """The numbers of a stream's events up to the end of the run; none where that does not come."""
    seqs: list[int] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(WOKEN_S):
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    seqs.append(int(line.removeprefix("id: ")))
                if line == "event: run.finished":
                    return seqs
    return []


def _spent(pid: int) -> tuple[float, float]:
    """A process's seconds of processor time so far, and KiB of memory now (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _bare(port: int) -> None:
    import uvicorn
    from sse_starlette import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

    async def stream(_request: Request) -> EventSourceResponse:
        async def words() -> AsyncIterator[dict[str, str]]:
            for word in TEXT.split():
                yield {"event": "token", "data": json.dumps({"text": word})}

        return EventSourceResponse(words())

    uvicorn.run(Starlette(routes=[Route("/", stream, methods=["POST"])]), port=port, log_level="critical")


if __name__ == "__main__":
    _bare(int(sys.argv[1]))
