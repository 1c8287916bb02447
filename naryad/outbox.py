"""Messages to people: written with the change that they tell of, then sent at least once, each key once."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad import masking
from naryad.clock import new_id, now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.session import Database
from naryad.db.waiting import to_its_end
from naryad.errors import NaryadError, NotFound, Refused
from naryad.i18n import _
from naryad.notify import claims

log = structlog.get_logger()
POLL_S = 1.0
"""How often messages are looked for that another process wrote, or whose time has come."""
ERASED = "•••"
SECRET_FIELDS = frozenset({"code", "codes", "link", "password", "secret", "token"})
"""What is taken out of a payload once it was sent."""


class RetryLater(NaryadError):
    """The system wants a pause from everything that goes to this target.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:g} s")
        self.seconds = seconds


class Undeliverable(NaryadError):
    """It will never be taken as it is: no such address, refused for good."""


class Sender(Protocol):
    """What delivers the messages of one channel."""

    async def send(self, target: str, payload: Mapping[str, Any], previous: str | None) -> str | None:
        """Deliver one message; it may come again after a crash.

        Args:
            target: Where to, as the channel names it.
            payload: What to say.
            previous: The external id of the last message to the target on the same subject, to be edited or answered.

        Returns:
            The message's id in the external system, where it has one.

        Raises:
            RetryLater: The system wants a pause.
            Undeliverable: Trying again is of no use.
            NaryadError: It failed this time; it is tried again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often is tried.

    Attributes:
        attempts: Tries before a message is given up.
        first: The pause after the first failure; each further one is twice as long, give or take a quarter.
        longest: No pause is longer.
        timeout: How long one try may take.
    """

    attempts: int = 14
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=10)
    timeout: timedelta = timedelta(seconds=30)

    def pause(self, failures: int) -> timedelta:
        """How long to wait after so many failures."""
        growing = self.first * float(2 ** min(failures - 1, 30))
        return min(self.longest, growing) * random.uniform(0.75, 1.25)  # noqa: S311  not for a secret


