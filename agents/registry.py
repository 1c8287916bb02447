"""The crew on a runtime: tools behind one gate, and each agent's graph."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graphs import ops
from graphs.ops.conclude import ConclusionTools
from knowledge_base import runbooks, services
from knowledge_base.runbooks import Runbook
from knowledge_base.services import Catalogue
from naryad.alerts.response import Response
from naryad.auth import Role
from naryad.errors import ConfigError
from naryad.gate.gate import Gate
from naryad.incidents import Incidents
from naryad.runs import Runs
from naryad.runtime import Runtime, open_runtime
from naryad.settings import Settings
from tools import registry

ROLES: dict[str, frozenset[Role]] = {"ops": frozenset({Role.OPERATOR})}
"""Who may talk with an agent; with one that is not listed nobody may."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Everything a channel needs to talk to the agents."""

    runtime: Runtime
    gate: Gate
    runs: Runs
    incidents: Incidents


@asynccontextmanager
async def open_crew(settings: Settings) -> AsyncIterator[Crew]:
    """Build the crew.

    Raises:
        ConfigError: A setting, the policy, the catalogue or a runbook is wrong; nothing was changed.
    """
    catalogue, known = load_catalogue(settings), load_runbooks(settings)
    async with open_runtime(settings) as runtime:
        toolsets = [*registry.build(settings, catalogue, home=settings.home), ConclusionTools()]
        gate = Gate(toolsets, runtime.policy, runtime.database, runtime.events)
        incidents = Incidents(runtime.database, runtime.events, Response.of(settings))
        deps = ops.OpsDeps(gate, runtime.chain, runtime.events, incidents, catalogue, known)
        graphs = {"ops": ops.build(deps, runtime.checkpointer)}
        yield Crew(runtime, gate, Runs(runtime.database, runtime.events, graphs, gate), incidents)


def load_catalogue(settings: Settings) -> Catalogue:
    """The named catalogue, else the one in NARYAD_HOME, else an empty one."""
    path = settings.services or settings.home / "services.yaml"
    return services.load(path) if settings.services or path.exists() else Catalogue()


def load_runbooks(settings: Settings) -> list[Runbook]:
    """The shipped runbooks, then the company's own, which may replace them.

    Raises:
        ConfigError: A runbook is wrong, or the named folder is not there.
    """
    own = settings.runbooks or settings.home / "runbooks"
    if settings.runbooks and not own.is_dir():
        raise ConfigError("there is no such folder", source=own)
    return runbooks.load([runbooks.SHIPPED, own])
