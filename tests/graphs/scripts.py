"""Scripts for a model that does as it is told by whoever wrote them."""

from typing import Any

import yaml

PLAYBOOK = "- {hosts: localhost, tasks: []}"
UNDO = "- {hosts: all}"
SEEN = [{"text": "It is broken", "evidence": ["e1"]}]


def conclude(**changed: Any) -> dict[str, Any]:
    """One call that states a cause and a playbook."""
    args = {"claims": SEEN, "title": "Fix it", "playbook": PLAYBOOK, "rollback": "", **changed}
    return {"tool": "incident_conclude", "args": args}


def turns(*said: dict[str, Any] | list[dict[str, Any]] | str) -> str:
    """A script: each turn a text, a call, or several calls."""
    spelled = [
        {"text": turn} if isinstance(turn, str) else {"calls": turn} if isinstance(turn, list) else turn
        for turn in said
    ]
    return yaml.safe_dump([{"when": "Observations", "turns": spelled}])
