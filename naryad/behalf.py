"""On whose behalf a tool runs: a fact of the run, which no argument of a model can change."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behalf:
    """The run that a call belongs to.

    Attributes:
        agent: Who makes the call.
        thread_id: In which conversation.
        principal: For whom.
    """

    agent: str
    thread_id: str
    principal: str


_behalf: ContextVar[Behalf] = ContextVar("behalf")


@contextmanager
def on_behalf(of: Behalf) -> Iterator[None]:
    """Let a tool, or one of its companions, know whom it serves. Only `naryad.gate` may use it."""
    token = _behalf.set(of)
    try:
        yield
    finally:
        _behalf.reset(token)


def behalf() -> Behalf:
    """On whose behalf the present call is made; raises `LookupError` outside of the gate."""
    return _behalf.get()
