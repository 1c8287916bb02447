"""Runs: one at a time per thread, input in order, continued after a crash, paused for people."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlmodel import col, select, update

from naryad import checkpoints, run_events
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.session import Database
from naryad.db.waiting import to_its_end
from naryad.errors import NaryadError, NotFound, Refused
from naryad.events import EventLog, EventType
from naryad.gate.gate import Gate
from naryad.i18n import _
from naryad.inputs import CANCELLED, Inputs
from naryad.observability import Kind, operation
from naryad.owner import LEASE, Life, Worker, heartbeat
from naryad.resuming import resumption

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

log = structlog.get_logger()


class Busy(Exception):
    """Somebody else runs the thread now."""


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a thread stands: finished with its state, or waiting for the named approvals."""

    thread_id: str
    values: Mapping[str, Any]
    waiting_for: tuple[str, ...] = ()


class Runs:
    """Starts and continues runs."""

    def __init__(
        self, database: Database, events: EventLog, graphs: "Mapping[str, CompiledStateGraph[Any]]", gate: Gate
    ) -> None:
        self._database, self._events, self._graphs, self._gate = database, events, graphs, gate
        self._worker, self._inputs = Worker(), Inputs(database, events)

    async def submit(self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any]) -> RunState:
        """Queue input for a thread and drive it.

        Raises:
            NotFound: There is no such agent.
            Refused: The thread belongs to another agent, or another process runs it now (the input stays queued).
        """
        await self.enqueue(thread_id, agent, principal, data)
        return await self.drive(thread_id)

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents there are."""
        return tuple(self._graphs)

    async def enqueue(
        self, thread_id: str, agent: str, principal: str, data: Mapping[str, Any], *, key: str = ""
    ) -> str:
        """Queue input for a thread, which is made at its first; returns the input's id.

        With a `key` that came before nothing is queued, and the id is the first input's.

        Raises:
            NotFound: There is no such agent.
            Refused: The thread belongs to another agent, or the key was used for other input.
        """
        self.known(agent)
        return await self._inputs.put(thread_id, agent, principal, data, key)

    async def cancel(self, thread_id: str, by: str) -> None:
        """Ask that the run of a thread ends, and forget the input behind it; `end` or the next `drive` ends it.

        Whoever runs it in another process notices at its next heartbeat.

        Raises:
            NotFound: There is no such thread.
            Refused: Nothing runs or waits there.
        """
        await self._inputs.cancel(thread_id, by)

    async def end(self, thread_id: str) -> str:
        """End a cancelled run, if nobody did yet; returns the thread's agent. Raises `Busy` where one runs it."""
        thread = await self._thread(thread_id)
        if thread.cancelled_by:
            async with self._lock(thread):
                if (await self._thread(thread_id)).cancelled_by:
                    graph, config = self._graph(thread)
                    await self._cancelled(graph, config, await graph.aget_state(config))
        return thread.agent

    async def drive(self, thread_id: str) -> RunState:
        """Continue what is unfinished, then take queued input in order, until all is done or people must decide.

        What comes while it runs is taken too: whoever brought it was turned away, and nobody else looks at it.

        Raises:
            NotFound: There is no such thread.
            Refused: Another process runs it now.
        """
        state = await self.attempt(thread_id)
        if state is None:
            text = _("Thread {id} is being run by another process now; try again in a moment.")
            raise Refused(text.format(id=thread_id))
        return state

    async def attempt(self, thread_id: str) -> RunState | None:
        """The same as `drive`; None where another process runs it now."""
        state = None
        while state is None or await self._more(state):
            thread = await self._thread(thread_id)
            try:
                async with self._lock(thread):
                    state = await self._drive(thread)
            except Busy:
                break
        return state

    async def _drive(self, thread: Thread) -> RunState:
        graph, config = self._graph(thread)
        spent = await run_events.spent(self._events, thread.id)
        while True:
            state = await graph.aget_state(config)
            if (await self._thread(thread.id)).cancelled_by:
                await self._cancelled(graph, config, state)
                continue
            broke = any(task.error for task in state.tasks)
            if state.tasks:  # not `next`, which leaves out a step that ended in a crash before its checkpoint
                given, waiting = await resumption(state, self.still_open)
                if waiting:
                    await run_events.tell_waiting(self._events, thread.id, waiting, **spent)
                    return RunState(thread.id, state.values, waiting)
                await run_events.withdraw(self._events, thread.id)
            else:
                await self._finished(graph, thread.id, state.values, **spent)
                queued = await self._inputs.first(thread.id)
                if queued is None:
                    return RunState(thread.id, state.values)
                given, spent = {**queued.data, "input_id": queued.id}, run_events.nothing()
            try:
                await self._run(graph, given, config, spent)
            except Exception:  # `_run` has told of it, whatever it was
                if not broke or len(await self._inputs.queued(thread.id)) < 2:
                    raise
                # It broke twice, and somebody wants something else by now: a bug must not end the thread.
                await graph.aupdate_state(config, None, as_node="__end__")

    def _graph(self, thread: Thread) -> "tuple[CompiledStateGraph[Any], RunnableConfig]":
        known = {"thread_id": thread.id, "agent": thread.agent, "principal": thread.principal}
        return self._graphs[thread.agent], {"configurable": known}

    def known(self, agent: str) -> None:
        """Raise `NotFound`, naming those there are, unless the agent exists."""
        if agent not in self._graphs:
            known = ", ".join(self._graphs)
            raise NotFound(_("There is no agent {name!r}; there are: {known}.").format(name=agent, known=known))

    async def unfinished(self) -> list[Thread]:
        """Threads that nobody runs and that are not done, the oldest first; also those that wait for people."""
        begun = select(Thread).where(col(Thread.id).in_(select(QueuedInput.thread_id))).order_by(col(Thread.id))
        async with self._database.read() as session:
            threads = (await session.exec(begun)).all()
        return [thread for thread in threads if await self._free(thread)]

    async def _run(self, graph: "CompiledStateGraph[Any]", given: Any, config: Any, spent: dict[str, Any]) -> None:
        thread_id = config["configurable"]["thread_id"]
        try:
            # «sync»: a crash after a node must not lose its checkpoint, or a decision would be asked for again.
            with operation(Kind.AGENT, config["configurable"]["agent"], thread=thread_id) as facts:
                try:
                    ended = await graph.ainvoke(given, config, durability="sync")
                finally:
                    run_events.add(spent, facts)
                waits = "__interrupt__" in ended
                facts["outcome"] = "waiting" if waits else "finished"
                facts["result"] = "" if waits else ended.get("outcome", "")
        except NaryadError as error:
            await self._events.append(thread_id, EventType.RUN_FAILED, message=error.message, **spent)
            raise
        except Exception as bug:  # watchers must learn that it ended; the next drive tries the step again
            log.exception("run.broke", thread=thread_id)
            await self._events.append(thread_id, EventType.RUN_FAILED, message=f"bug: {type(bug).__name__}", **spent)
            raise

    async def _cancelled(self, graph: "CompiledStateGraph[Any]", config: Any, state: Any) -> None:
        """End a run that somebody cancelled: its questions, its effects, its step, and then its input."""
        thread_id = config["configurable"]["thread_id"]
        unknown = [effect.tool for effect in await self._gate.abandon(thread_id)]
        if state.tasks:
            await graph.aupdate_state(config, None, as_node="__end__")
        first = await self._inputs.first(thread_id)
        ended = {"input_id": first.id if first else "", "outcome": CANCELLED}
        spent = await run_events.spent(self._events, thread_id)
        await self._finished(graph, thread_id, ended, unknown=unknown, **spent)

    async def _finished(
        self, graph: "CompiledStateGraph[Any]", thread_id: str, values: Mapping[str, Any], **told: Any
    ) -> None:
        """Say, once, that a run is over: its input leaves the queue in the same transaction."""
        async with self._database.write() as session:
            taken = await session.get(QueuedInput, values.get("input_id", ""))
            thread = await session.get_one(Thread, thread_id)
            if taken is None and not thread.cancelled_by:
                return
            told = {**told, "input": taken.id if taken else None, "by": thread.cancelled_by}
            if taken:
                await session.delete(taken)
            thread.cancelled_by = None
            session.add(thread)
            await self._events.add(session, thread_id, EventType.RUN_FINISHED, outcome=values.get("outcome"), **told)
        self._events.wake(thread_id)
        await checkpoints.prune(graph.checkpointer, thread_id)

    async def still_open(self, approvals: Iterable[str]) -> set[str]:
        """Which of these approvals people may still decide."""
        query = select(Approval.id).where(
            col(Approval.id).in_(approvals), Approval.status == ApprovalStatus.PENDING, Approval.expires_at > now()
        )
        async with self._database.read() as session:
            return set((await session.exec(query)).all())

    async def _more(self, state: RunState) -> bool:
        """Whether a thread that was just let go can go on at once."""
        if state.waiting_for:
            return await self.still_open(state.waiting_for) != set(state.waiting_for)
        return await self._inputs.first(state.thread_id) is not None

    async def _thread(self, thread_id: str) -> Thread:
        async with self._database.read() as session:
            thread = await session.get(Thread, thread_id)
        if thread is None:
            raise NotFound(_("There is no thread {id!r}.").format(id=thread_id))
        return thread

    @asynccontextmanager
    async def _lock(self, thread: Thread) -> AsyncIterator[None]:
        """Hold the thread: by its row in the database, since other processes may want it too."""
        with self._worker.alone(thread.id) as alone:
            if not alone:
                raise Busy
            try:
                if not (await self._free(thread) and await self._take(thread)):
                    raise Busy(
                        _("Thread {id} is being run by another process now; try again in a moment.").format(
                            id=thread.id
                        )
                    )
                async with heartbeat(partial(self._beat, thread.id, asyncio.current_task())):
                    yield
            finally:
                await to_its_end(self._change(thread.id, owner=None, lease_until=None))

    async def _free(self, thread: Thread) -> bool:
        if not thread.owner or thread.lease_until is None:
            return True
        return await self._worker.life(thread.owner, thread.lease_until) is not Life.ALIVE

    async def _take(self, thread: Thread) -> bool:
        """Write ourselves in, unless somebody was faster."""
        statement = update(Thread).where(
            col(Thread.id) == thread.id,
            col(Thread.owner).is_not_distinct_from(thread.owner),
            col(Thread.lease_until).is_not_distinct_from(thread.lease_until),
        )
        async with self._database.write() as session:
            result = await session.exec(statement.values(owner=self._worker.name, lease_until=now() + LEASE))
            return result.rowcount == 1

    async def _beat(self, thread_id: str, running: "asyncio.Task[Any] | None") -> None:
        """Keep the lease, and notice that another process wants the run to end."""
        await self._change(thread_id, lease_until=now() + LEASE)
        if running and (await self._thread(thread_id)).cancelled_by:
            running.cancel()

    async def _change(self, thread_id: str, **values: Any) -> None:
        held = update(Thread).where(col(Thread.id) == thread_id, col(Thread.owner) == self._worker.name)
        async with self._database.write() as session:
            await session.exec(held.values(**values))
