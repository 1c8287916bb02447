"""Questions put by a real run, and what became of them: the ground of the tests about deciding."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from naryad.auth import Role
from naryad.clock import new_id
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.events import EventType
from naryad.testing.counter import CounterTools
from server.parts import Parts
from tests.server.conftest import Signed, SignedIn

URL = "/api/v1/approvals"
POLICY = """version: 1
rules:
  - {{name: look, action: allow, risk: [read]}}
  - {{name: ask, action: ask, ask: {ask}}}
"""


@dataclass
class Desk:
    """A server where somebody asked for an effect, and people who may decide it or not."""

    parts: Parts
    client: httpx.AsyncClient
    sign_in: Signed

    @property
    def effects(self) -> list[str]:
        """`<tool> <what>` of every effect that really happened."""
        world = CounterTools(self.parts.settings.home / "world")
        return [line.partition(" ")[2] for line in world.effects]

    def policy(self, ask: str) -> None:
        """Rule from here on that every effect is asked about like this."""
        file = self.parts.settings.home / "policy.yaml"
        file.write_text(POLICY.format(ask=ask), encoding="utf-8")
        self.parts.crew.runtime.policy.path = file

    async def ask(self, *what: str, principal: str = "system:test", thread: str = "") -> list[Approval]:
        """Let a run ask for effects; returns its questions, in order."""
        thread = thread or new_id()
        calls = [["counter_fire", {"what": one}] for one in what or ("x",)]
        await self.parts.driver.submit(thread, "ops", principal, {"text": json.dumps(calls)})
        asked = await self.until(lambda rows: len(rows) == len(calls), thread)
        return sorted(asked, key=lambda approval: approval.args_json)

    async def until(self, settled: Callable[[list[Approval]], bool], thread: str) -> list[Approval]:
        """The thread's approvals, as soon as they are as wanted."""
        async with asyncio.timeout(90):
            while not settled(rows := list(await self._of(thread))):
                await asyncio.sleep(0.02)
        return rows

    async def finished(self, thread: str) -> None:
        """Wait until the thread's run is over."""
        async with asyncio.timeout(90):
            while await self.parts.crew.runtime.events.last(thread, EventType.RUN_FINISHED) is None:
                await asyncio.sleep(0.02)

    async def status(self, approval: Approval) -> ApprovalStatus:
        """How it stands now."""
        return next(row.status for row in await self._of(approval.thread_id) if row.id == approval.id)

    async def post(self, who: SignedIn | None, approval: Approval | str, verb: str, **body: Any) -> httpx.Response:
        """Decide by HTTP."""
        name = approval if isinstance(approval, str) else approval.id
        return await self.client.post(f"{URL}/{name}/{verb}", json=body, headers=who.headers if who else {})

    async def person(self, role: Role = Role.OPERATOR, **more: Any) -> SignedIn:
        """Somebody signed in."""
        return await self.sign_in(role, **more)

    async def _of(self, thread: str) -> Sequence[Approval]:
        return await self.parts.crew.gate.approvals.listed(None, thread_id=thread)
