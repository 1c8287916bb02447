"""The start of an incident: whose it is, which runbooks may fit, and what to look at."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graphs.ops.asked import Asked, labels
from graphs.ops.state import OpsDeps
from knowledge_base.runbooks import Places, Runbook
from knowledge_base.services import Catalogue, Service
from naryad import canonical
from naryad.tooling import Risk

MAX_LOOKS = 60
"""Most looks of one input: a request that names no service is about all of them."""
_OF_THIS_HOST = "host_"
"""Begins the names of the tools that see nothing but the machine Naryad runs on."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A runbook put to one service."""

    runbook: Runbook
    places: Places

    def looks(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tool calls that its conditions are about."""
        for step in self.runbook.diagnose:
            yield step.tool, self.places.args(step)


def subject(asked: Asked, catalogue: Catalogue) -> list[Service]:
    """The services that the alert or the request is about; all of them when it names none."""
    if asked["alert"]:
        found = catalogue.by_name.get(labels(asked).get("service", ""))
        return [found] if found else []
    return named(asked["text"], catalogue) or list(catalogue.services)


def named(text: str, catalogue: Catalogue) -> list[Service]:
    """The services that a text names."""
    words = text.lower()
    return [s for s in catalogue.services if re.search(rf"(?<![a-z0-9_]){re.escape(s.name)}(?![a-z0-9_])", words)]


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


def around(asked: Asked, catalogue: Catalogue) -> list[Service]:
    """The services that it is about, then all that they stand on; each once."""
    concerned = subject(asked, catalogue)
    found = [*concerned, *(other for service in concerned for other in dependencies(service, catalogue))]
    return list({service.name: service for service in found}.values())


def candidates(asked: Asked, deps: OpsDeps) -> list[Candidate]:
    """Each runbook that fits the alert, put to each service it may be about; only where its facts can be seen."""
    found = []
    for runbook in deps.runbooks:
        if not runbook.fits(labels(asked)):
            continue
        for symptom in subject(asked, deps.catalogue):
            at_fault = [symptom] if runbook.scope == "service" else dependencies(symptom, deps.catalogue)
            for service in at_fault:
                candidate = Candidate(runbook, Places(service, symptom))
                if candidate.places.known(_texts(runbook)) and _visible(candidate):
                    found.append(candidate)
    return found


def looks(asked: Asked, deps: OpsDeps) -> list[dict[str, Any]]:
    """What to look at, each once: what the runbooks ask, and the ordinary signs of the services concerned."""
    wanted: dict[str, dict[str, Any]] = {}
    usual = _usual(around(asked, deps.catalogue))
    for name, args in [*_asked(candidates(asked, deps)), *usual]:
        tool = deps.gate.tools.get(name)
        if tool and tool.card.risk is Risk.READ:
            wanted.setdefault(canonical.encode([name, args]), {"tool": name, "args": args})
    return [{"id": f"e{number}", **look} for number, look in enumerate(islice(wanted.values(), MAX_LOOKS), 1)]


def _visible(candidate: Candidate) -> bool:
    """Whether what its host tools would show is that service's: they look at this machine, wherever the service is."""
    marks = {"${service.": candidate.places.service.here, "${symptom.": candidate.places.symptom.here}
    steps = [*candidate.runbook.diagnose, *candidate.runbook.verify]
    words = [str(word) for step in steps if step.tool.startswith(_OF_THIS_HOST) for word in step.args.values()]
    return all(here for mark, here in marks.items() if any(mark in word for word in words))


def _asked(found: Sequence[Candidate]) -> Iterator[tuple[str, dict[str, Any]]]:
    for candidate in found:
        yield from candidate.looks()


def _usual(services: Iterable[Service]) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in services:
        if service.health_url:
            yield "probe_http", {"url": service.health_url}
        if service.here:
            yield from _usual_here(service)
    yield "host_memory", {}


def _usual_here(service: Service) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "host_processes", {"match": service.process}
    if service.log:
        yield "host_log_tail", {"path": str(service.log), "lines": 40}
    if service.port:
        yield "host_ports", {"port": service.port}
    if service.data_dir:
        yield "host_directory", {"path": str(service.data_dir)}


def _texts(runbook: Runbook) -> list[Any]:
    steps = [*runbook.diagnose, *runbook.verify]
    asked = [value for step in steps for value in (*step.args.values(), step.expect)]
    return [*asked, *runbook.remedy.variables.values()]
