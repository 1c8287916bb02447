"""A database whose feed heralds follow, and the people whom they tell."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from naryad.clock import now
from naryad.db.models.delivery import Cursor, Delivery, Escalation
from naryad.db.models.gate import Approval
from naryad.db.models.incident import Incident
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.notify.notifications import Notifications, open_notifications
from naryad.outbox import Outbox
from naryad.settings import Settings

ROUTES: dict[str, Any] = {
    "recipients": [
        {"name": "anna", "email": "anna@example.ru", "language": "ru", "role": "operator"},
        {"name": "boss", "addresses": {"hook": "json://127.0.0.1:9/boss"}, "language": "en"},
    ],
    "routes": [
        {"kinds": ["incident"], "severities": ["critical", "high"], "to": ["anna"]},
        {"kinds": ["approval"], "roles": ["admin"], "by": ["email"]},
        {"kinds": ["incident", "approval"], "severities": ["critical"],
         "escalate": [{"after_minutes": 10, "to": ["boss"]}, {"after_minutes": 5, "to": ["anna", "boss"]}]},
    ],
}  # fmt: skip


@dataclass
class World:
    """A database whose feed a herald follows."""

    database: Database
    events: EventLog
    outbox: Outbox
    home: Path

    async def notifications(self, **settings: Any) -> Notifications:
        """As a process opens them."""
        known: dict[str, Any] = {"TELEGRAM_TOKEN": "1:x", "ADMIN_CHAT_ID": 500, "NARYAD_LANG": "ru"} | settings
        own = Settings(
            NARYAD_HOME=self.home, ENABLE_EMAIL_NOTIFICATIONS=True, SMTP_HOST="m", SMTP_FROM="n@example.ru", **known
        )
        return await open_notifications(own, self.database, self.events, self.outbox)

    async def keep(self, *rows: Any) -> None:
        """Write rows."""
        async with self.database.write() as session:
            session.add_all(rows)

    async def incident(self, severity: str = "high", **fields: Any) -> Incident:
        """An incident, and the event that tells of it."""
        values = {"fingerprint": "f", "title": "Диск заполнен", "service": "shop-db", "severity": severity} | fields
        row = Incident(thread_id=f"t{now().timestamp()}", **values)
        await self.keep(row)
        await self.events.append(row.thread_id, EventType.INCIDENT_CREATED, incident=row.id)
        return row

    async def told(self, channel: str = "") -> list[Delivery]:
        """What was written, in order."""
        async with self.database.read() as session:
            rows = (await session.exec(select(Delivery).order_by(col(Delivery.id)))).all()
        return [row for row in rows if channel in ("", row.channel)]


@asynccontextmanager
async def following(*runs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Heralds at work."""
    tasks = [asyncio.ensure_future(run()) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(60):
        while not await reached():
            await asyncio.sleep(0.02)


async def caught_up(world: World) -> None:
    """Wait until the herald has read the whole feed."""

    async def reached() -> bool:
        async with world.database.read() as session:
            cursor = await session.get(Cursor, "herald")
        events = await world.events.since("feed")
        return cursor is not None and cursor.seq == events[-1].seq

    await until(reached)


def approval(**fields: Any) -> Approval:
    """A question."""
    values: dict[str, Any] = {
        "thread_id": "t", "call_id": "c", "agent": "ops", "principal": "local:anna", "tool": "x_y", "args_json": "{}",
        "args_sha256": "", "call_sha256": "", "question": "Restart nginx?", "preview": "", "precondition": "",
        "policy_version": "1", "expires_at": now() + timedelta(hours=1),
    }  # fmt: skip
    return Approval(**values | fields)


async def aged(world: World, by: timedelta) -> None:
    """Let everything that was written be so much older."""
    async with world.database.write() as session:
        for row in (await session.exec(select(Delivery))).all():
            row.created_at -= by
            session.add(row)
        for waiting in (await session.exec(select(Escalation))).all():
            waiting.due_at -= by
            session.add(waiting)
