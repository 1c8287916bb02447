"""The jobs and their runs in the database: every step is one transaction, so that two processes never both take it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from naryad import masking
from naryad.clock import now
from naryad.db.models.job import Job, JobRun, RunStatus
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _
from naryad.owner import LEASE
from naryad.scheduler.schedule import Schedule

T = TypeVar("T")
ATTEMPTS = 2
"""How often one run is begun: once more where the process that ran it ended in the middle."""
_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


class Journal:
    """Reads and writes jobs and runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _alone(self, work: Callable[[Session], T], *, durable: bool = True) -> T:
        """One transaction; no other on jobs goes on meanwhile, in any process."""

        def held(session: Session) -> T:
            self._database.hold(session, "jobs")
            return work(session)

        return await self._database.transact(held, durable=durable)

    async def declare(self, wanted: Iterable[tuple[str, str, str]]) -> None:
        """Write down the jobs there are (name, schedule, time zone); what a person disabled stays so."""

        def write(session: Session) -> None:
            for name, schedule, timezone in wanted:
                job = session.get(Job, name)
                if job and (job.schedule, job.timezone) == (schedule, timezone):
                    continue
                told: dict[str, Any] = {
                    "schedule": schedule,
                    "timezone": timezone,
                    "due_at": Schedule(schedule, timezone).after(now()),
                }
                session.add(job.sqlmodel_update(told) if job else Job(name=name, **told))

        await self._alone(write)

    async def ready(self, names: Collection[str], moment: datetime) -> Sequence[tuple[Job, JobRun | None]]:
        """Jobs that are due, and those with a run that waits or goes on."""
        query = (
            select(Job, JobRun)
            .join(JobRun, col(JobRun.id) == col(Job.run_id), isouter=True)
            .where(col(Job.name).in_(names))
            .where(col(Job.run_id).is_not(None) | (col(Job.enabled) & (col(Job.due_at) <= moment)))
            .order_by(col(Job.name))
        )
        return await self._database.look(lambda session: session.exec(query).all())

    async def fire(self, name: str, moment: datetime) -> JobRun | None:
        """Make the run of a due job; None where another process was faster, or the fire had its run before."""

        def write(session: Session) -> JobRun | None:
            job = session.get(Job, name)
            if job is None or job.run_id or not job.enabled or job.due_at > moment:
                return None
            schedule = Schedule(job.schedule, job.timezone)
            fire_at, missed = schedule.last(job.due_at, moment)
            job.due_at = schedule.after(moment)
            session.add(job)
            known = select(JobRun.id).where(JobRun.job == name, JobRun.fire_at == fire_at)
            if session.exec(known).first():
                return None
            return _queued(session, job, JobRun(job=name, fire_at=fire_at, missed=missed))

        return await self._alone(write)

    async def ask(self, name: str, by: str) -> JobRun:
        """Make a run because a person wants it.

        Raises:
            NotFound: There is no such job.
            Refused: One waits or goes on.
        """

        def write(session: Session) -> JobRun:
            job = _job(session, name)
            if job.run_id:
                raise Refused(_("The job {name} is at work already.").format(name=name))
            return _queued(session, job, JobRun(job=name, fire_at=now(), by=by))

        return await self._alone(write)

    async def take(self, seen: JobRun, owner: str) -> JobRun | None:
        """Begin a run that nobody is at work on; None where it is over with, or another process was faster."""

        def write(session: Session) -> JobRun | None:
            run = session.get(JobRun, seen.id)
            if run is None or run.status not in _OPEN or (run.owner, run.attempts) != (seen.owner, seen.attempts):
                return None
            if run.cancelled_by:
                _over(session, run, RunStatus.CANCELLED)
                return None
            if run.attempts >= ATTEMPTS:
                _over(session, run, RunStatus.LOST, error=_("Every process that ran it ended in the middle."))
                return None
            run.status, run.attempts = RunStatus.RUNNING, run.attempts + 1
            run.owner, run.lease_until, run.started_at = owner, now() + LEASE, now()
            session.add(run)
            return run

        return await self._alone(write)

    async def renew(self, run: JobRun) -> bool:
        """Keep the lease; False where the run is no longer this process's, or is to end."""

        def write(session: Session) -> bool:
            held = _held(session, run)
            if held is None or held.cancelled_by:
                return False
            held.lease_until = now() + LEASE
            session.add(held)
            return True

        return await self._alone(write, durable=False)

    async def cancelled(self, ids: Collection[str]) -> Collection[str]:
        """Which of these runs somebody wants to end."""
        query = select(JobRun.id).where(col(JobRun.id).in_(ids), col(JobRun.cancelled_by).is_not(None))
        return await self._database.look(lambda session: session.exec(query).all()) if ids else ()

    async def let_go(self, run: JobRun) -> None:
        """Leave a run to the next process, at once."""

        def write(session: Session) -> None:
            if held := _held(session, run):
                held.status, held.owner, held.lease_until = RunStatus.QUEUED, None, None
                session.add(held)

        await self._alone(write)

    async def record(self, run: JobRun, status: RunStatus, result: Mapping[str, Any], error: str = "") -> None:
        """Write the end of a run."""

        def write(session: Session) -> None:
            if held := _held(session, run):
                _over(session, held, status, error=masking.secrets(error), result=dict(result))

        await self._alone(write)

    async def cancel(self, name: str, by: str) -> JobRun:
        """Ask that the present run of a job ends; the process that runs it ends it within seconds.

        Raises:
            NotFound: There is no such job.
            Refused: Nothing is at work.
        """

        def write(session: Session) -> JobRun:
            job = _job(session, name)
            run = session.get(JobRun, job.run_id) if job.run_id else None
            if run is None:
                raise Refused(_("The job {name} is not at work.").format(name=name))
            run.cancelled_by = run.cancelled_by or by
            session.add(run)
            return run

        return await self._alone(write)

    async def enable(self, name: str, *, enabled: bool) -> Job:
        """Let the schedule start a job, or not; fires that were missed meanwhile stay so. Raises `NotFound`."""

        def write(session: Session) -> Job:
            job = _job(session, name)
            if enabled and not job.enabled:
                job.due_at = Schedule(job.schedule, job.timezone).after(now())
            job.enabled = enabled
            session.add(job)
            return job

        return await self._alone(write)

    async def jobs(self) -> Sequence[tuple[Job, JobRun | None]]:
        """Every job with its last run."""
        last = select(JobRun.id).where(col(JobRun.job) == col(Job.name)).order_by(col(JobRun.fire_at).desc()).limit(1)
        last = last.correlate(Job)
        query = select(Job, JobRun).join(JobRun, col(JobRun.id) == last.scalar_subquery(), isouter=True)
        return await self._database.look(lambda session: session.exec(query.order_by(col(Job.name))).all())

    async def history(self, name: str, *, limit: int = 50) -> Sequence[JobRun]:
        """The runs of a job, the newest first. Raises `NotFound`."""
        query = select(JobRun).where(JobRun.job == name).order_by(col(JobRun.fire_at).desc(), col(JobRun.id).desc())

        def read(session: Session) -> Sequence[JobRun]:
            _job(session, name)
            return session.exec(query.limit(limit)).all()

        return await self._database.look(read)

    async def run(self, run_id: str) -> JobRun:
        """One run, which there is."""
        return await self._database.look(lambda session: session.get_one(JobRun, run_id))


def _job(session: Session, name: str) -> Job:
    job = session.get(Job, name)
    if job is None:
        raise NotFound(_("There is no job {name!r}.").format(name=name))
    return job


def _queued(session: Session, job: Job, run: JobRun) -> JobRun:
    job.run_id = run.id
    session.add(job)
    session.add(run)
    return run


def _held(session: Session, run: JobRun) -> JobRun | None:
    """The run's row while it is still held by the one who took it."""
    row = session.get(JobRun, run.id)
    return row if row and row.status is RunStatus.RUNNING and row.owner == run.owner else None


def _over(session: Session, run: JobRun, status: RunStatus, **told: Any) -> None:
    run.sqlmodel_update({**told, "status": status, "finished_at": now(), "owner": None, "lease_until": None})
    session.add(run)
    job = session.get(Job, run.job)
    if job and job.run_id == run.id:
        job.run_id = None
        session.add(job)
