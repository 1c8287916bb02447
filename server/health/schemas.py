"""Health as the API speaks of it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from naryad.llm.breaker import BreakerState
from server.health.checks import Status


class Alive(BaseModel):
    """The process answers; what it stands on, in a word each."""

    status: Status
    version: str
    components: dict[str, Literal["ok", "failed"]]


class Ready(BaseModel):
    """Whether it can do its work."""

    ready: bool
    components: dict[str, Status]


class Components(BaseModel):
    """Everything that the crew works with."""

    database: Status
    policy: Status
    queue: Status
    queues: dict[str, Status]
    knowledge: Status
    agents: dict[str, Status]
    models: dict[str, Status]
    integrations: dict[str, Status]


class Whole(BaseModel):
    """How everything is: unhealthy where nothing can be done, degraded where something cannot."""

    status: Status
    components: Components
    timestamp: datetime


class Component(BaseModel):
    """One component, or one service of the catalogue: a service with an open incident is degraded or worse."""

    id: str
    kind: Literal["component", "agent", "model", "integration", "service"]
    status: Status
    incidents: list[str] = []
    depends_on: list[str] = []
    timestamp: datetime


class AgentHealth(BaseModel):
    """One agent: its last runs of this hour, those that stand still, and what it works with.

    Without a model, and one that answers from the knowledge base without its index, it is degraded at best.
    """

    agent: str
    version: str
    status: Status
    runs: int
    failed: int
    failure_share: float
    stuck: list[str]
    models: dict[str, Status]
    knowledge: Status
    timestamp: datetime


class CircuitBreaker(BaseModel):
    """One provider of the model chain; `hint` says why it did not answer last time."""

    provider: str
    model: str
    state: BreakerState
    hint: str


class CircuitBreakers(BaseModel):
    """The chain's breakers in the order in which the providers are asked."""

    breakers: list[CircuitBreaker]
