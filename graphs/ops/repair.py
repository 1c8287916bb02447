"""From a stated cause to a proven repair: plan, preview, approve, execute, verify, roll back."""

import asyncio
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from graphs.ops.intake import around
from graphs.ops.state import Check, Claim, OpsDeps, OpsState, Plan, caller, moment
from graphs.ops.think import cited
from graphs.texts import both
from knowledge_base.runbooks import Step
from naryad.events import EventType
from naryad.gate.answer import Answer, Call
from naryad.i18n import N_, language

MAX_REPAIRS = 2
"""How often a model may mend a conclusion or a playbook that was refused."""
POLL_S = 1.0
VERIFY_TIMEOUT_S = 30.0
"""How long a repair that no runbook describes may take to show its effect."""
IN_A_ROW = 2
"""How often everything must be well, one look after another: a service that is about to fall again may answer once."""
WHY_CHARS = 2_000
UNENDED = ("timeout", "canceled")
"""How a playbook ends of which parts may still go on."""


class Repair:
    """The nodes from plan to rollback."""

    def __init__(self, deps: OpsDeps) -> None:
        self._deps = deps

    async def plan(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Turn the model's conclusion into claims and a plan; a runbook's are there already."""
        if state.get("plan"):
            return {}
        conclusion = state.get("conclusion")
        if conclusion is None and state["asked"]["alert"] is None:
            return {"outcome": "answered"}
        if conclusion is None:
            return self._mend(
                state,
                "Nothing was concluded. Call incident_conclude with the cause and its evidence.",
                both(N_("The model ended without a conclusion.")),
            )
        kept = cited(conclusion["claims"], state["evidence"])
        if not kept:
            return self._mend(
                state,
                "No claim cites an observation that was made; use ids such as e3.",
                both(N_("The model named a cause without evidence; it was dropped.")),
            )
        claims = [Claim(text={"ru": text, "en": text}, evidence=ids) for text, ids in kept]
        cause = both(N_("Cause: {cause}"), cause="; ".join(text for text, _ids in kept))
        await self._deps.events.append(caller(config).thread_id, EventType.STATUS, text=cause[language()])
        found = [moment("diagnosed", cause)]
        if not conclusion["playbook"].strip():
            no_repair = both(N_("The cause is known, but no safe repair."))
            return {"claims": claims, "reason": no_repair, "timeline": found}
        title = {"ru": conclusion["title"], "en": conclusion["title"]}
        plan = Plan(
            source="model",
            title=title,
            name=conclusion["title"],
            playbook=conclusion["playbook"],
            variables={},
            rollback=conclusion.get("rollback", ""),
            verify=self._healthy_again(state),
            timeout_s=VERIFY_TIMEOUT_S,
        )
        return {"claims": claims, "plan": plan, "timeline": found}

    async def preview(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Check the playbook without running it: modules, syntax, lint, and what would change."""
        plan = _plan(state)
        checked = {"playbook": plan["playbook"], "variables": plan["variables"]}
        answer = await self._deps.gate.call(Call(_id(state, "preview"), "ansible_check", checked), caller(config))
        errors = answer.data["errors"] if answer.ok and answer.data else [answer.text]
        if not errors:
            text = both(N_("Plan: {title}"), title=plan["title"])
            return {"timeline": [moment("planned", text)]}
        why = "; ".join(errors)[:WHY_CHARS]
        refused = both(N_("The playbook was refused: {why}"), why=why)
        if plan["source"] == "model":
            return {"plan": None, **self._mend(state, f"The playbook was refused: {why}", refused)}
        return {"reason": refused}

    async def approve(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Wait for people's yes, and see whether the repair is still needed when it comes."""
        who = caller(config)
        no = await self._deps.gate.authorize(self._run(state), who)
        if no and not no.effect_id:
            return {"reason": both(N_("The repair was not approved: {why}"), why=no.text)}
        approved = moment("approved", both(N_("The repair was approved.")))
        if no is None and await self._is_well(state, config):
            over = both(N_("It works again by itself; the approved repair was not run."))
            await self._deps.events.append(who.thread_id, EventType.STATUS, text=over[language()])
            return {"outcome": "resolved", "timeline": [approved, moment("verified", over)]}
        return {"timeline": [approved]}

    async def execute(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Run the playbook, once."""
        answer = await self._deps.gate.call(self._run(state), caller(config))
        # A result too long to be handed over says nothing: whether it helped is seen by the proof.
        if answer.ok and (answer.data is None or answer.data["ok"]):
            return {"timeline": [moment("repaired", both(N_("The playbook ran.")))]}
        text = both(N_("The playbook did not succeed: {why}"), why=_failure(answer))
        # What never began has nothing to undo, and beside what may still go on nothing else may run.
        return {"reason": text, "undo": bool(answer.data) and answer.data.get("status") not in UNENDED}

    async def verify(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Look again and again until everything is and stays as it should be, or time is up."""
        plan, loop = _plan(state), asyncio.get_running_loop()
        if not plan["verify"]:
            return {
                "reason": both(
                    N_("The playbook ran, but nothing that was seen to fail before can prove that it helped.")
                )
            }
        deadline, turn, held = loop.time() + plan["timeout_s"], 0, 0
        while True:
            failing = await self._failing(state, config, turn)
            held = 0 if failing else held + 1
            if held == IN_A_ROW:
                return {"outcome": "resolved", "timeline": [moment("verified", both(N_("Everything works again.")))]}
            if failing and loop.time() >= deadline:
                text = both(N_("The repair did not help: {what}"), what="; ".join(failing))
                return {"reason": text, "undo": True}
            turn += 1
            await asyncio.sleep(POLL_S)

    async def rollback(self, state: OpsState, config: RunnableConfig) -> dict[str, Any]:
        """Undo a repair that did not help; the same approval covered it."""
        answer = await self._deps.gate.rollback(self._run(state), caller(config))
        done = N_("The repair was rolled back.") if answer.ok else N_("The rollback did not succeed: {why}")
        return {"timeline": [moment("rolled_back", both(done, why=_failure(answer)))]}

    async def _is_well(self, state: OpsState, config: RunnableConfig) -> bool:
        """Whether what would prove the repair holds without it."""
        if not _plan(state)["verify"]:
            return False
        for turn in range(IN_A_ROW):
            if await self._failing(state, config, -turn - 1):
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def _failing(self, state: OpsState, config: RunnableConfig, turn: int) -> list[str]:
        failing = []
        for number, check in enumerate(_plan(state)["verify"]):
            call = Call(_id(state, f"verify-{turn}-{number}"), check["tool"], check["args"])
            answer = await self._deps.gate.call(call, caller(config))
            step = Step(id="verify", tool=check["tool"], args=check["args"], expect=check["expect"])
            if not (answer.ok and step.holds(answer.data)):
                failing.append(f"{check['tool']}: {answer.text[:200]}")
        return failing

    def _run(self, state: OpsState) -> Call:
        plan = _plan(state)
        args = {
            "playbook": plan["playbook"],
            "title": plan["name"],
            "variables": plan["variables"],
            "rollback": plan["rollback"],
        }
        return Call(_id(state, "run"), "ansible_run", args, {name: plan["source"] for name in args if args[name]})

    def _healthy_again(self, state: OpsState) -> list[Check]:
        """What proves a repair that no runbook describes: every service concerned answers well, and one did not.

        Probes that were well all the time prove nothing.
        """
        concerned = around(state["asked"], self._deps.catalogue)
        urls = dict.fromkeys(service.health_url for service in concerned if service.health_url)
        probes = [item for item in state["evidence"] if item["tool"] == "probe_http" and item["data"]]
        failed = {item["args"].get("url") for item in probes if item["data"]["ok"] is False}
        if not failed & set(urls):
            return []
        return [Check(tool="probe_http", args={"url": url}, expect="ok == `true`") for url in urls]

    def _mend(self, state: OpsState, complaint: str, reason: dict[str, str]) -> dict[str, Any]:
        """Give the model another try, or give up for the stated reason."""
        tried = state.get("repairs", 0)
        if tried >= MAX_REPAIRS or not state["messages"]:
            return {"reason": reason}
        return {"messages": [HumanMessage(complaint)], "repairs": tried + 1, "conclusion": None}


def _plan(state: OpsState) -> Plan:
    plan = state.get("plan")
    assert plan is not None
    return plan


def _id(state: OpsState, step: str) -> str:
    """A call's id: the same when its node runs again, another after a mended plan."""
    return f"{state['input_id']}-{step}-{state.get('repairs', 0)}"


def _failure(answer: Answer) -> str:
    """What failed, where, and what had been changed by then."""
    if not (answer.data and isinstance(answer.data, dict) and answer.data.get("failed")):
        return answer.text[:500]
    failed, changed = answer.data["failed"], answer.data.get("changed", [])
    done = "; ".join(f"{item['host']}: {item['task']}" for item in changed) or "—"
    return f"{failed['host']}: {failed['task']}: {failed['message']} (changed before: {done})"
