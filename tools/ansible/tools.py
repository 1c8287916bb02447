"""Ansible tools: see what a playbook would do, and run it."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from naryad.clock import new_id
from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.i18n import _
from naryad.tooling import Risk, Settled, Toolset, effect_key, progress, tool
from tools.ansible.allowlist import Playbook
from tools.ansible.cancellation import in_thread
from tools.ansible.client import CHECK_LIMIT_S, RUN_LIMIT_S, AnsibleClient, Execution
from tools.ansible.folders import ENDED, NOT_STARTED
from tools.ansible.lint import lint
from tools.ansible.preview import preview
from tools.ansible.results import CheckResult, RunResult, check_result, run_result, shortened
from tools.ansible.shared import Shared

_KEEP_S = 10.0

Title = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]


class AnsibleTools(Toolset):
    """Playbooks against one inventory.

    Args:
        client: Runs them.
    """

    prefix = "ansible"

    def __init__(self, client: AnsibleClient) -> None:
        self._client = client
        self._checks: Shared[CheckResult] = Shared(_KEEP_S)

    @tool(Risk.READ, timeout_s=CHECK_LIMIT_S + 30, budget_chars=12_000)
    async def check(self, playbook: str, variables: dict[str, str] = {}) -> CheckResult:  # noqa: B006  # copied by Pydantic
        """Check a playbook without changing anything: may it run, and what would it change.

        Allowed modules, their arguments as a mapping: service, systemd, file, copy (with content, or with
        remote_src: true), lineinfile, blockinfile, replace, find, stat, package, apt, uri (GET), wait_for,
        assert, fail, debug, set_fact, meta. No command or shell, no roles, includes, lookups or delegation.
        `errors` says what is wrong. `tasks` shows each task's difference. `skipped_in_check` names tasks
        whose effect cannot be known before they run.

        Args:
            playbook: The playbook as YAML.
            variables: Values for the playbook's variables; plain text, no templates.
        """
        tell = progress()
        reviewed, errors = await asyncio.to_thread(self._client.review, playbook, variables)
        if reviewed is None:
            return CheckResult(ok=False, errors=errors)
        (wrong, better), found = await asyncio.gather(
            lint(reviewed, self._client.folders, self._client.library), self._checked(reviewed, tell)
        )
        return shortened(found).model_copy(
            update={
                "ok": found.ok and not wrong,
                "errors": [*wrong, *found.errors],
                "warnings": [*found.warnings, *better],
            }
        )

    async def _preview(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> str:
        text = preview(await self._checked_or_failed(playbook, variables))
        if not rollback:
            return text
        await self._reviewed(rollback, variables)
        return _("{changes}\n\nIf it does not help, this is run to undo it:\n{rollback}").format(
            changes=text, rollback=rollback.strip()
        )

    async def _fingerprint(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> str:
        return (await self._checked_or_failed(playbook, variables)).fingerprint

    async def _fate(
        self, effect: str, playbook: str, title: str, variables: dict[str, str], rollback: str = ""
    ) -> Settled:
        return self._client.folders.run(effect).fate()

    async def _undo(self, playbook: str, title: str, variables: dict[str, str], rollback: str = "") -> RunResult:
        if not rollback:
            raise ToolFailed("This repair has no rollback.")
        return await self._execute(rollback, variables)

    @tool(
        Risk.DESTRUCTIVE,
        confirm="Run the playbook «{title}»?",
        preview=_preview,
        precondition=_fingerprint,
        reconcile=_fate,
        rollback=_undo,
        timeout_s=RUN_LIMIT_S + 30,
        budget_chars=12_000,
    )
    async def run(
        self,
        playbook: str,
        title: Title,
        variables: dict[str, str] = {},  # noqa: B006
        rollback: str = "",
    ) -> RunResult:
        """Run a playbook. Check it with ansible_check first.

        When a task fails, `failed` says where, and `changed` what is different already. After a cut,
        `still_running` lists processes that go on.

        Args:
            playbook: The playbook as YAML, as it was checked.
            title: What it does, in a few words, for the person who decides.
            variables: Values for the playbook's variables; plain text, no templates.
            rollback: A playbook that undoes it, run when it turns out not to help.
        """
        return shortened(await self._execute(playbook, variables))

    async def _execute(self, playbook: str, variables: dict[str, str]) -> RunResult:
        tell, key = progress(), effect_key() or new_id()
        reviewed = await self._reviewed(playbook, variables)
        self._checks.forget()
        try:
            done = await in_thread(lambda cancelled: self._client.run(reviewed, key, cancelled, tell))
        finally:
            self._checks.forget()
        if done.status == NOT_STARTED:
            raise ToolFailed(f"The playbook did not start, nothing was changed: {done.complaint}")
        result = run_result(done)
        if done.status not in ENDED:
            raise OutcomeUnknown(result.message, data=result)
        if not result.ok:
            raise ToolFailed(result.message, data=result)
        return result

    async def _reviewed(self, playbook: str, variables: dict[str, str]) -> Playbook:
        reviewed, errors = await asyncio.to_thread(self._client.review, playbook, variables)
        if reviewed is None:
            raise ToolFailed(f"This playbook may not run: {'; '.join(errors)}")
        return reviewed

    async def _checked_or_failed(self, playbook: str, variables: dict[str, str]) -> CheckResult:
        found = await self._checked(await self._reviewed(playbook, variables), progress())
        if not found.fingerprint:
            raise ToolFailed("; ".join(found.errors))
        return found

    async def _checked(self, playbook: Playbook, tell: Callable[[str], None]) -> CheckResult:
        async def work() -> CheckResult:
            def blocking(cancelled: Callable[[], bool]) -> Execution:
                return self._client.check(playbook, cancelled, tell)

            return check_result(playbook, await in_thread(blocking))

        return await self._checks.get(playbook.digest, work)
