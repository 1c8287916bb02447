"""The approvals API: what waits for people, and the one way in which HTTP lets them decide.

Which role decides is the policy's to say, so every signed-in person gets as far as the question.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from naryad.db.models.gate import ApprovalStatus
from naryad.gate.approvals import Verdict
from server import errors
from server.access import Anyone
from server.approvals import service
from server.approvals.schemas import ApprovalPage, ApprovalShown, Decision, Edit, Rejection
from server.parts import Using

router = APIRouter(
    prefix="/api/v1/approvals",
    tags=["approvals"],
    responses=errors.answers(401, 403, 413, 422),
    dependencies=[Depends(service.unambiguous)],
)
Id = Annotated[str, Path(max_length=100)]
Short = Annotated[str, Query(max_length=100)]
_DECIDING = errors.answers(404, 409)


@router.get("")
async def listed(
    caller: Anyone,
    parts: Using,
    status: ApprovalStatus | None = None,
    thread: Short = "",
    cursor: Short = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ApprovalPage:
    """Approvals that your roles may decide, and those asked for in your name; the newest first."""
    person = service.decider(caller)
    found = await parts.crew.gate.approvals.page(person, status, thread_id=thread, before=cursor, limit=limit)
    lines = [service.line(parts, approval, person) for approval in found]
    return ApprovalPage(approvals=lines, next=found[-1].id if len(found) == limit else None)


@router.get("/{approval_id}", responses=errors.answers(404))
async def shown(approval_id: Id, caller: Anyone, parts: Using) -> ApprovalShown:
    """Everything that whoever decides should know."""
    person = service.decider(caller)
    return await service.shown(parts, await parts.crew.gate.approvals.concerning(approval_id, person), person)


@router.post("/{approval_id}/approve", responses=_DECIDING)
async def approve(approval_id: Id, caller: Anyone, parts: Using, said: Decision | None = None) -> ApprovalShown:
    """Say yes; with the last yes that the policy wants, the run goes on."""
    said, person = said or Decision(), service.decider(caller)
    return await service.decide(parts, approval_id, person, Verdict.APPROVE, said.reason, said.args_sha256)


@router.post("/{approval_id}/reject", responses=_DECIDING)
async def reject(approval_id: Id, said: Rejection, caller: Anyone, parts: Using) -> ApprovalShown:
    """Say no: nothing is changed, and the agent is told why."""
    person = service.decider(caller)
    return await service.decide(parts, approval_id, person, Verdict.REJECT, said.reason, said.args_sha256)


@router.post("/{approval_id}/edit", responses=_DECIDING)
async def edit(approval_id: Id, change: Edit, caller: Anyone, parts: Using) -> ApprovalShown:
    """Change the arguments and say yes to that; returns the new approval, the old one is superseded."""
    person = service.decider(caller)
    return await service.edit(parts, approval_id, person, change.args, change.args_sha256)
