"""Faults of the simulated trackers: the next requests fail as those of a real one do."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one request.

    Attributes:
        status: What is answered instead; 0 for an answer that gets lost after the effect.
        to: Only requests of this method and path; all where it is empty.
        after: What a refusal says in Retry-After.
        slow_s: How long the answer takes.
    """

    status: int = 0
    to: str = ""
    after: str = ""
    slow_s: float = 0


@dataclass
class Faults:
    """What is to fail next, and what was asked.

    Attributes:
        revoked: Whether the token is refused.
        asked: `METHOD /path` of every request.
    """

    coming: deque[Fault] = field(default_factory=deque)
    revoked: bool = False
    asked: list[str] = field(default_factory=list)

    def add(self, *faults: Fault) -> None:
        """Let the next requests fail."""
        self.coming.extend(faults)

    @web.middleware
    async def __call__(self, request: web.Request, handler: Handle) -> web.StreamResponse:
        """Answer, or not."""
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        fault = next((fault for fault in self.coming if asked.startswith(fault.to)), None)
        if fault is None:
            return await handler(request)
        self.coming.remove(fault)
        await asyncio.sleep(fault.slow_s)
        if fault.status:
            headers = {"Retry-After": fault.after} if fault.after else {}
            return web.json_response({"error": "told to fail"}, status=fault.status, headers=headers)
        answer = await handler(request)
        if not fault.slow_s:
            assert request.transport is not None
            request.transport.abort()
        return answer
