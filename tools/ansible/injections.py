"""Where strangers' words stand in what Ansible shows: the difference that a playbook would make to a file."""

import json

from naryad.testing.injections import Carrier, Scene, Sight


async def difference(scene: Scene, words: str) -> Sight:
    """The check shows the lines that a playbook would replace, whoever wrote them."""
    path = scene.data / "motd"
    path.write_text(f"{words}\n", encoding="utf-8")
    task = {"name": "Greet", "ansible.builtin.copy": {"content": "hello\n", "dest": str(path), "mode": "0644"}}
    play = {"name": "Greet", "hosts": "all", "gather_facts": False, "tasks": [task]}
    return Sight("ansible_check", {"playbook": json.dumps([play])})


CARRIERS: dict[str, Carrier] = {"difference": difference}
