"""The end of an incident: what is told, and what is written down."""

from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig

from graphs.ops.asked import Asked, labels, title
from graphs.ops.intake import subject
from graphs.ops.signs import signs
from graphs.ops.state import Claim, Evidence, Exchange, Moment, OpsDeps, OpsState, caller, moment, one_line
from graphs.texts import both
from naryad import canonical
from naryad.clock import now
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.events import EventType
from naryad.gate.answer import Caller
from naryad.i18n import LANGUAGES, N_, _, language, speaking

REMEMBERED = 5
"""How many exchanges of a thread the next one is told of."""
TOLD_CHARS = 1_000


class Report:
    """Opens and closes the incident, and tells the person."""

    def __init__(self, deps: OpsDeps) -> None:
        self._deps = deps

    async def open(self, who: Caller, input_id: str, asked: Asked, service: str = "") -> Incident:
        """The thread's incident, from its alert or from a person's request."""
        known = labels(asked)
        return await self._deps.incidents.open(
            who.thread_id,
            input_id,
            fingerprint=asked["alert"]["fingerprint"] if asked["alert"] else canonical.digest(title(asked))[:16],
            title=title(asked),
            service=known.get("service") or service,
            severity=known.get("severity", "warning"),
        )

    async def write(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Write the end down, in the database first, and tell it."""
        who = caller(config)
        outcome = state.get("outcome") or self._without_repair(state)
        update: dict[str, Any] = {"outcome": outcome}
        if state["asked"]["alert"] or outcome in ("resolved", "escalated"):
            incident = await self.open(who, state["input_id"], state["asked"], state.get("service", ""))
            update["incident_id"] = incident.id
            over = N_("The incident is over.") if outcome == "resolved" else N_("Handed over to a person.")
            closing = moment(outcome, both(over))
            why = [moment("gave_up", reason)] if (reason := state.get("reason")) else []
            update["timeline"] = [*why, closing]
            claims, timeline = state.get("claims", []), [*state["timeline"], *why, closing]
            await self._deps.incidents.close(
                who.thread_id,
                state["input_id"],
                IncidentStatus.RESOLVED if outcome == "resolved" else IncidentStatus.ESCALATED,
                cause="; ".join(claim["text"][language()] for claim in claims),
                evidence=[{key: item[key] for key in ("id", "tool", "args", "text")} for item in state["evidence"]],
                timeline=timeline,
                postmortem={lang: _postmortem(lang, incident, state, outcome, timeline) for lang in LANGUAGES},
            )
        told = self._told(state, outcome)
        await self._deps.events.append(who.thread_id, EventType.MESSAGE, text=told, outcome=outcome)
        exchange = Exchange(asked=title(state["asked"]), told=told[:TOLD_CHARS])
        return {**update, "earlier": [*state.get("earlier", []), exchange][-REMEMBERED:]}

    def _without_repair(self, state: OpsState) -> str:
        """What an incident that nobody repaired is: healthy only where a person asked and every probe was well."""
        asked = state["asked"]
        probes = [item for item in state["evidence"] if item["tool"] == "probe_http"]
        well = {item["args"].get("url") for item in probes if item["data"] and item["data"]["ok"]}
        concerned = subject(asked, self._deps.catalogue)
        all_well = concerned and {service.health_url for service in concerned} <= well and len(well) == len(probes)
        return "healthy" if asked["alert"] is None and all_well and not state.get("claims") else "escalated"

    def _told(self, state: OpsState, outcome: str) -> str:
        if outcome == "answered" and isinstance(last := state["messages"][-1], AIMessage):
            return str(last.text)
        if outcome == "healthy":
            return _("Every service that was asked about answers well.")
        causes = "; ".join(claim["text"][language()] for claim in state.get("claims", []))
        if outcome == "resolved":
            return _("Resolved. {cause}").format(cause=causes)
        reason = (state.get("reason") or {}).get(language(), "")
        told = _("This needs a person. {reason} {cause}").format(reason=reason, cause=causes).strip()
        return "\n".join([told, *(f"  • {sign}" for sign in signs(state["evidence"]))])


def _postmortem(lang: str, incident: Incident, state: OpsState, outcome: str, timeline: list[Moment]) -> str:
    """A draft in Markdown, of facts only: what was seen, what was done, when."""
    with speaking(lang):
        claims: list[Claim] = state.get("claims", [])
        plan = state.get("plan")
        cause = [f"- {c['text'][lang]} [{', '.join(c['evidence'])}]" for c in claims] or [_("Not found.")]
        minutes = (now() - incident.started_at).total_seconds() / 60
        parts = [
            f"# {incident.title}",
            _("Service: {service}. Severity: {severity}. Outcome: {outcome}. Duration: {minutes} min.").format(
                service=incident.service or "—",
                severity=_(incident.severity),
                outcome=_(outcome),
                minutes=f"{minutes:.1f}",
            ),
            f"## {_('Cause')}",
            *cause,
            *(["", _("What stands out:"), *[f"- {sign}" for sign in signs(state["evidence"])]] if not claims else []),
            f"## {_('Timeline')}",
            *[f"- {_clock(m['at'])} {m['text'][lang]}" for m in timeline],
            f"## {_('Repair')}",
            f"{plan['title'][lang]}\n\n```yaml\n{plan['playbook'].strip()}\n```" if plan else _("None."),
            f"## {_('Evidence')}",
            *[_line(item) for item in state["evidence"]],
            f"## {_('To be added by people')}",
            _("- What made this possible?\n- What will keep it from happening again?"),
        ]
    return "\n".join(parts) + "\n"


def _line(item: Evidence) -> str:
    return f"- [{item['id']}] `{item['tool']}` {canonical.encode(item['args'])}: {one_line(item['text'], 300)}"


def _clock(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%H:%M:%S UTC")
