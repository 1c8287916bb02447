"""/status and /incidents: how things stand."""

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message
from aiogram.utils.formatting import Bold, Text

from agents.checkup import checkup
from bot import cards, wording
from bot.desk import Desk
from bot.wording import plain
from naryad.auth import Person, Role
from naryad.db.models.gate import ApprovalStatus
from naryad.db.models.incident import IncidentStatus
from naryad.i18n import _

MOST = 10


def router() -> Router:
    """For linked people; most of it for operators."""
    made = Router(name="status")
    made.message.register(status, Command("status"))
    made.message.register(incidents, Command("incidents"), _operator)
    return made


def _operator(_event: object, who: Person) -> bool:
    return Role.OPERATOR in who.roles


async def status(message: Message, who: Person, desk: Desk) -> None:
    """The integrations, the questions that wait, the incidents that are open; to operators."""
    pending = await desk.crew.gate.approvals.page(who, ApprovalStatus.PENDING)
    lines: list[object] = [Bold(_("Naryad works.")), _("Questions that wait: {n}").format(n=len(pending))]
    if _operator(message, who):
        unresolved = [one for one in await desk.crew.incidents.listed() if one.status is not IncidentStatus.RESOLVED]
        lines.append(_("Incidents that are not over: {n}").format(n=len(unresolved)))
        for check in await checkup(desk.settings):
            mark = "▫️" if not check.configured else "❌" if check.reachable is False else "✅"
            hint = f": {check.hint}" if check.configured and check.hint else ""
            lines.append(f"{mark} {wording.cut(plain(check.name + hint), 300)}")
    await message.answer(**wording.call(Text(*[part for line in lines for part in (line, "\n")])))


async def incidents(message: Message, command: CommandObject, desk: Desk) -> None:
    """The last incidents, or one of them."""
    if wanted := (command.args or "").strip():
        await message.answer(**cards.incident(desk, await desk.crew.incidents.get(wanted)).kwargs())
        return
    found = await desk.crew.incidents.listed(limit=MOST)
    lines = [cards.line(one) for one in found]
    await message.answer("\n".join([*lines, "", _("/incidents ID shows one.")]) if lines else _("Nothing here."))