class Outbox:
    """Takes messages, and hands each to its channel's sender until it is sent or given up.

    Messages to one target on one subject go out in order, one at a time. A process that dies while it sends leaves a
    lease behind; when that runs out, another one sends the message again.

    Args:
        database: Where the messages are kept.
        patience: How long and how often is tried.
        most: How many messages are sent at once.
    """

    def __init__(self, database: Database, patience: Patience | None = None, *, most: int = 8) -> None:
        self._database, self._patience, self._most = database, patience or Patience(), most
        self._owner = new_id()
        self._waker = asyncio.Event()

    async def put(
        self,
        channel: str,
        target: str,
        payload: Mapping[str, Any],
        *,
        key: str,
        subject: str = "",
        due: datetime | None = None,
        session: AsyncSession | None = None,
    ) -> bool:
        """Write a message to be sent; False where one with this key was written before.

        Args:
            channel: Whose sender takes it.
            target: Where to, as the channel names it; never a secret.
            payload: What to say. Fields named in `SECRET_FIELDS` are erased once it was sent.
            key: Says what this message is, for ever.
            subject: What it is about: messages on one subject replace or answer each other.
            due: Not before this moment.
            session: The caller's transaction, which the message then belongs to.
        """
        moment = now()
        row = Delivery(
            channel=channel,
            target=target,
            payload=dict(payload),
            key=key,
            subject=subject,
            due_at=max(due or moment, moment),
            created_at=moment,
        )
        if session is None:
            new = await self._database.transact(lambda direct: self.add(direct, row))
            self.wake()
            return new
        return await session.run_sync(lambda direct: self.add(direct, row))

    def add(self, session: Any, row: Delivery) -> bool:
        """The same inside a transaction of `Database.transact`."""
        dialect = sqlite if self._database.sqlite else postgresql
        statement = dialect.insert(SQLModel.metadata.tables["delivery"]).values(row.model_dump())
        statement = statement.on_conflict_do_nothing(index_elements=["key"]).returning(col(Delivery.id))
        return session.connection().execute(statement).first() is not None

    def wake(self) -> None:
        """Look at once for what was added to a transaction that is committed by now."""
        self._waker.set()

    async def run(self, senders: Mapping[str, Sender]) -> None:
        """Send what is due on the channels that have a sender; never ends."""
        sending: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._waker.clear()
                for row, previous in await self._claim(list(senders), self._most - len(sending)):
                    task = asyncio.create_task(self._send(senders[row.channel], row, previous), name=f"send {row.id}")
                    sending.add(task)
                    task.add_done_callback(self._sent(sending))
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the waking.
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._waker.wait()
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def dead(self, *, limit: int = 100) -> Sequence[Delivery]:
        """Messages that were given up, the newest first."""
        return await self.listed(DeliveryStatus.DEAD, limit=limit)

    async def listed(self, status: DeliveryStatus, *, limit: int = 100) -> Sequence[Delivery]:
        """Messages with a status, the newest first."""
        query = select(Delivery).where(Delivery.status == status).order_by(col(Delivery.id).desc()).limit(limit)
        return await self._database.look(lambda session: session.exec(query).all())

    async def retry(self, delivery_id: str) -> Delivery:
        """Try a message again that was given up.

        Raises:
            NotFound: There is no such message.
            Refused: It was not given up.
        """

        def again(session: Session) -> Delivery:
            row = session.get(Delivery, delivery_id, with_for_update=True)
            if row is None:
                raise NotFound(_("There is no message {id!r}.").format(id=delivery_id))
            if row.status is not DeliveryStatus.DEAD:
                raise Refused(_("This message was not given up."))
            row.status, row.attempts, row.due_at, row.held_until = DeliveryStatus.PENDING, 0, now(), None
            session.add(row)
            return row

        row = await self._database.transact(again)
        self.wake()
        return row

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many messages there are, by channel and status."""
        query = select(Delivery.channel, Delivery.status, func.count()).group_by(Delivery.channel, Delivery.status)
        rows = await self._database.look(lambda session: session.exec(query).all())
        return {(channel, status): count for channel, status, count in rows}

    def _sent(self, sending: set[asyncio.Task[None]]) -> Any:
        def done(task: asyncio.Task[None]) -> None:
            sending.discard(task)
            self.wake()  # there is a free place, and the next of its subject may go
            if not task.cancelled() and (error := task.exception()):
                log.error("outbox.record.failed", error=type(error).__name__)  # the lease runs out, and it goes again

        return done

    async def _claim(self, channels: list[str], most: int) -> list[tuple[Delivery, str | None]]:
        """Take messages that nobody sends, each with the external id of the one before it."""
        if most <= 0:
            return []
        due = claims.due(channels, now()).limit(most)
        if not await self._database.look(lambda session: session.exec(due).first()):
            return []
        lease = self._patience.timeout * 1.5

        def take(session: Session) -> list[tuple[Delivery, str | None]]:
            # One claims at a time, or two might each take one of the same subject.
            self._database.hold(session, "outbox")
            rows = session.exec(claims.due(channels, now()).limit(most)).all()
            for row in rows:
                row.owner, row.lease_until = self._owner, now() + lease
                session.add(row)
            return [(row, claims.previous(session, row)) for row in rows]

        return await self._database.transact(take)

    async def _send(self, sender: Sender, row: Delivery, previous: str | None) -> None:
        failures = row.attempts + 1
        change: dict[str, Any]
        try:
            async with asyncio.timeout(self._patience.timeout.total_seconds()):
                external = await sender.send(row.target, row.payload, previous)
        except asyncio.CancelledError:
            await to_its_end(self._record(row, {}))  # the next process need not wait for the lease
            raise
        except RetryLater as wait:
            until = now() + timedelta(seconds=wait.seconds)
            change = {"due_at": until, "held_until": until}
        except Undeliverable as refusal:
            change = self._failed(row, refusal.message, failures, final=True)
        except NaryadError as error:
            change = self._failed(row, error.message, failures)
        except Exception as error:  # a bug of one sender must not end the others; its message is given up in the end
            change = self._failed(row, type(error).__name__, failures)
        else:
            payload = {name: ERASED if name in SECRET_FIELDS else value for name, value in row.payload.items()}
            change = {"status": DeliveryStatus.SENT, "external_id": external, "sent_at": now(), "error": ""}
            change |= {"payload": payload, "attempts": failures}
        await to_its_end(self._record(row, change))  # a process that ends writes down what it has sent

    def _failed(self, row: Delivery, why: str, failures: int, *, final: bool = False) -> dict[str, Any]:
        why, final = masking.secrets(why), final or failures >= self._patience.attempts
        tell = log.error if final else log.warning
        tell("outbox.send.failed", delivery=row.id, channel=row.channel, failures=failures, final=final, why=why)
        if final:
            return {"status": DeliveryStatus.DEAD, "attempts": failures, "error": why}
        return {"attempts": failures, "error": why, "due_at": now() + self._patience.pause(failures)}

    async def _record(self, row: Delivery, change: dict[str, Any]) -> None:
        held = update(Delivery).where(col(Delivery.id) == row.id, col(Delivery.owner) == self._owner)
        statement = held.values(**change, owner=None, lease_until=None)
        if not await self._database.transact(lambda session: session.connection().execute(statement).rowcount):
            log.warning("outbox.lease.lost", delivery=row.id)
