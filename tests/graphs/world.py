"""A company of one service in memory: what its tools show, and what its playbooks do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from graphs import ops
from graphs.ops.conclude import ConclusionTools
from graphs.ops.graph import OpsGraph
from knowledge_base.runbooks import SHIPPED, Runbook
from knowledge_base.runbooks import load as load_runbooks
from knowledge_base.services import Catalogue, Service
from naryad.auth import Person, Role
from naryad.clock import new_id
from naryad.db import migrate
from naryad.db.models.incident import Incident
from naryad.db.session import Database
from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.approvals import Verdict
from naryad.gate.gate import Gate
from naryad.gate.policy import PolicyFile
from naryad.incidents import Incidents
from naryad.llm.chain import Chain, build_chain
from naryad.runs import Runs, RunState
from naryad.settings import Settings
from naryad.tooling import Risk, Settled, Toolset, tool

ANNA = Person("local:anna", frozenset({Role.OPERATOR}))
URL = "http://127.0.0.1:1/health"
WEB = Service(name="web", unit="web", process="web", port=1, health_url=URL, log=Path("/var/log/web.log"))


@dataclass
class Company:
    """The state of the world.

    Attributes:
        works: Whether the service answers.
        cures: Whether running a playbook makes it answer.
        log: Lines of its log.
        refuses: What the playbook check says against every playbook.
        fails: What a run of a playbook reports as failed, if anything.
        status: How a run of a playbook ends in Ansible's words.
        blind: Whether the probes tell that all is well, whatever is.
        falls: After how many good answers a repaired service falls again.
        ran: Playbooks that ran, in order.
    """

    works: bool = False
    cures: bool = True
    log: list[str] = field(default_factory=lambda: ["INFO started"])
    refuses: list[str] = field(default_factory=list)
    fails: dict[str, str] | None = None
    status: str = "successful"
    blind: bool = False
    falls: int | None = None
    ran: list[str] = field(default_factory=list)


class Probe(Toolset):
    prefix = "probe"

    def __init__(self, company: Company) -> None:
        self._company = company

    @tool(Risk.READ)
    async def http(self, url: str) -> dict[str, Any]:
        """Ask a URL."""
        company = self._company
        works = company.works or company.blind
        if works and company.falls is not None:
            company.falls -= 1
            company.works = company.falls > 0
        return {"ok": works, "status": 200 if works else None, "error": None if works else "refused"}


class Host(Toolset):
    prefix = "host"

    def __init__(self, company: Company) -> None:
        self._company = company

    @tool(Risk.READ)
    async def processes(self, match: str) -> dict[str, Any]:
        """List processes."""
        return {"count": int(self._company.works), "processes": []}

    @tool(Risk.READ)
    async def log_tail(self, path: str, lines: int) -> dict[str, Any]:
        """Read a log."""
        return {"lines": self._company.log[-lines:]}

    @tool(Risk.READ)
    async def ports(self, port: int) -> dict[str, Any]:
        """List listeners."""
        if port == 13:
            raise ToolFailed("no such port")
        return {"listeners": []}


class Ansible(Toolset):
    prefix = "ansible"

    def __init__(self, company: Company) -> None:
        self._company = company

    async def _preview(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> str:
        return "would change web"

    async def _precondition(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> str:
        return "same"

    async def _reconcile(
        self, key: str, playbook: str, title: str, variables: dict[str, str], rollback: str = ""
    ) -> Settled:
        return Settled.UNKNOWN

    async def _rollback(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> str:
        self._company.ran.append(rollback)
        return "rolled back"

    @tool(Risk.READ)
    async def check(self, playbook: str, variables: dict[str, str]) -> dict[str, Any]:
        """Check a playbook."""
        return {"ok": not self._company.refuses, "errors": self._company.refuses}

    @tool(
        Risk.DESTRUCTIVE,
        confirm="Run «{title}»?",
        preview=_preview,
        precondition=_precondition,
        reconcile=_reconcile,
        rollback=_rollback,
    )
    async def run(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> dict[str, Any]:
        """Run a playbook."""
        self._company.ran.append(playbook)
        self._company.works = self._company.cures and not self._company.fails
        changed = [{"host": "localhost", "task": "First"}]
        status = self._company.status
        if status == "not started":
            raise ToolFailed("The playbook did not start, nothing was changed.")
        ok = not self._company.fails and status == "successful"
        result = {"ok": ok, "status": status, "failed": self._company.fails, "changed": changed}
        if status in ("timeout", "canceled"):
            raise OutcomeUnknown("The playbook was cut.", data=result)
        if not ok:
            raise ToolFailed("The playbook failed.", data=result)
        return result


@dataclass
class Crew:
    """An Ops agent in that company."""

    company: Company
    gate: Gate
    runs: Runs
    incidents: Incidents
    events: EventLog
    graph: OpsGraph
    thread_id: str = field(default_factory=new_id)

    async def start(self, **given: Any) -> RunState:
        return await self.runs.submit(self.thread_id, "ops", "monitor", given or {"alert": alert()})

    async def decide(self, state: RunState, verdict: Verdict = Verdict.APPROVE, why: str = "") -> RunState:
        for approval_id in state.waiting_for:
            await self.gate.approvals.decide(approval_id, ANNA, verdict, why)
        return await self.runs.drive(self.thread_id)

    async def incident(self) -> Incident:
        return await self.incidents.of_thread(self.thread_id)


def alert(name: str = "ServiceDown") -> dict[str, Any]:
    labels = {"alertname": name, "service": "web", "severity": "critical"}
    return {"labels": labels, "annotations": {"summary": "web does not answer"}, "fingerprint": "f"}


@asynccontextmanager
async def company_crew(
    company: Company,
    tmp_path: Path,
    script: str = "",
    runbooks: Sequence[Runbook] | None = None,
    services: Sequence[Service] = (WEB,),
) -> AsyncIterator[Crew]:
    """A crew on a database in `tmp_path`, with a scripted model or none; opening it again finds the same threads."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "script.yaml").write_text(script or "[]", encoding="utf-8")
    model = f"scripted:{tmp_path / 'script.yaml'}" if script else "none"
    chain: Chain = build_chain(Settings(NARYAD_MODEL=model, NARYAD_HOME=tmp_path))
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'naryad.db'}")
    await migrate.upgrade(database)
    events = EventLog(database)
    toolsets = [Probe(company), Host(company), Ansible(company), ConclusionTools()]
    gate = Gate(toolsets, PolicyFile(policy.DEFAULT, UTC), database, events)
    incidents = Incidents(database, events)
    known = load_runbooks([SHIPPED]) if runbooks is None else runbooks
    deps = ops.OpsDeps(gate, chain, events, incidents, Catalogue(services=list(services)), known)
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "checkpoints.db")) as saver:
        graph = ops.build(deps, saver)
        yield Crew(company, gate, Runs(database, events, {"ops": graph}, gate), incidents, events, graph)
    await chain.close()
    await database.close()
