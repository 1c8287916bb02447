"""Plays a written conversation through the real crew: its graph, runs, feed, herald and outbox."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from agents.registry import Crew, open_crew
from naryad.auth import Person, Role
from naryad.clock import now
from naryad.db.models.account import Account
from naryad.db.models.delivery import Cursor, Delivery
from naryad.db.models.handoff import Handoff
from naryad.db.models.thread import QueuedInput
from naryad.driver import Driver
from naryad.events import Event
from naryad.notify.notifications import open_notifications
from naryad.outbox import Outbox, Patience
from naryad.settings import Settings

ANNA = Person("account:anna", frozenset({Role.OPERATOR}))
WAIT_S = 240
TAKERS = {("telegram", "7"), ("telegram", "8"), ("email", "anna@example.ru"), ("email", "root@example.ru")}
"""Who must hear of each handoff: operators and managers in Telegram, operators and administrators by mail."""


def people() -> list[Account]:
    """One account of each role."""
    known = {"anna": Role.OPERATOR, "mike": Role.MANAGER, "root": Role.ADMIN, "user": Role.USER}
    chats = {"anna": 7, "mike": 8}
    return [
        Account(id=name, email=f"{name}@example.ru", password_hash="-", role=role, telegram_id=chats.get(name))
        for name, role in known.items()
    ]


def settings_at(home: Path) -> Settings:
    """An install without a model, with both ways to reach people."""
    return Settings(
        NARYAD_HOME=home, TELEGRAM_TOKEN="1:x", ENABLE_EMAIL_NOTIFICATIONS=True, SMTP_HOST="m", SMTP_FROM="n@example.ru"
    )


@dataclass
class Sent:
    """A sender that only remembers."""

    channel: str
    sent: list[tuple[str, str, str, str]]

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str:
        """Remember one: (channel, target, what it is, of which handoff)."""
        handoff = payload.get("handoff") or payload.get("facts", {}).get("id", "")
        self.sent.append((self.channel, target, payload["kind"], handoff))
        return str(len(self.sent))


@dataclass
class Stage:
    """An install on which conversations are played.

    Attributes:
        sent: What reached people, across restarts.
        held: Questions whose answers are held back: the agent has reached them, and may go on.
        patience: For how long a message is a process's own that has died with it.
    """

    home: Path
    patience: Patience = field(default_factory=Patience)
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    held: dict[str, tuple[asyncio.Event, asyncio.Event]] = field(default_factory=dict)
    crew: Crew = field(init=False)
    driver: Driver = field(init=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Stage"]:
        """As a process opens it, with everything that works in the background."""
        settings = settings_at(self.home)
        async with open_crew(settings) as self.crew:
            self._hold()
            runtime = self.crew.runtime
            outbox = Outbox(runtime.database, self.patience)
            told = await open_notifications(settings, runtime.database, runtime.events, outbox)
            self.driver = Driver(self.crew.runs, most=4)
            senders = {channel: Sent(channel, self.sent) for channel in ("telegram", "email")}
            pieces = [told.herald.run(), self.driver.run(), outbox.run(senders)]
            tasks = [asyncio.ensure_future(piece) for piece in pieces]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                await self.driver.close()

    async def rows(self, model: Any, *where: Any) -> list[Any]:
        """Rows of a table."""
        query = select(model).where(*where)
        return await self.crew.runtime.database.look(lambda session: list(session.exec(query).all()))

    async def told(self) -> Counter[tuple[str, str, str]]:
        """How often each person was called to each handoff: (handoff, channel, target), once all is sent."""
        async with asyncio.timeout(WAIT_S):
            while not await self._all_sent():
                await asyncio.sleep(0.05)
        calls = [one for one in self.sent if one[2] == "handoff.opened"]
        return Counter((handoff, channel, target) for channel, target, _kind, handoff in calls)

    async def _all_sent(self) -> bool:
        cursors = await self.rows(Cursor)
        feed = [event for event in await self.crew.runtime.events.since("feed") if event.type.startswith("handoff.")]
        behind = feed and (not cursors or cursors[0].seq < feed[-1].seq)
        return not (behind or await self.rows(Delivery, Delivery.status == "pending", col(Delivery.due_at) <= now()))

    def _hold(self) -> None:
        answer = self.crew.knowledge.answer

        async def holding(query: str, *args: Any, **kwargs: Any) -> Any:
            if query in self.held:
                reached, go = self.held[query]
                reached.set()
                await go.wait()
            return await answer(query, *args, **kwargs)

        self.crew.knowledge.answer = holding  # type: ignore[method-assign]  # nobody else has this knowledge base


@dataclass
class Talk:
    """One user's conversation there."""

    stage: Stage
    thread: str
    principal: str

    async def hear(self, *texts: str, key: str = "") -> None:
        """The user says something."""
        origin = self.principal.partition(":")[0]
        more = {"origin": origin} if origin in ("mail", "phone") else {}
        for text in texts:
            await self.stage.driver.submit(self.thread, "support", self.principal, {"text": text, **more}, key=key)

    async def idle(self) -> None:
        """Wait until nothing runs in the thread."""
        async with asyncio.timeout(WAIT_S):
            while await self.stage.rows(QueuedInput, QueuedInput.thread_id == self.thread):
                await asyncio.sleep(0.05)

    async def events(self) -> list[Event]:
        """What happened in the thread."""
        return await self.stage.crew.runtime.events.since(self.thread)

    async def handoffs(self) -> list[Handoff]:
        """The handoffs of the thread, in order."""
        rows = await self.stage.rows(Handoff, Handoff.thread_id == self.thread)
        return sorted(rows, key=lambda row: str(row.id))

    async def active(self) -> Handoff:
        """The handoff that goes on."""
        handoff = await self.stage.crew.handoffs.active(self.thread)
        assert handoff
        return handoff

    async def overtaken(self, text: str) -> None:
        """A person takes the thread over while the agent looks for an answer, in a process that cannot stop it."""
        reached, go = self.stage.held[text] = asyncio.Event(), asyncio.Event()
        await self.hear(text)
        async with asyncio.timeout(WAIT_S):
            await reached.wait()
        await self.stage.crew.handoffs.take_over(self.thread, ANNA)
        del self.stage.held[text]
        go.set()
