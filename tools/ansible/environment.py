"""What one start of ansible-playbook gets: files in its private folder, and settings that are all ours."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.ansible.allowlist import Playbook

MARK = "NARYAD_ANSIBLE_RUN"
"""Variable that every process of a run on this machine inherits: by it they are found after a cut."""

_KEPT = ("HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "TMPDIR", "TZ", "USER")
"""All that a run gets of our environment, which holds API keys: modules on localhost can read theirs."""
_RUNNER = ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_POLL_S = 0.5


def write_inputs(folder: Path, playbook: Playbook) -> None:
    """Lay out a fresh private folder: the playbook, its variables, the runner's settings."""
    project, settings = folder / "project", folder / "env"
    for made in (project / "host_vars", settings, folder / "tmp"):
        made.mkdir(parents=True, mode=0o700)
    (project / "playbook.yml").write_text(playbook.text, encoding="utf-8")
    # Modules on this machine: by our own Python, and unpacked here rather than in a home that may not exist.
    local = {"ansible_python_interpreter": sys.executable, "ansible_remote_tmp": str(folder / "modules")}
    for name in _LOCAL_NAMES:
        (project / "host_vars" / f"{name}.yml").write_text(json.dumps(local), encoding="utf-8")
    # ansible-runner drops its `settings` argument unless this file exists.
    (settings / "settings").write_text(json.dumps({"pexpect_timeout": _POLL_S, "suppress_output_file": True}))
    if playbook.variables:
        # In a file, since a command line is seen by everybody on the machine.
        variables_file = settings / "extravars"
        variables_file.touch(mode=0o600)
        variables_file.write_text(json.dumps(dict(playbook.variables)), encoding="utf-8")


def variables(folder: Path, home: Path, library: Sequence[str]) -> dict[str, str]:
    """Ansible's settings; no file of the user or of the working folder is read."""
    config = home / "ansible.cfg"
    config.touch(mode=0o600)
    return {
        MARK: folder.name,
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(home / "state"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_LIBRARY": ":".join(library),
        "ANSIBLE_ALLOW_EMBEDDED_TEMPLATES": "False",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_FORCE_COLOR": "False",
        "ANSIBLE_GATHERING": "explicit",
        # An unknown host key is an error: unchecked, anybody between could be the host, and a question would hang.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_COMMON_ARGS": "-o StrictHostKeyChecking=yes",
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "LC_ALL": "C.UTF-8",
        "MAX_EVENT_RES": "4000000",
    }


def reduced(environment: Mapping[str, str]) -> dict[str, str]:
    """What ansible-runner itself set, and what a program needs of ours.

    It starts from a copy of our whole environment, and writes that to disk beside the run.
    """
    return {name: environment[name] for name in (*_RUNNER, *_KEPT) if name in environment}
