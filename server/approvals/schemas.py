"""Approvals as the API speaks of them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from naryad import masking
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.gate import Decision as DecisionRow
from naryad.gate.shown import without_secrets
from naryad.i18n import _
from naryad.printable import printable
from naryad.tooling import Risk

HIDDEN = masking.in_value({"password": "x"})["password"]
"""What stands in the place of a secret."""


def _plain(text: str) -> str:
    if printable(text) != text:
        raise ValueError(_("control, invisible and direction-changing characters are not allowed"))
    return text


Reason = Annotated[str, Field(max_length=2_000), AfterValidator(_plain)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the arguments that were shown")]


class Decision(BaseModel):
    """A yes, and why. With `args_sha256` it counts only for a question about just these arguments."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason = ""
    args_sha256: Digest | None = None


class Rejection(Decision):
    """A no; the agent and the audit see why."""

    reason: Annotated[Reason, Field(min_length=1)]


class Edit(BaseModel):
    """Other arguments for the call, all of them; the new question counts as approved by whoever edits."""

    model_config = ConfigDict(extra="forbid", strict=True)

    args: Annotated[dict[Annotated[str, Field(max_length=200)], Any], Field(max_length=100)]
    args_sha256: Digest | None = None


class Argument(BaseModel):
    """One argument of the call, secrets masked; `provenance` is the untrusted source of its value, where it has one."""

    name: str
    value: Any
    provenance: str | None


class Said(BaseModel):
    """One person's word."""

    person: str
    verdict: str
    reason: str
    at: datetime


class ApprovalLine(BaseModel):
    """An approval in a list; `risk` is null for a tool that is there no more."""

    id: str
    thread_id: str
    agent: str
    principal: str
    tool: str
    risk: Risk | None
    question: str
    status: ApprovalStatus
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    roles: list[str]
    quorum: int
    four_eyes: bool
    second_factor: bool
    may_decide: bool

    @classmethod
    def of(cls, approval: Approval, **more: Any) -> Self:
        """One approval as it stands."""
        return cls.model_validate({**without_secrets(approval).model_dump(), **more})


class ApprovalShown(ApprovalLine):
    """Everything that whoever decides should know; `yes` counts against `quorum`."""

    preview: str
    arguments: list[Argument]
    args_sha256: str
    policy_version: str
    attempt: int
    edited_by: str | None
    yes: int
    decisions: list[Said]

    @classmethod
    def whole(cls, approval: Approval, decisions: Sequence[DecisionRow], **more: Any) -> Self:
        """One approval with what was said of it."""
        args, told = json.loads(without_secrets(approval).args_json), approval.provenance
        return cls.of(
            approval,
            arguments=[Argument(name=name, value=value, provenance=told.get(name)) for name, value in args.items()],
            yes=sum(said.verdict == "approve" for said in decisions),
            decisions=[Said.model_validate(said.model_dump()) for said in decisions],
            **more,
        )


class ApprovalPage(BaseModel):
    """A page of a list; `next` is the cursor of the page behind it."""

    approvals: list[ApprovalLine]
    next: str | None
