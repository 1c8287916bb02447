"""What a runbook wants done, as the tools take it."""

from pathlib import Path

from graphs.ops.intake import Candidate
from graphs.ops.runbook import plan
from knowledge_base import runbooks
from knowledge_base.runbooks import SHIPPED, Places
from knowledge_base.services import Service
from naryad.i18n import speaking
from tools.ansible.client import AnsibleClient
from tools.ansible.tools import AnsibleTools


def test_a_long_path_does_not_keep_a_playbook_from_running(tmp_path: Path) -> None:
    """The title that it stands in is cut to what the tool takes; what is done is not."""
    deep = Path("/srv") / "very-long-name-of-a-folder" / "another-long-name-of-a-folder" / ("x" * 90)
    store = Service(name="store", unit="store", process="store", data_dir=deep.parent, temp_dir=deep)
    (full,) = [book for book in runbooks.load([SHIPPED]) if book.id == "disk-full"]
    with speaking("ru"):
        made = plan(Candidate(full, Places(store, store)))
    tools = {tool.name: tool for tool in AnsibleTools(AnsibleClient(tmp_path, home=tmp_path)).tools()}
    args = {"playbook": made["playbook"], "title": made["name"], "variables": made["variables"], "rollback": ""}
    tools["ansible_run"].arguments.model_validate(args)
    assert (len(made["name"]), made["name"][-1]) == (120, "…")
    assert made["variables"]["temp_dir"] == str(deep)
