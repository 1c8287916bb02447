"""Who says what the policy means for a call: facts known by code, and the rates that the audit counts."""

from naryad.clock import now
from naryad.gate.audit import Audit
from naryad.gate.policy import Action, Facts, PolicyFile, Ruling
from naryad.gate.request import Request


class Judge:
    """Finds the rule for a call."""

    def __init__(self, policy: PolicyFile, audit: Audit) -> None:
        self._policy, self._audit = policy, audit

    @property
    def version(self) -> str:
        """The policy's version now."""
        return self._policy.version

    async def ruling(self, request: Request) -> Ruling | None:
        """The first rule that fits and has not spent its rate; None, which is a no, where there is none."""
        caller, tool, moment = request.caller, request.tool, now()
        facts = Facts(
            agent=caller.agent, principal=caller.principal, tool=tool.name, risk=tool.card.risk, args=request.plain
        )
        for ruling in self._policy.fitting(facts, moment):
            rate = ruling.rule.rate
            if rate is None or await self._audit.used(ruling.rule.name, moment - rate.per) < rate.count:
                return ruling
        return None


def denial(ruling: Ruling | None) -> str:
    """Why not, for the model; empty when the call is not denied."""
    if ruling is None:
        return "The policy denies this: no rule allows it."
    return f"The policy denies this: by rule {ruling.rule.name!r}." if ruling.rule.action is Action.DENY else ""
