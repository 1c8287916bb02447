"""Who says what the policy means for a call: facts known by code, and the rates that the audit counts."""

from collections.abc import Mapping
from dataclasses import replace

from sqlmodel import Session

from naryad.clock import now
from naryad.db.session import Database
from naryad.gate.audit import Audit
from naryad.gate.policy import Action, Facts, PolicyFile, Ruling
from naryad.gate.provenance import Trail
from naryad.gate.request import Request
from naryad.i18n import _
from naryad.tooling import Risk, Tool


class Judge:
    """Finds the rule for a call."""

    def __init__(self, policy: PolicyFile, audit: Audit, database: Database, tools: Mapping[str, Tool]) -> None:
        self._policy, self._audit, self._database, self._tools = policy, audit, database, tools

    @property
    def version(self) -> str:
        """The policy's version now."""
        return self._policy.version

    async def ruling(self, request: Request) -> Ruling | None:
        """The first rule that fits and has not spent its rate; None, which is a no, where there is none."""
        caller, tool, moment = request.caller, request.tool, now()
        sources: Mapping[str, str] = {}
        asked = True
        if tool.card.risk is not Risk.READ:
            sources, asked = await self._database.look(lambda session: _origins(session, request, self._tools))
        facts = Facts(
            agent=caller.agent,
            principal=caller.principal,
            tool=tool.name,
            risk=tool.card.risk,
            args=request.plain,
            untrusted=bool(sources),
            asked=asked,
        )
        for ruling in self._policy.fitting(facts, moment):
            rate = ruling.rule.rate
            if rate is None or await self._audit.used(ruling.rule.name, moment - rate.per) < rate.count:
                return replace(ruling, sources=sources)
        return None


def _origins(session: Session, request: Request, tools: Mapping[str, Tool]) -> tuple[Mapping[str, str], bool]:
    """Where the arguments come from, and whether the person asked: in the database's thread, for texts may be long."""
    trail = Trail.of(session, request, tools)
    return trail.sources(request), trail.asked(request.tool)


def denial(ruling: Ruling | None) -> str:
    """Why not, for the model; empty when the call is not denied."""
    if ruling is None:
        return _("The policy denies this: no rule allows it.")
    if ruling.rule.action is not Action.DENY:
        return ""
    return _("The policy denies this: by rule {rule!r}.").format(rule=ruling.rule.name)
