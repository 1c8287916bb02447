"""What the approval endpoints do: the gate decides, and the run goes on."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from naryad.auth import REPORTED, Person
from naryad.clock import now
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.errors import Refused, ToolFailed
from naryad.gate.approvals import Verdict, has_role
from naryad.i18n import _
from naryad.tooling import Risk
from server.access import SHOWN_WITHIN, Caller
from server.approvals.schemas import HIDDEN, ApprovalLine, ApprovalShown
from server.errors import Denied
from server.parts import Parts


def decider(caller: Caller) -> Person:
    """The caller as the gate knows whoever decides: with what their device showed lately."""
    shown = caller.second_factor_at
    return replace(caller.person, second_factor=shown is not None and now() - shown < SHOWN_WITHIN)


def line(parts: Parts, approval: Approval, person: Person) -> ApprovalLine:
    """An approval in a list."""
    return ApprovalLine.of(approval, **_around(parts, approval, person))


async def shown(parts: Parts, approval: Approval, person: Person) -> ApprovalShown:
    """Everything about one approval."""
    decisions = await parts.crew.gate.approvals.decisions(approval.id)
    return ApprovalShown.whole(approval, decisions, **_around(parts, approval, person))


async def decide(
    parts: Parts, approval_id: str, person: Person, verdict: Verdict, reason: str, seen: str | None
) -> ApprovalShown:
    """Record a person's word, and let the run go on where it was the last one that was needed.

    Raises:
        NotFound: There is no such approval, or it does not concern the person.
        Denied: It does, and their role does not decide it.
        Refused: They may not decide it otherwise, it is no longer open, or what they saw is not what it asks.
    """
    await _seen(parts, approval_id, person, seen)
    return await _goes_on(parts, await parts.crew.gate.approvals.decide(approval_id, person, verdict, reason), person)


async def edit(
    parts: Parts, approval_id: str, person: Person, args: Mapping[str, Any], seen: str | None
) -> ApprovalShown:
    """Replace the question by one with other arguments; raises as `decide` does, and `Denied` where they do not fit."""
    await _seen(parts, approval_id, person, seen)
    if HIDDEN in json.dumps(args, ensure_ascii=False):
        raise _unfit(_("A masked secret was sent back as if it were the value; write the value itself."))
    try:
        return await _goes_on(parts, await parts.crew.gate.edit(approval_id, args, person), person)
    except ToolFailed as failure:
        raise _unfit(failure.message) from failure


async def unambiguous(request: Request) -> None:
    """Refuse JSON that names a field twice: whoever looked at it on its way here may have read the other one."""
    if body := await request.body():
        try:
            json.loads(body, object_pairs_hook=_once)
        except ValueError as error:
            kind = "json_invalid" if isinstance(error, json.JSONDecodeError) else "value_error"
            fault = {"loc": ("body",), "msg": str(error), "type": kind, "ctx": {"error": error}}
            raise RequestValidationError([fault]) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError(_("a field is named twice"))
    return found


async def _seen(parts: Parts, approval_id: str, person: Person, digest: str | None) -> None:
    """Raise unless it concerns the person, their role decides it and, where they say so, it asks what they saw."""
    approval = await parts.crew.gate.approvals.concerning(approval_id, person)
    if not has_role(person, approval):
        raise Denied(_("Your role does not allow this."), status=403, code="forbidden")
    # The arguments of a row never change: an edit makes a new one.
    if digest is not None and digest != approval.args_sha256:
        raise Refused(_("The question is not the one that you saw; look at it again."))


async def _goes_on(parts: Parts, approval: Approval, person: Person) -> ApprovalShown:
    if approval.status is not ApprovalStatus.PENDING:
        parts.driver.start(approval.thread_id, approval.agent)
    return await shown(parts, approval, person)


def _around(parts: Parts, approval: Approval, person: Person) -> dict[str, Any]:
    tool = parts.crew.gate.tools.get(approval.tool)
    risk: Risk | None = tool.card.risk if tool else None
    may = (
        has_role(person, approval)
        and approval.status is ApprovalStatus.PENDING
        and not (approval.four_eyes and person.id == approval.principal.removeprefix(REPORTED))
    )
    return {"risk": risk, "may_decide": may}


def _unfit(message: str) -> Denied:
    return Denied(message, status=422, code="invalid")
