"""How a call becomes a question to people, and how their yes is used up."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.auth import Person
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus, Decision, Effect
from naryad.db.session import Database
from naryad.events import EventLog, EventType
from naryad.gate.approvals import Approvals, Verdict
from naryad.gate.audit import Audit
from naryad.gate.policy import Ask
from naryad.gate.request import Request


class Questions:
    """Asks, renews and consumes approvals."""

    def __init__(self, database: Database, audit: Audit, approvals: Approvals, events: EventLog) -> None:
        self._database, self._audit, self._approvals, self._events = database, audit, approvals, events

    async def latest(self, thread_id: str, call_id: str) -> Approval | None:
        """The question in force for one call: the one of the last attempt."""
        query = select(Approval).where(Approval.thread_id == thread_id, Approval.call_id == call_id)
        async with self._database.read() as session:
            return (await session.exec(query.order_by(col(Approval.attempt).desc()).limit(1))).first()

    async def ask(self, request: Request, ask: Ask, policy_version: str, *, attempt: int = 1) -> None:
        """Put the question, once for an attempt; somebody else's same question is as good.

        Raises:
            ToolFailed: What would happen cannot be computed, so it is not asked.
        """
        approval = await self._compose(request, ask, policy_version, attempt)
        try:
            async with self._database.write() as session:
                await self._post(session, approval)
        except IntegrityError:
            return
        self._events.wake(approval.thread_id)

    async def edit(
        self, before: Approval, request: Request, ask: Ask, policy_version: str, editor: Person
    ) -> Approval:
        """Replace an open question by one with the editor's arguments, decided by the editor.

        Raises:
            Refused: The editor may not decide it, or it is no longer open.
        """
        after = await self._compose(request, ask, policy_version, before.attempt + 1)
        after.edited_by = editor.id
        async with self._database.write() as session:
            await self._approvals.replace(session, before.id, editor)
            await self._post(session, after)
        return await self._approvals.decide(after.id, editor, Verdict.APPROVE, "edited")

    async def close(self, approval: Approval, status: ApprovalStatus) -> None:
        """End an approval that can no longer be used."""
        async with self._database.write() as session:
            row = await session.get(Approval, approval.id, with_for_update=True)
            if row and row.status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                await self._approvals.close(session, row, status, now())
        self._events.wake(approval.thread_id)

    async def consume(
        self, approval: Approval, start: Callable[[AsyncSession], Awaitable[None]]
    ) -> bool:
        """Use up a yes and start its effect in one transaction; False when it is not there to be used."""
        moment = now()
        async with self._database.write() as session:
            row = await session.get(Approval, approval.id, with_for_update=True)
            if row is None or row.status is not ApprovalStatus.APPROVED:
                return False
            yes = select(func.count()).where(Decision.approval_id == row.id, Decision.verdict == Verdict.APPROVE)
            if row.expires_at <= moment or (await session.exec(yes)).one() < row.quorum:
                await self._approvals.close(session, row, ApprovalStatus.EXPIRED, moment)
                return False
            row.status = ApprovalStatus.CONSUMED
            session.add(row)
            await start(session)
        self._events.wake(approval.thread_id)
        return True

    async def reasons(self, approval: Approval) -> str:
        """What the people who said no wrote."""
        query = select(Decision.reason).where(Decision.approval_id == approval.id, Decision.verdict == Verdict.REJECT)
        async with self._database.read() as session:
            return "; ".join(filter(None, (await session.exec(query)).all()))

    async def _compose(self, request: Request, ask: Ask, policy_version: str, attempt: int) -> Approval:
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
            question=await request.question(),
            preview=await request.companion("preview") or "",
            precondition=await request.companion("precondition") or "",
            provenance=dict(request.call.provenance),
            roles=list(ask.roles),
            quorum=ask.quorum,
            four_eyes=ask.four_eyes,
            policy_version=policy_version,
            expires_at=now() + ask.expires,
        )

    async def _post(self, session: AsyncSession, approval: Approval) -> None:
        session.add(approval)
        await session.flush()
        shown = {"approval": approval.id, "call": approval.call_id, "tool": approval.tool}
        await self._audit.record(
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
        await self._events.add(
            session, approval.thread_id, EventType.APPROVAL_REQUESTED, **shown, question=approval.question
        )


def arguments_of(approval: Approval) -> Mapping[str, Any]:
    """The arguments that the approval is about."""
    args: dict[str, Any] = json.loads(approval.args_json)
    return args
