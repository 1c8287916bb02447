"""What ansible-lint thinks of a playbook, where it is installed."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from naryad import masking
from tools.ansible import environment
from tools.ansible.allowlist import Playbook
from tools.ansible.folders import Folders

_LIMIT_S = 60.0
_FINDINGS = 20
_FATAL = frozenset({"parser-error", "load-failure", "internal-error"})
_OURS = "syntax-check"
"""Linting knows no variables, so `hosts: "{{ target }}"` looks wrong to it; Ansible's own check, with them, decides."""


async def lint(playbook: Playbook, folders: Folders, library: Sequence[str]) -> tuple[list[str], list[str]]:
    """Run ansible-lint on a playbook that already passed the allow-list.

    Returns:
        What makes the playbook impossible, and what could be better; both empty without ansible-lint.
    """
    executable = Path(sys.executable).absolute().with_name("ansible-lint")
    if not executable.exists():
        return [], []
    with folders.check() as folder:
        environment.write_inputs(folder, playbook)
        variables = environment.reduced(os.environ) | environment.variables(folder, folders.home, library)
        # It starts ansible-playbook by its name.
        variables["PATH"] = f"{executable.parent}:{variables.get('PATH', '')}"
        process = await asyncio.create_subprocess_exec(
            str(executable), "--offline", "--nocolor", "-q", "-f", "codeclimate", "--profile", "safety",
            "-x", "name,yaml,jinja[spacing]", "playbook.yml",
            cwd=folder / "project", env=variables, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_LIMIT_S):
                output, _ = await process.communicate()
        except TimeoutError:
            return [], ["ansible-lint took too long"]
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return _sorted_findings(output)


def _sorted_findings(output: bytes) -> tuple[list[str], list[str]]:
    try:
        findings = json.loads(output or b"[]")
    except ValueError:
        return [], ["ansible-lint gave no readable answer"]
    errors: list[str] = []
    warnings: list[str] = []
    for finding in findings[:_FINDINGS]:
        rule, text = str(finding.get("check_name", "")), str(finding.get("description", ""))
        place = str((finding.get("content") or {}).get("body", "")).removeprefix("Task/Handler: ")
        if rule.startswith(_OURS):
            continue
        line = f"{rule}: {place}{': ' if place else ''}{masking.secrets(' '.join(text.split())[:300])}"
        (errors if rule.partition("[")[0] in _FATAL else warnings).append(line)
    return errors, warnings
