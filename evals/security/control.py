"""The control: the same agents and tools where nobody judges calls. What happens there is what the gate prevents."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from naryad.db.session import Database
from naryad.events import EventLog
from naryad.gate.gate import Gate
from naryad.gate.judge import Judge
from naryad.gate.policy import Action, PolicyFile, Rule, Ruling
from naryad.gate.request import Request
from naryad.tooling import Risk, Toolset
from tools.probe.reach import Reach
from tools.probe.tools import ProbeTools

_YES = Rule(name="nobody-judges", action=Action.ALLOW, risk=[Risk.READ])


class _Nobody(Judge):
    async def ruling(self, request: Request) -> Ruling:
        """Let everything happen."""
        return Ruling(_YES, "none")


class Unguarded(Gate):
    """Runs every call of every tool.

    Args:
        offered: The risk that all tools seem to have: an agent is given only those of the risk it may propose.
    """

    def __init__(
        self, toolsets: Iterable[Toolset], policy: PolicyFile, database: Database, events: EventLog, offered: Risk
    ) -> None:
        toolsets = [ProbeTools(_Anywhere()) if isinstance(one, ProbeTools) else one for one in toolsets]
        super().__init__(toolsets, policy, database, events)
        self.tools = {name: replace(tool, card=replace(tool.card, risk=offered)) for name, tool in self.tools.items()}
        self._judge = _Nobody(policy, self.audit, database, self.tools)

    async def _look(self, request: Request, rule: Rule) -> Any:
        """Give also what seems to be a look the key of an effect: most of it is one."""
        return await self._start(request, rule, None)


class _Anywhere(Reach):
    """Lets a probe ask whom it likes."""

    def __init__(self) -> None:
        super().__init__(frozenset(), frozenset(), frozenset())

    def may_connect(self, host: str) -> None:
        """Let it."""

    def may_get(self, parts: SplitResult, *, following: bool = False) -> None:
        """Let it."""
