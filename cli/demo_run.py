"""One fault after another: inject it, let the monitor notice, run the Ops agent, and check by the shop itself."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.registry import Crew, open_crew
from cli import session, show, terminal
from cli.follow import ask, follow
from lab import faults
from lab.monitor import Monitor
from lab.shop import Shop
from naryad.clock import new_id
from naryad.errors import NotFound
from naryad.i18n import _
from naryad.printable import printable
from naryad.settings import Settings

if TYPE_CHECKING:
    from naryad.db.models.gate import Approval
    from naryad.events import Event

ALERT_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Played:
    """How one fault went; seconds count from its injection."""

    fault: str
    detected_after_s: float
    approvals: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    resolved: bool
    recovered_after_s: float | None
    outcome: str
    cause: str
    evidence: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


async def play(fault: str, *, every: bool, yes: bool, json: bool) -> int:
    """Play one fault or all; returns the exit code."""
    if not every and fault not in faults.NAMES:
        known = ", ".join(faults.NAMES)
        raise NotFound(_("There is no fault {name!r}; there are: {known}.").format(name=fault, known=known))
    base, code = session.settings(), 0
    try:
        for name in faults.NAMES if every else (fault,):
            played = await _one(name, base, yes=yes, json=json)
            if played is None:
                return 3
            if json:
                show.as_json(asdict(played))
            else:
                _tell(played, base.zone)
            if played.outcome not in ("resolved", "escalated"):
                code = 1
    except asyncio.CancelledError:
        raise session.Interrupted(_("Interrupted. The shop is closed, and nothing of it runs any more.")) from None
    if not json:
        text = _("All of it is on record: NARYAD_HOME={home} naryad incidents list")
        show.console().print(text.format(home=base.home / "demo"), style="dim")
    return code


async def _one(name: str, base: Settings, *, yes: bool, json: bool) -> Played | None:
    """Play one fault in a fresh shop; None when its question stayed open."""

    def say(text: str) -> None:
        if not json:
            show.console().print(text, style="bold cyan")

    with tempfile.TemporaryDirectory(prefix="naryad-lab-") as folder:
        shop = Shop(Path(folder))
        say(_("▶ {fault}: opening the shop …").format(fault=name))
        async with shop, _crew_of(shop, base) as crew:
            monitor, stream = Monitor(shop), show.Stream()
            say(_("▶ {fault}: {what}").format(fault=name, what=_(faults.FAULTS[name].what)))
            started = time.monotonic()
            await faults.inject(name, shop)
            alert = await monitor.next_alert(ALERT_TIMEOUT_S)
            detected = time.monotonic() - started
            thread_id = new_id()

            async def decide(asked: "Approval") -> tuple[bool, str] | None:
                if yes:
                    return True, "--yes"
                return await ask(crew, asked) if terminal.attended() and not json else None

            def on_event(event: "Event") -> None:
                if not json:
                    stream.event(event)

            work = crew.runs.submit(thread_id, "ops", "monitor:lab", {"alert": alert})
            state = await follow(crew, thread_id, work, answer=decide, on_event=on_event)
            if state.waiting_for:
                if json:
                    show.as_json({"fault": name, "waiting_for": list(state.waiting_for)})
                else:
                    show.console().print(
                        _("Nobody decided, so nothing was done. Answer at a terminal, or use --yes."), style="yellow"
                    )
                return None
            resolved = state.values["outcome"] == "resolved" and await monitor.healthy()
            recovered = time.monotonic() - started if resolved else None
            return await _played(crew, name, thread_id, state.values["outcome"], detected, recovered)


@asynccontextmanager
async def _crew_of(shop: Shop, base: Settings) -> AsyncIterator[Crew]:
    """A crew that knows this shop; its records lie apart from the real ones, in NARYAD_HOME/demo."""
    place = {"home": base.home / "demo", "services": shop.services, "database_url": None, "prometheus_url": None}
    lab = {"ansible_inventory": shop.inventory, "ansible_library": shop.library}
    async with open_crew(base.model_copy(update={**place, **lab})) as crew:
        yield crew


async def _played(
    crew: Crew, name: str, thread_id: str, outcome: str, detected: float, recovered: float | None
) -> Played:
    incident = await crew.incidents.of_thread(thread_id)
    asked = await crew.gate.approvals.listed(None, thread_id=thread_id)
    effects = await crew.gate.effects(thread_id)
    return Played(
        fault=name,
        detected_after_s=round(detected, 2),
        approvals=[{"id": a.id, "question": a.question, "status": a.status} for a in reversed(asked)],
        effects=[{"id": e.id, "tool": e.tool, "status": e.status, "approval": e.approval_id} for e in effects],
        resolved=recovered is not None,
        recovered_after_s=None if recovered is None else round(recovered, 2),
        outcome=outcome,
        cause=incident.cause,
        evidence=incident.evidence,
        timeline=incident.timeline,
    )


def _tell(played: Played, zone: tzinfo) -> None:
    from naryad.i18n import language

    out = show.console()
    out.print(_("Timeline"), style="bold")
    for line in played.timeline:
        at = datetime.fromisoformat(line["at"]).astimezone(zone)
        out.print(f"  {at:%H:%M:%S}  {printable(line['text'][language()])}", markup=False)
    if played.resolved:
        text = _("✔ {fault}: noticed after {noticed} s, works again after {works} s").format(
            fault=played.fault, noticed=played.detected_after_s, works=played.recovered_after_s
        )
        out.print(text, style="bold green")
        return
    out.print(_("✋ {fault}: needs a person. What was seen:").format(fault=played.fault), style="bold yellow")
    for item in played.evidence:
        text = printable(f"  [{item['id']}] {item['tool']}: {' '.join(item['text'].split())}")
        out.print(text, markup=False, style="dim", no_wrap=True, overflow="ellipsis" if out.is_terminal else None)
