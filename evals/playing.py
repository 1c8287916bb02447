"""Plays a case: step by step, deciding as the case says, and noting what came of it."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from evals.case import Case
from evals.fitting import filled
from evals.grounding import grounded
from evals.judging import meets
from evals.models import Model
from evals.record import Asked, Record, Said
from evals.results import Usage
from evals.told import Decided, Step
from evals.world import Open, Template, breakdown, opened, person
from naryad.clock import now
from naryad.db.models.gate import Approval, Effect
from naryad.errors import NaryadError, Refused
from naryad.events import EventType
from naryad.gate.approvals import Verdict
from naryad.i18n import speaking
from naryad.llm import prices as price_list
from naryad.llm.prices import Prices
from naryad.observability import Kind, Operation
from naryad.runs import RunState
from naryad.settings import Settings

ALERT_TIMEOUT_S = 60
MOST_QUESTIONS = 20
"""After so many questions in one step something asks without end."""

_playing: ContextVar[Record | None] = ContextVar("playing", default=None)


@contextmanager
def meter(seen: Operation) -> Iterator[None]:
    """A watch of `naryad.observability`: puts what models took on the account of the case that asked them."""
    try:
        yield
    finally:
        record, usage = _playing.get(), seen.facts.get("usage") or {}
        if record and seen.kind is Kind.MODEL and not seen.error:
            read, wrote = record.tokens.get(seen.name, (0, 0))
            record.tokens[seen.name] = read + usage.get("input_tokens", 0), wrote + usage.get("output_tokens", 0)
            record.answered[seen.facts["model"]] = None
        if record and seen.kind is Kind.AGENT and seen.facts.get("degraded"):
            record.degraded = True


async def play(case: Case, model: Model, base: Settings, start: Template, folder: Path, record: Record) -> None:
    """Play a case once in a world of its own.

    Args:
        case: The case.
        model: Who decides in it.
        base: Names the models.
        start: What worlds begin with; see `evals.world.template`.
        folder: An empty one, for the world's files.
        record: Takes what happens; what it took is there also where it breaks.

    Raises:
        NaryadError: It cannot be played to its end: the case is broken, or the world is.
    """
    prices = await asyncio.to_thread(price_list.load, base)
    _playing.set(record)
    with speaking(case.told.world.lang):
        async with opened(case, model, base, start, folder) as world:
            case.check_tools(world.tools)
            await breakdown(world)
            record.names, record.before = world.names, await world.snapshot()
            began = time.monotonic()
            try:
                for number, step in enumerate(case.told.steps, 1):
                    await world.copy()
                    await _step(world, number, step, record)
            finally:
                record.usage = _usage(record, time.monotonic() - began, prices)
            if world.replay:
                world.replay.ended()
            record.after = await world.snapshot()
            await _take(world, record)


async def _step(world: Open, number: int, step: Step, record: Record) -> None:
    if step.restart:
        await world.restart()
        return
    told = await world.crew.runtime.events.since(step.thread, kinds=[EventType.MESSAGE])
    state = await _run(world, step)
    for _ in range(MOST_QUESTIONS):
        undecided = [
            await _decide(world, approval_id, record)
            for approval_id in state.waiting_for
            if approval_id not in world.left
        ]
        if not undecided or not all(undecided):
            break
        state = await world.crew.runs.drive(step.thread)
    else:
        raise NaryadError(f"step {number}: people are asked again and again")
    after = told[-1].seq if told else 0
    said = await world.crew.runtime.events.since(step.thread, after, kinds=[EventType.MESSAGE])
    if said:
        last = said[-1].data
        sources = tuple(one["document"] for one in last.get("sources") or [])
        held = grounded(last["text"], {one["number"]: await _known(world, one) for one in last.get("sources") or []})
        record.said.append(Said(number, last["text"], last.get("outcome", ""), sources, held))


async def _run(world: Open, step: Step) -> RunState:
    agent = world.case.told.agent
    if step.alert is None:
        given = {"text": filled(step.say, world.names)}
        return await world.crew.runs.submit(step.thread, agent, f"account:{step.by}", given)
    if step.alert == "monitor":
        alert = await world.monitor.next_alert(ALERT_TIMEOUT_S)
    else:
        alert = {
            "status": "firing",
            "labels": filled(step.alert, world.names),
            "annotations": filled(step.annotations, world.names),
            "startsAt": now().isoformat(),
        }
    return await world.crew.runs.submit(step.thread, agent, "monitor:evals", {"alert": alert})


async def _decide(world: Open, approval_id: str, record: Record) -> bool:
    """Decide a question as the case says; False where it stays open."""
    gate = world.crew.gate
    approval = await gate.approvals.get(approval_id)
    args = json.loads(approval.args_json)
    used = {one.expected for one in record.asked}
    fitting = (
        number
        for number, wanted in enumerate(world.case.told.approvals)
        if number not in used and meets(wanted, approval.tool, args, world.names)
    )
    number = next(fitting, None)
    origins = (f"{name}: {source}" for name, source in approval.provenance.items())
    shown = "\n".join([approval.question, approval.preview, *origins])
    record.asked.append(Asked(approval.tool, args, number, shown, tuple(approval.provenance)))
    if number is None:
        return False
    return await _said(world, approval, world.case.told.approvals[number])


async def _said(world: Open, approval: Approval, wanted: Decided) -> bool:
    for what in wanted.meanwhile:
        await world.meanwhile(what)
    approvals, who = world.crew.gate.approvals, person(wanted.by)
    match wanted.decide:
        case "leave":
            world.left.add(approval.id)
            return False
        case "denied":
            try:
                await approvals.decide(approval.id, who, Verdict.APPROVE)
            except Refused:
                world.left.add(approval.id)
                return False
            raise NaryadError(f"{wanted.by} may not decide about {approval.tool}, and their yes was taken")
        case "expire":
            await world.crew.runtime.database.transact(lambda session: _let_pass(session, approval.id))
        case "edit":
            args = {**json.loads(approval.args_json), **filled(wanted.edited, world.names)}
            await world.crew.gate.edit(approval.id, args, who)
        case verdict:
            await approvals.decide(approval.id, who, Verdict(verdict), wanted.reason)
    return True


def _let_pass(session: Session, approval_id: str) -> None:
    """The time in which somebody could have decided is over."""
    row = session.get_one(Approval, approval_id)
    row.expires_at = now() - timedelta(seconds=1)
    session.add(row)


async def _known(world: Open, source: dict[str, str]) -> str | None:
    """The text of a document that is cited, if there is one."""
    document = await world.crew.knowledge.document(source["document"], source["lang"])
    return document.text if document else None


async def _take(world: Open, record: Record) -> None:
    """Take over what the gate has on record."""
    record.calls, record.wanted = list(world.calls.values()), world.wanted
    ledger = await world.crew.runtime.database.look(
        lambda session: session.exec(select(Effect.thread_id).distinct().order_by(col(Effect.thread_id))).all()
    )
    threads = list(dict.fromkeys([*(step.thread for step in world.case.told.steps), *ledger]))
    for thread in threads:
        record.effects += [(one.tool, one.status.value) for one in await world.crew.gate.effects(thread)]


def _usage(record: Record, seconds: float, known: Prices | None) -> Usage:
    spent = record.tokens
    costs = [known.cost(model, *tokens) if known else None for model, tokens in spent.items()]
    cost = None if None in costs else float(sum(one for one in costs if one is not None))
    read, wrote = (sum(tokens[way] for tokens in spent.values()) for way in (0, 1))
    return Usage(seconds=round(seconds, 3), input_tokens=read, output_tokens=wrote, cost=cost)
