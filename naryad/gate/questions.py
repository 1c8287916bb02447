"""How a call becomes a question to people, and how their yes is used up."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import insert, literal
from sqlmodel import Session, SQLModel, col, func, select, update

from naryad.auth import Person, could_be_anybody
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus, Decision, Effect
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.events import EventLog, EventType
from naryad.gate.approvals import Approvals, Verdict
from naryad.gate.audit import Audit
from naryad.gate.policy import Ruling
from naryad.gate.provenance import MODEL
from naryad.gate.request import Request

_ADD = insert(SQLModel.metadata.tables["approval"])
_NOTHING = select(literal(1)).subquery()
"""One row to join to: what is not there comes as None."""


class Questions:
    """Asks, renews and consumes approvals."""

    def __init__(self, database: Database, audit: Audit, approvals: Approvals, events: EventLog) -> None:
        self._database, self._audit, self._approvals, self._events = database, audit, approvals, events

    async def recall(self, thread_id: str, call_id: str) -> tuple[Approval | None, Effect | None]:
        """What is known of a call: the question in force (the one of the last attempt), and its effect."""
        asked = (col(Approval.thread_id) == thread_id) & (col(Approval.call_id) == call_id)
        started = (col(Effect.thread_id) == thread_id) & (col(Effect.call_id) == call_id)
        query = select(Approval, Effect).select_from(_NOTHING).outerjoin(Approval, asked).outerjoin(Effect, started)
        query = query.order_by(col(Approval.attempt).desc()).limit(1)
        return await self._database.look(lambda session: session.exec(query).one())

    async def ask(self, request: Request, ruling: Ruling, *, attempt: int = 1) -> Approval | None:
        """Put the question, once for an attempt; None where somebody else has put it.

        Raises:
            ToolFailed: What would happen cannot be computed, so it is not asked.
        """
        approval = await self._compose(request, ruling, attempt)
        # A question that a power cut takes back is asked again; the decision keeps it on the disk.
        posted = await self._database.transact(lambda session: self._post(session, approval), durable=False)
        self._events.wake(approval.thread_id)
        return approval if posted else None

    async def edit(self, before: Approval, request: Request, ruling: Ruling, editor: Person) -> Approval:
        """Replace an open question by one with the editor's arguments, decided by the editor.

        Raises:
            Refused: The editor may not decide it, or it is no longer open.
        """
        after = await self._compose(request, ruling, before.attempt + 1)
        after.edited_by = editor.id

        def exchange(session: Session) -> None:
            self._approvals.replace(session, before.id, editor)
            self._post(session, after)

        await self._database.transact(exchange)
        return await self._approvals.decide(after.id, editor, Verdict.APPROVE, "edited")

    async def close(self, approval: Approval, status: ApprovalStatus) -> None:
        """End an approval that can no longer be used."""

        def end(session: Session) -> None:
            row = session.get(Approval, approval.id, with_for_update=True)
            if row and row.status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                self._approvals.close(session, row, status, now())

        await self._database.transact(end)
        self._events.wake(approval.thread_id)

    async def consume(self, approval: Approval, args_sha256: str, start: Callable[[Session], bool]) -> bool:
        """Use up a yes and start its effect in one transaction; False when it is not there to be used."""
        said_yes = select(func.count()).where(Decision.approval_id == approval.id, Decision.verdict == Verdict.APPROVE)
        use = update(Approval).where(
            col(Approval.id) == approval.id,
            col(Approval.status) == ApprovalStatus.APPROVED,
            col(Approval.expires_at) > now(),
            col(Approval.args_sha256) == args_sha256,
            said_yes.scalar_subquery() >= col(Approval.quorum),
        )

        def use_up(session: Session) -> bool:
            if session.exec(use.values(status=ApprovalStatus.CONSUMED)).rowcount != 1:
                row = session.get(Approval, approval.id, with_for_update=True)
                if row and row.status is ApprovalStatus.APPROVED:  # too late, or not said by as many as it needs
                    self._approvals.close(session, row, ApprovalStatus.EXPIRED, now())
                return False
            if not start(session):
                session.rollback()
                return False
            return True

        used = await self._database.transact(use_up)
        self._events.wake(approval.thread_id)
        return used

    async def reasons(self, approval: Approval) -> str:
        """What the people who said no wrote."""
        query = select(Decision.reason).where(Decision.approval_id == approval.id, Decision.verdict == Verdict.REJECT)
        said = await self._database.look(lambda session: session.exec(query).all())
        return "; ".join(filter(None, said))

    async def _compose(self, request: Request, ruling: Ruling, attempt: int) -> Approval:
        ask = ruling.rule.ask
        # Of two people who decide at most one asked, whoever wrote that letter.
        people = 2 if ask.four_eyes and could_be_anybody(request.caller.principal) else 1
        return Approval(
            thread_id=request.caller.thread_id,
            call_id=request.call.id,
            attempt=attempt,
            agent=request.caller.agent,
            principal=request.caller.principal,
            tool=request.tool.name,
            args_json=request.args_json,
            args_sha256=request.sha256,
            call_sha256=request.asked_sha256,
            question=storable(request.question()),
            preview=storable(await request.companion("preview") or ""),
            precondition=await fingerprint(request),
            provenance=_places(ruling.sources, request.call.provenance),
            roles=list(ask.roles),
            quorum=max(ask.quorum, people),
            four_eyes=ask.four_eyes,
            second_factor=ask.second_factor,
            policy_version=ruling.version,
            expires_at=now() + ask.expires,
        )

    def _post(self, session: Session, approval: Approval) -> bool:
        self._audit.alone(session)
        same = select(Approval.id).where(
            Approval.thread_id == approval.thread_id,
            Approval.call_id == approval.call_id,
            Approval.attempt == approval.attempt,
        )
        if session.exec(same).first():
            return False
        session.connection().execute(_ADD, approval.model_dump())
        shown = {"approval": approval.id, "call": approval.call_id, "tool": approval.tool}
        self._audit.record(
            session,
            "approval.requested",
            approval.thread_id,
            **shown,
            attempt=approval.attempt,
            agent=approval.agent,
            principal=approval.principal,
            question=approval.question,
            args_sha256=approval.args_sha256,
            policy=approval.policy_version,
            edited_by=approval.edited_by,
        )
        self._events.put(session, approval.thread_id, EventType.APPROVAL_REQUESTED, **shown, question=approval.question)
        return True


async def fingerprint(request: Request) -> str:
    """The state that an approval is given for."""
    return str(storable(await request.companion("precondition") or ""))


def arguments_of(approval: Approval) -> Mapping[str, Any]:
    """The arguments that the approval is about."""
    args: dict[str, Any] = json.loads(approval.args_json)
    return args


def _places(found: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """Where arguments come from, as the card shows it: a place that was found says more than that a model wrote it."""
    places = dict(told)
    for name, place in found.items():
        known = told.get(name, MODEL)
        if known == MODEL:
            places[name] = place
        elif place != MODEL:
            places[name] = f"{known}, {place}"
    return places
