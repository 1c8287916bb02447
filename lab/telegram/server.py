"""The simulator's HTTP side: `/bot<token>/<method>`, parameters in every form that the real API takes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from lab.telegram.methods import PARAMETERS, REQUIRED, Methods
from lab.telegram.wording import Refusal, bad
from lab.telegram.world import World

TOKEN = "123456789:AAE-the-token-of-the-simulated-bot-00"
AGAIN_S = 0.1
"""How soon an update is delivered again whose webhook did not take it; the real API waits longer and longer."""


@dataclass(frozen=True)
class Simulator:
    """A running simulator; `url` is what TELEGRAM_API_URL must be."""

    world: World
    url: str


@asynccontextmanager
async def simulator(token: str = TOKEN, *, port: int = 0, plain_webhooks: bool = True) -> AsyncIterator[Simulator]:
    """Run the API on 127.0.0.1.

    Args:
        token: The one token that it knows.
        port: Where to listen; 0 takes a free port.
        plain_webhooks: Whether a webhook may be plain HTTP, which the real API refuses.
    """
    world = World(token)
    methods = Methods(world, plain_webhooks=plain_webhooks)

    async def handle(request: web.Request) -> web.Response:
        return await _answer(request, world, methods)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, bound = runner.addresses[0][:2]
    deliverer = asyncio.create_task(_deliver(world))
    try:
        yield Simulator(world, f"http://{host}:{bound}")
    finally:
        deliverer.cancel()
        with suppress(asyncio.CancelledError):
            await deliverer
        await runner.cleanup()


async def _answer(request: web.Request, world: World, methods: Methods) -> web.Response:
    try:
        name = _named(request.path, world.token)
        if fault := world.fault(name):
            if not fault.code:
                assert request.transport is not None
                request.transport.abort()
            retry = {"retry_after": fault.retry_after} if fault.retry_after else {}
            raise Refusal(fault.code, fault.description or "told to fail", **retry)
        result = await methods.call(name, _typed(name, await _given(request)))
    except Refusal as refusal:
        body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
        if refusal.parameters:
            body["parameters"] = refusal.parameters
        return web.json_response(body, status=refusal.code or 500)
    return web.json_response({"ok": True, "result": result})


def _named(path: str, token: str) -> str:
    """The method's name; the real API answers a token that is none with 404 and a wrong one with 401."""
    found = re.fullmatch(r"/bot(\d+:[\w-]{30,})/(\w+)", path)
    if not found:
        raise Refusal(404, "Not Found")
    if found[1] != token:
        raise Refusal(401, "Unauthorized")
    known = {name.lower(): name for name in PARAMETERS}
    if found[2].lower() not in known:
        raise Refusal(404, "Not Found")
    return known[found[2].lower()]


async def _given(request: web.Request) -> dict[str, Any]:
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        given.update(await request.json())
    else:
        given.update(await request.post())
    return given


def _typed(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of their types. An unknown one is refused, which the real API would ignore: it is a mistake."""
    kinds = PARAMETERS[name]
    if unknown := given.keys() - kinds.keys():
        raise bad(f"the simulator does not know {sorted(unknown)} of {name}")
    if missing := REQUIRED.get(name, frozenset()) - given.keys():
        raise bad(f"parameter {min(missing)!r} is required")
    return {key: _value(key, kinds[key], value) for key, value in given.items()}


def _value(key: str, kind: str, value: Any) -> Any:
    if kind == "String" or not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value.lower() if kind == "Boolean" else value)
    except ValueError:
        raise bad(f"can't parse {key} as {kind}") from None
    fits = {"Integer": int, "Boolean": bool}.get(kind, list if kind.startswith("Array") else dict)
    if not isinstance(parsed, fits):
        raise bad(f"can't parse {key} as {kind}")
    return parsed


async def _deliver(world: World) -> None:
    """Bring updates to the webhook, in order, each until it is taken."""
    async with ClientSession(timeout=ClientTimeout(10)) as session:
        while True:
            changed = world.changed
            if not (world.webhook and world.updates):
                await changed.wait()
                continue
            update, hook = world.updates[0], world.webhook
            headers = {"X-Telegram-Bot-Api-Secret-Token": hook["secret_token"]} if hook.get("secret_token") else {}
            try:
                async with session.post(hook["url"], json=update, headers=headers) as answer:
                    taken = answer.status < 300
            except (ClientError, TimeoutError):
                taken = False
            if taken and update in world.updates:
                world.updates.remove(update)
            elif not taken:
                await asyncio.sleep(AGAIN_S)
