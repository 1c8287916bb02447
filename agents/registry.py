"""The crew on a runtime: tools behind one gate, and each agent's graph."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from agents.support import audience_of
from graphs import ops, support
from graphs.ops.conclude import ConclusionTools
from knowledge_base import runbooks, services
from knowledge_base.base import KnowledgeBase
from knowledge_base.runbooks import Runbook
from knowledge_base.services import Catalogue
from knowledge_base.settings import KnowledgeSettings
from naryad.auth import Role
from naryad.errors import ConfigError
from naryad.gate.gate import Gate
from naryad.handoffs import Handoffs
from naryad.incidents import Incidents
from naryad.llm.chain import Chain
from naryad.records import open_records
from naryad.runs import Runs
from naryad.runtime import Runtime
from naryad.settings import Settings
from naryad.tickets.tickets import Tickets
from naryad.tooling import Toolset
from tools import registry
from tools.tickets.tools import TicketTools

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

ROLES: dict[str, frozenset[Role]] = {"ops": frozenset({Role.OPERATOR}), "support": frozenset(Role)}
"""Who may talk with an agent; with one that is not listed nobody may."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Everything a channel needs to talk to the agents."""

    runtime: Runtime
    gate: Gate
    runs: Runs
    incidents: Incidents
    knowledge: KnowledgeBase
    tickets: Tickets
    handoffs: Handoffs


@asynccontextmanager
async def open_crew(
    settings: Settings, *, chain: Chain | None = None, more: Sequence[Toolset] = ()
) -> AsyncIterator[Crew]:
    """Build the crew.

    Args:
        settings: Name its systems.
        chain: Models in place of those that the settings name.
        more: Tools besides those of the systems.

    Raises:
        ConfigError: A setting, the policy, the catalogue or a runbook is wrong; nothing was changed.
    """
    catalogue, known = load_catalogue(settings), load_runbooks(settings)
    async with open_records(settings, chain) as records, open_knowledge(records.runtime) as knowledge:
        runtime, incidents, tickets, handoffs = records.runtime, records.incidents, records.tickets, records.handoffs
        systems = registry.build(settings, catalogue, home=settings.home)
        toolsets = [*systems, ConclusionTools(), TicketTools(tickets), *more]
        gate = Gate(toolsets, runtime.policy, runtime.database, runtime.events)
        deps = ops.OpsDeps(gate, runtime.chain, runtime.events, incidents, catalogue, known)
        audience = partial(audience_of, runtime.database)
        helping = support.SupportDeps(deps, knowledge, tickets, handoffs, audience)
        saver = runtime.checkpointer
        graphs: dict[str, CompiledStateGraph[Any]] = {
            "ops": ops.build(deps, saver),
            "support": support.build(helping, saver),
        }
        runs = Runs(runtime.database, runtime.events, graphs, gate)
        yield Crew(runtime, gate, runs, incidents, knowledge, tickets, handoffs)


@asynccontextmanager
async def open_knowledge(runtime: Runtime) -> AsyncIterator[KnowledgeBase]:
    """The knowledge base on a runtime; nothing is indexed before the first question or `run`."""
    knowledge = KnowledgeBase(runtime.database, KnowledgeSettings.of(runtime.settings))
    try:
        yield knowledge
    finally:
        await knowledge.close()


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
