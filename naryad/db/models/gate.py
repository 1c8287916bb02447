"""What the gate remembers: approvals, decisions, effects and the audit chain."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class ApprovalStatus(StrEnum):
    """Life of an approval; only `PENDING` can be decided and only `APPROVED` be consumed."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STALE = "stale"
    SUPERSEDED = "superseded"
    CONSUMED = "consumed"
    WITHDRAWN = "withdrawn"
    """Its run was cancelled."""


class Approval(SQLModel, table=True):
    """One question to people about one tool call of one thread.

    `call_sha256` is the digest of what the model asked for, `args_sha256` of what will run: they
    differ only where a person edited the call. `attempt` grows when a stale or edited question is asked anew.
    """

    __table_args__ = (UniqueConstraint("thread_id", "call_id", "attempt"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    thread_id: str = Field(index=True)
    call_id: str
    attempt: int = 1
    agent: str
    principal: str
    tool: str
    args_json: str
    args_sha256: str
    call_sha256: str
    question: str
    preview: str
    precondition: str
    provenance: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    roles: list[str] = Field(default_factory=list, sa_type=Json)
    quorum: int = 1
    four_eyes: bool = False
    second_factor: bool = False
    policy_version: str
    status: ApprovalStatus = Field(default=ApprovalStatus.PENDING, index=True, sa_type=text_enum(ApprovalStatus))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    edited_by: str | None = None


class Decision(SQLModel, table=True):
    """One person's word on one approval; a person speaks once."""

    __table_args__ = (UniqueConstraint("approval_id", "person"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    approval_id: str = Field(foreign_key="approval.id", index=True)
    person: str
    verdict: str
    reason: str = ""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class EffectStatus(StrEnum):
    """Outcome of an effect; `STARTED` means it runs, or its process died while it ran."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ROLLED_BACK = "rolled_back"


class Effect(SQLModel, table=True):
    """The ledger: at most one row for a call, so at most one effect. `id` is the effect's key."""

    __table_args__ = (UniqueConstraint("thread_id", "call_id"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    thread_id: str
    call_id: str
    tool: str
    args_sha256: str
    approval_id: str | None = Field(default=None, foreign_key="approval.id", unique=True)
    rule: str
    status: EffectStatus = Field(default=EffectStatus.STARTED, sa_type=text_enum(EffectStatus))
    owner: str
    lease_until: datetime = Field(sa_type=UtcDateTime)
    result: Any = Field(default=None, nullable=True, sa_type=Json)
    result_sha256: str | None = None
    message: str = ""
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Seen(SQLModel, table=True):
    """What one look showed an agent, for the question where a later argument comes from.

    Attributes:
        own: Values that our own systems vouch for: ids, names of an inventory.
        text: Everything else, which anybody may have written.
    """

    thread_id: str = Field(primary_key=True)
    call_id: str = Field(primary_key=True)
    tool: str
    own: list[str] = Field(default_factory=list, sa_type=Json)
    text: str = ""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


class AuditRow(SQLModel, table=True):
    """One line of the append-only audit; `hash` covers every other field and the row before."""

    __tablename__ = "audit"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    event: str = Field(index=True)
    thread_id: str = Field(index=True)
    rule: str = Field(default="", index=True)
    data_json: str
    previous: str
    hash: str


class AuditHead(SQLModel, table=True):
    """The chain's last hash, apart from the chain, so that a cut tail is noticed."""

    __tablename__ = "audit_head"

    id: int = Field(default=1, primary_key=True)
    seq: int = 0
    hash: str = ""
