"""What can be done for a person without a model: a form is a call whose every argument is known by code."""

from graphs.ops.intake import named
from graphs.ops.state import OpsDeps
from graphs.support.signs import Sign, Words
from graphs.support.state import Proposal
from knowledge_base.runbooks import Places
from naryad.i18n import _

RESTART = "hung"
"""The runbook whose remedy restarts a service."""


def form(text: str, deps: OpsDeps) -> Proposal | None:
    """The call that a wish is, as far as a form knows it: a restart of one service that it names."""
    services = named(text, deps.catalogue)
    runbook = next((one for one in deps.runbooks if one.id == RESTART), None)
    if not (runbook and len(services) == 1 and "ansible_run" in deps.gate.tools and Words(text).has(Sign.RESTART)):
        return None
    places = Places(services[0], services[0])
    args = {
        "playbook": runbook.remedy.playbook,
        "title": _("Restart {service}").format(service=services[0].name),
        "variables": {name: places.fill(value) for name, value in runbook.remedy.variables.items()},
        "rollback": runbook.remedy.rollback,
    }
    return Proposal(tool="ansible_run", args=args, provenance={})
