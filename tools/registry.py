"""The only list of tools: which toolsets this install has, and whether their systems answer."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_base.services import Catalogue
from naryad.errors import ConfigError, ToolFailed
from naryad.i18n import N_
from naryad.settings import Settings
from naryad.ticket_sync.tracker import Tracker
from naryad.tooling import Toolset
from tools import trackers
from tools.ansible.client import AnsibleClient
from tools.ansible.modules import DEFAULT_MODULES
from tools.ansible.tools import AnsibleTools
from tools.host.tools import HostTools
from tools.probe.reach import Reach
from tools.probe.tools import ProbeTools
from tools.prometheus.client import PrometheusClient
from tools.prometheus.tools import PrometheusTools

_LOGS = Path("/var/log")
_TRACKERS = {
    "jira": (
        N_("Set JIRA_URL, JIRA_TOKEN and JIRA_PROJECT to copy tickets to Jira."),
        N_("Start Jira, or correct JIRA_URL, JIRA_USER and JIRA_TOKEN."),
    ),
    "servicenow": (
        N_("Set SERVICENOW_URL and SERVICENOW_PASSWORD to copy tickets to ServiceNow."),
        N_("Start ServiceNow, or correct SERVICENOW_URL, SERVICENOW_USER and SERVICENOW_PASSWORD."),
    ),
}


@dataclass(frozen=True, slots=True)
class Check:
    """Whether an integration works.

    Attributes:
        name: Its toolset's prefix.
        configured: Its settings are there.
        reachable: Its system answers; None when it is not configured.
        hint: What to do, to be translated where it is shown; empty when nothing is.
    """

    name: str
    configured: bool
    reachable: bool | None
    hint: str = ""


def build(settings: Settings, catalogue: Catalogue, *, home: Path) -> Sequence[Toolset]:
    """Make the toolsets whose systems are configured.

    Args:
        settings: Name the systems.
        catalogue: Names the logs, configurations and data that may be looked at.
        home: Where toolsets keep what they need over a restart.
    """
    toolsets: list[Toolset] = [HostTools([_LOGS, *_places(catalogue)]), ProbeTools(Reach.of(catalogue))]
    if settings.prometheus_url:
        toolsets.append(PrometheusTools(settings.prometheus_url.get_secret_value()))
    if settings.ansible_inventory:
        toolsets.append(AnsibleTools(_ansible(settings, settings.ansible_inventory, home)))
    return toolsets


async def checks(settings: Settings) -> list[Check]:
    """Ask every integration whether it works; none of them changes anything."""
    try:
        named = {tracker.name: tracker for tracker in trackers.configured(settings)}
    except ConfigError:  # trackers.yaml has a check of its own
        named = {}
    copied = [_check_tracker(name, named.get(name), *hints) for name, hints in _TRACKERS.items()]
    return list(await asyncio.gather(_check_prometheus(settings), _check_ansible(settings), *copied))


async def _check_prometheus(settings: Settings) -> Check:
    if not settings.prometheus_url:
        return Check("prometheus", False, None, N_("Set PROMETHEUS_URL to the address of Prometheus."))
    try:
        await asyncio.to_thread(PrometheusClient(settings.prometheus_url.get_secret_value()).query, "vector(1)")
    except ToolFailed:
        return Check("prometheus", True, False, N_("Start Prometheus, or correct PROMETHEUS_URL."))
    return Check("prometheus", True, True)


async def _check_ansible(settings: Settings) -> Check:
    if settings.ansible_inventory is None:
        return Check("ansible", False, None, N_("Set ANSIBLE_INVENTORY to an inventory file."))
    client = _ansible(settings, settings.ansible_inventory, settings.home)
    try:
        await asyncio.to_thread(client.check_inventory)
    except ToolFailed:
        return Check("ansible", True, False, N_("Correct ANSIBLE_INVENTORY: ansible-inventory cannot read it."))
    return Check("ansible", True, True)


async def _check_tracker(name: str, tracker: Tracker | None, absent: str, broken: str) -> Check:
    if tracker is None:
        return Check(name, False, None, absent)
    try:
        await tracker.check()
    except ToolFailed:
        return Check(name, True, False, broken)
    finally:
        await tracker.close()
    return Check(name, True, True)


def _ansible(settings: Settings, inventory: Path, home: Path) -> AnsibleClient:
    library = [settings.ansible_library] if settings.ansible_library else []
    # Whoever puts a module into the library means it to be used.
    own = {path.stem for folder in library for path in folder.glob("*.py")}
    return AnsibleClient(inventory, home=home / "ansible", library=library, allowed_modules=DEFAULT_MODULES | own)


def _places(catalogue: Catalogue) -> Iterator[Path]:
    """Data as whole folders; a log or a configuration with its folder, unless that is one of the system's own."""
    for service in catalogue.services:
        yield from filter(None, (service.data_dir, service.temp_dir))
        for file in filter(None, (service.log, service.config, service.config_good)):
            # `/etc/app.conf` must not open all of /etc, nor `/home/anna/app.log` all that is hers.
            alone = len(file.parent.parts) < 3 or file.parent.parent == Path("/home") or file.parent == Path.home()
            yield file if alone else file.parent
