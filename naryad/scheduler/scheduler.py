"""Starts jobs when they are due; several processes may each have one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from naryad.clock import now
from naryad.db.models.job import JobRun, RunStatus
from naryad.db.session import Database
from naryad.db.waiting import to_its_end
from naryad.errors import NaryadError
from naryad.i18n import _
from naryad.owner import Life, Worker, heartbeat
from naryad.scheduler.journal import Journal

log = structlog.get_logger()
LOOK_S = 1.0
"""How often is looked for what is due, what was asked for and what is to end."""


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of job.

    Attributes:
        name: Its name, for ever.
        schedule: See `Schedule`.
        do: What it does, told its run; returns what the journal shows. It may be begun once more after a crash.
        timezone: Whose wall clock a `cron` follows.
        most: How long it may take.
    """

    name: str
    schedule: str
    do: Callable[[JobRun], Awaitable[Mapping[str, Any]]]
    timezone: str = "UTC"
    most: timedelta = timedelta(minutes=10)


class Scheduler:
    """Runs jobs in one process.

    Args:
        database: Where jobs and runs are kept.
        works: The jobs that this process can run; others are left to others.

    Attributes:
        journal: The jobs and their runs.
    """

    def __init__(self, database: Database, works: Iterable[Work]) -> None:
        self.journal = Journal(database)
        self._works = {work.name: work for work in works}
        self._worker = Worker()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()
        self._waker = asyncio.Event()

    async def run(self) -> None:
        """Start what is due; never ends, whatever breaks."""
        declared = False
        try:
            while True:
                self._waker.clear()
                try:
                    if not declared:
                        await self.declare()
                        declared = True
                    await self.tick(now())
                except SQLAlchemyError as error:  # the database is away for a moment; what is due stays due
                    log.error("scheduler.look.failed", error=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._waker.wait()
        finally:
            await self.close()

    async def declare(self) -> None:
        """Write down the jobs of this process."""
        await self.journal.declare((work.name, work.schedule, work.timezone) for work in self._works.values())

    async def tick(self, moment: datetime) -> None:
        """Start what is due at a moment, take over what dead processes left, and end what somebody cancelled."""
        for run_id in await self.journal.cancelled(list(self._tasks)):
            self._end(run_id)
        for job, waiting in await self.journal.ready(list(self._works), moment):
            run = waiting or await self.journal.fire(job.name, moment)
            if run:
                await self._begin(run)

    async def once(self, name: str, by: str) -> JobRun:
        """Run a job now, and wait for its end; another process may be the one that runs it.

        Raises:
            NotFound: There is no such job.
            Refused: It is at work already.
        """
        await self.declare()
        run = await self.journal.ask(name, by)
        try:
            while run.finished_at is None:
                await self._begin(run)
                await asyncio.sleep(LOOK_S / 5)
                run = await self.journal.run(run.id)
        finally:
            await self.close()
        return run

    def wake(self) -> None:
        """Look at once."""
        self._waker.set()

    async def close(self) -> None:
        """Stop; what goes on here is left to the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, run_id: str) -> None:
        self._ending.add(run_id)
        self._tasks[run_id].cancel()

    async def _begin(self, run: JobRun) -> None:
        """Take a run, unless another process is at work on it."""
        if run.id in self._tasks:
            return
        if run.owner and run.lease_until:
            if await self._worker.life(run.owner, run.lease_until) is Life.ALIVE:
                return
            log.warning("job.left", job=run.job, run=run.id, attempts=run.attempts)
        if taken := await self.journal.take(run, self._worker.name):
            task = asyncio.create_task(self._work(taken), name=f"job {run.job}")
            self._tasks[run.id] = task
            task.add_done_callback(lambda done: self._done(run.id, done))

    def _done(self, run_id: str, task: asyncio.Task[None]) -> None:
        del self._tasks[run_id]
        self._ending.discard(run_id)
        self._waker.set()  # it may be due again by now
        if not task.cancelled() and (error := task.exception()):
            log.error("job.record.failed", run=run_id, error=type(error).__name__)  # it is begun once more

    async def _work(self, run: JobRun) -> None:
        work = self._works[run.job]

        async def renew() -> None:
            if not await self.journal.renew(run) and run.id in self._tasks:
                self._end(run.id)

        status, result, error = RunStatus.DONE, dict[str, Any](), ""
        try:
            async with heartbeat(renew), asyncio.timeout(work.most.total_seconds()) as limit:
                result = dict(await work.do(run))
        except asyncio.CancelledError:
            if run.id not in self._ending:  # this process stops
                await to_its_end(self.journal.let_go(run))
                raise
            status = RunStatus.CANCELLED
        except NaryadError as failure:
            status, error = RunStatus.FAILED, failure.message
        except Exception as bug:  # a job that breaks must end neither the others nor the scheduler
            late = isinstance(bug, TimeoutError) and limit.expired()
            status = RunStatus.FAILED
            told = _("Not done after {seconds} s.").format(seconds=f"{work.most.total_seconds():g}")
            error = told if late else f"{type(bug).__name__}: {bug}"[:500]
            if not late:
                log.exception("job.broke", job=run.job, run=run.id)
        log.info("job.ended", job=run.job, run=run.id, status=status)
        await self.journal.record(run, status, result, error)
