"""The start of an incident: whose it is, which runbooks may fit, and what to look at."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphs.ops.state import OpsDeps, OpsState
from knowledge_base.runbooks import Places, Runbook
from knowledge_base.services import Catalogue, Service
from naryad import canonical


@dataclass(frozen=True, slots=True)
class Candidate:
    """A runbook put to one service."""

    runbook: Runbook
    places: Places

    def looks(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tool calls that its conditions are about."""
        for step in self.runbook.diagnose:
            yield step.tool, self.places.args(step)


def subject(state: OpsState, catalogue: Catalogue) -> list[Service]:
    """The services that the alert or the request is about; all of them when it names none."""
    if alert := state.get("alert"):
        found = catalogue.by_name.get(alert["labels"].get("service", ""))
        return [found] if found else []
    words = state.get("text", "").lower()
    named = [service for service in catalogue.services if service.name in words]
    return named or list(catalogue.services)


def dependencies(service: Service, catalogue: Catalogue) -> list[Service]:
    """Everything the service stands on, nearest first, each once."""
    found: list[Service] = []
    queue = list(service.depends_on)
    while queue:
        name = queue.pop(0)
        if name != service.name and name not in [known.name for known in found]:
            found.append(catalogue.get(name))
            queue += catalogue.get(name).depends_on
    return found


def candidates(state: OpsState, deps: OpsDeps) -> list[Candidate]:
    """Each runbook that fits the alert, put to each service it may be about; only where its facts are known."""
    labels = state["alert"]["labels"] if "alert" in state else {}
    found = []
    for runbook in deps.runbooks:
        if not runbook.fits(labels):
            continue
        for symptom in subject(state, deps.catalogue):
            at_fault = [symptom] if runbook.scope == "service" else dependencies(symptom, deps.catalogue)
            for service in at_fault:
                candidate = Candidate(runbook, Places(service, symptom))
                if candidate.places.known(_texts(runbook)):
                    found.append(candidate)
    return found


def looks(state: OpsState, deps: OpsDeps) -> list[dict[str, Any]]:
    """What to look at, each once: what the runbooks ask, and the ordinary signs of the services concerned."""
    wanted: dict[str, dict[str, Any]] = {}
    concerned = subject(state, deps.catalogue)
    around = [other for service in concerned for other in dependencies(service, deps.catalogue)]
    for tool, args in [*_asked(candidates(state, deps)), *_usual(concerned), *_usual(around)]:
        if tool in deps.gate.tools:
            wanted.setdefault(canonical.encode([tool, args]), {"tool": tool, "args": args})
    return [{"id": f"e{number}", **look} for number, look in enumerate(wanted.values(), 1)]


def _asked(found: Sequence[Candidate]) -> Iterator[tuple[str, dict[str, Any]]]:
    for candidate in found:
        yield from candidate.looks()


def _usual(services: Iterable[Service]) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in services:
        if service.health_url:
            yield "probe_http", {"url": service.health_url}
        yield "host_processes", {"match": service.process}
        if service.log:
            yield "host_log_tail", {"path": str(service.log), "lines": 40}
        if service.port:
            yield "host_ports", {"port": service.port}
        if service.data_dir:
            yield "host_directory", {"path": str(service.data_dir)}
    yield "host_memory", {}


def _texts(runbook: Runbook) -> list[Any]:
    steps = [*runbook.diagnose, *runbook.verify]
    asked = [value for step in steps for value in (*step.args.values(), step.expect)]
    return [*asked, *runbook.remedy.variables.values()]
