"""What the sentinel judges: one row of figures for each leg of a run, and the days that count as good."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime


class RunRecord(SQLModel, table=True):
    """One leg of a run, to its end or to a question, or one canary; figures only, never a word of what was said.

    Attributes:
        at: When it ended.
        canary: The canary case; empty for a live run.
        version: Digest of what the agent is made of.
        prompts: Digest of its prompts alone.
        outcome: `finished`, `waiting`, `failed` or `cancelled`.
        result: What the agent made of it, in a word of its graph; of a canary, why it failed.
        degraded: Whether it did without a model.
        models: By name: answers, failed attempts, seconds of both.
        tools: By name: calls, errors, seconds.
    """

    __tablename__ = "run_record"

    id: str = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    agent: str
    canary: str = ""
    version: str = ""
    prompts: str = ""
    outcome: str
    result: str = ""
    degraded: bool = False
    seconds: float = 0
    tokens: int = 0
    models: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    tools: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class Golden(SQLModel, table=True):
    """Days that a person declared to be good for an agent; their records are not forgotten.

    Attributes:
        since: Their begin; what came before is not compared with any more.
        until: Their end.
    """

    agent: str = Field(primary_key=True)
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    by: str
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
