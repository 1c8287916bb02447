"""Health: for a load balancer, for a monitor, and for people."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlmodel import col, select

from agents.registry import load_catalogue
from knowledge_base.services import Service
from naryad import masking
from naryad.clock import now
from naryad.db.models.incident import Incident, Severity
from naryad.errors import NotFound
from naryad.i18n import _
from server import errors
from server.access import Public, Reading
from server.health.checks import Status, worst
from server.health.schemas import (
    AgentHealth,
    Alive,
    CircuitBreaker,
    CircuitBreakers,
    Component,
    Components,
    Ready,
    Whole,
)
from server.parts import Parts, Using

router = APIRouter(tags=["health"])
_READING = errors.answers(401, 403, 422)
_GRAVE = frozenset({Severity.CRITICAL, Severity.HIGH})


@router.get("/health")
async def alive(_anybody: Public, parts: Using) -> Alive:
    """Whether the process answers; always 200, so that a broken database does not get it killed."""
    found = await parts.health.database()
    words = {name: "ok" if status is Status.HEALTHY else "failed" for name, status in found.items()}
    status = worst(*found.values())
    return Alive.model_validate({"status": status, "version": version("naryad"), "components": {"api": "ok", **words}})


@router.get("/ready", responses={503: {"model": Ready}})
async def ready(_anybody: Public, parts: Using, response: Response) -> Ready:
    """Whether work can be given to it: 503 until the database answers and the policy can be read."""
    database, policy = await asyncio.gather(parts.health.database(), parts.health.policy())
    able = worst(*database.values(), *policy.values()) is Status.HEALTHY
    if not able:
        response.status_code = 503
    return Ready(ready=able, components={**database, **policy})


@router.get("/api/v1/health", responses=_READING)
async def whole(_caller: Reading, parts: Using) -> Whole:
    """How everything is, each component by itself; an answer is a few seconds old at most."""
    found = await _components(parts)
    vital = worst(found.database, found.policy)
    others = [
        *found.agents.values(),
        *found.models.values(),
        *found.integrations.values(),
        found.queue,
        found.knowledge,
    ]
    status = vital if vital is not Status.HEALTHY else min(worst(*others), Status.DEGRADED, key=[*Status].index)
    return Whole(status=status, components=found, timestamp=now())


@router.get("/api/v1/components/{component_id}/status", responses=_READING | errors.answers(404))
async def component(component_id: Annotated[str, Path(max_length=100)], _caller: Reading, parts: Using) -> Component:
    """One service of the catalogue, or one component of ours."""
    catalogue = await asyncio.to_thread(load_catalogue, parts.settings)
    if service := catalogue.by_name.get(component_id):
        return await _service(parts, service)
    found = await _components(parts)
    kinds: dict[str, Mapping[str, Status]] = {
        "component": {"database": found.database, "policy": found.policy, "queue": found.queue, **found.queues}
        | {"knowledge": found.knowledge},
        "agent": found.agents,
        "model": found.models,
        "integration": found.integrations,
    }
    for kind, known in kinds.items():
        if status := known.get(component_id):
            return Component.model_validate({"id": component_id, "kind": kind, "status": status, "timestamp": now()})
    raise NotFound(_("There is no component {name!r}.").format(name=component_id))


@router.get("/api/v1/agents/{agent}/health", responses=_READING | errors.answers(404))
async def agent_health(agent: Annotated[str, Path(max_length=100)], _caller: Reading, parts: Using) -> AgentHealth:
    """One agent: how its last runs ended, which of them stand still, and what it works with."""
    parts.crew.runs.known(agent)
    health = parts.health
    done, read = await asyncio.gather(health.work(), health.knowledge())
    known, own = worst(*read.values()), done[agent]
    return AgentHealth(
        agent=agent,
        version=parts.meters.version(agent),
        status=health.of_work(agent, own, known),
        runs=own.runs,
        failed=own.failed,
        failure_share=round(own.failure_share, 3),
        stuck=[*own.stuck],
        models=health.models(),
        knowledge=known,
        timestamp=now(),
    )


@router.get("/api/v1/circuit-breakers", responses=_READING)
async def circuit_breakers(_caller: Reading, parts: Using) -> CircuitBreakers:
    """Which providers of models are asked now."""
    found = [
        CircuitBreaker(provider=one.name, model=one.model, state=one.breaker, hint=masking.secrets(one.hint))
        for one in parts.crew.runtime.chain.status
    ]
    return CircuitBreakers(breakers=found)


async def _components(parts: Parts) -> Components:
    health = parts.health
    database, policy, queues, integrations, knowledge, agents = await asyncio.gather(
        health.database(), health.policy(), health.queue(), health.integrations(), health.knowledge(), health.agents()
    )
    return Components(
        database=worst(*database.values()),
        policy=worst(*policy.values()),
        queue=worst(*queues.values()),
        queues=queues,
        knowledge=worst(*knowledge.values()),
        agents=agents,
        models=health.models(),
        integrations=integrations,
    )


async def _service(parts: Parts, service: Service) -> Component:
    query = select(Incident).where(Incident.service == service.name, col(Incident.finished_at).is_(None))
    found = await parts.crew.runtime.database.look(lambda session: session.exec(query.limit(100)).all())
    grave = any(incident.severity in _GRAVE for incident in found)
    return Component(
        id=service.name,
        kind="service",
        status=Status.UNHEALTHY if grave else Status.DEGRADED if found else Status.HEALTHY,
        incidents=[incident.id for incident in found],
        depends_on=service.depends_on,
        timestamp=now(),
    )
