"""Questions and incidents as messages: their present state from the database, and the buttons that fit it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram.utils.formatting import Bold, Code, Pre, Text, sizeof

from bot import wording
from bot.desk import Desk
from bot.wording import plain
from naryad.auth import Person, Role
from naryad.db.models.gate import Approval, ApprovalStatus
from naryad.db.models.incident import Incident, IncidentStatus
from naryad.gate.shown import without_secrets
from naryad.i18n import N_, _
from naryad.tooling import Risk

DIGEST_CHARS = 8
_PREVIEW, _FULL, _LINE, _SUMMARY = 900, 100_000, 200, 3_000
_CUT = N_("… cut; the button below shows the whole.")
_ELSEWHERE = N_(
    "This needs your second factor, which Telegram cannot show: sign in to the web interface, show a code there, and "
    "decide the question there within ten minutes."
)
_MARKS = dict.fromkeys(ApprovalStatus, "▫️") | {
    ApprovalStatus.PENDING: "⏳",
    ApprovalStatus.APPROVED: "✅",
    ApprovalStatus.CONSUMED: "✅",
    ApprovalStatus.REJECTED: "⛔",
}
_SEVERITY = {
    IncidentStatus.OPEN: "🔴",
    IncidentStatus.ACKNOWLEDGED: "🔵",
    IncidentStatus.WAITING: "🟡",
    IncidentStatus.RESOLVED: "🟢",
    IncidentStatus.ESCALATED: "🟠",
}


class Act(StrEnum):
    """What a button does."""

    ASK = "ask"
    YES = "yes"
    NO = "no"
    BACK = "back"
    ALL = "all"


class Press(CallbackData, prefix="a"):
    """A button under a question; the digest is of the arguments that it was shown with."""

    act: Act
    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Card:
    """A message and its buttons."""

    body: Text
    keyboard: InlineKeyboardMarkup | None = None

    def kwargs(self) -> dict[str, Any]:
        """The arguments of a method that sends or edits it."""
        return wording.call(self.body, self.keyboard)


def report(payload: Mapping[str, Any]) -> Card:
    """A report's summary, and where the whole is."""
    parts = [Bold(payload["title"]), plain(payload["text"])[:_SUMMARY], payload["link"]]
    return Card(Text(*(piece for part in parts if part for piece in (part, "\n\n"))))


def may_decide(who: Person, asked: Approval) -> bool:
    """Whether somebody has a role that decides this question."""
    return bool(who.roles & {Role(role) for role in asked.roles})


def may_see(who: Person, asked: Approval) -> bool:
    """Whether somebody may know of this question."""
    return may_decide(who, asked) or asked.principal == who.id


def elsewhere(asked: Approval) -> bool:
    """Whether a question that waits cannot be decided here: Telegram shows no second factor."""
    return asked.second_factor and asked.status is ApprovalStatus.PENDING


def digest(asked: Approval) -> str:
    """What names the arguments of a question to people."""
    return asked.args_sha256[:DIGEST_CHARS]


def risky(desk: Desk, asked: Approval) -> bool:
    """Whether a yes must be said twice: for what cannot be undone, and for what is not known any more."""
    tool = desk.crew.gate.tools.get(asked.tool)
    return tool is None or tool.card.risk is Risk.DESTRUCTIVE


async def approval(desk: Desk, asked: Approval, who: Person, *, sure: bool = False) -> Card:
    """One question.

    Args:
        desk: What the bot works with.
        asked: The question.
        who: Who reads it: only who may decide it gets buttons.
        sure: Whether to ask once more.
    """
    asked = without_secrets(asked)
    preview, was_cut = _pre(asked.preview, _PREVIEW)
    args, too = _pre(_arguments(asked), _PREVIEW)
    until = moment(asked.expires_at, desk)
    facts = _("Tool {tool}. Agent {agent}, for {principal}. Decided by: {roles}; until {until}.").format(
        tool=asked.tool,
        agent=asked.agent,
        principal=await desk.named(asked.principal),
        roles=", ".join(asked.roles),
        until=until,
    )
    origin = ", ".join(f"{name} ← {source}" for name, source in asked.provenance.items())
    lines = [
        Bold(f"{_MARKS[asked.status]} {wording.cut(plain(_(asked.question) or asked.tool), 500)}"),
        preview,
        args,
        *([_(_CUT)] if was_cut or too else []),
        wording.cut(plain(facts), 2 * _LINE),
        *([wording.cut(plain(_("Written by: {origin}.").format(origin=origin)), _LINE)] if origin else []),
        Text(_("Question"), " ", Code(asked.id[-8:]), ", ", _("digest"), " ", Code(digest(asked))),
        *await _said(desk, asked),
    ]
    if elsewhere(asked) and may_decide(who, asked):
        lines.append(Bold(_(_ELSEWHERE)))
        lines.append(wording.cut(plain(desk.settings.public_url), _LINE))
    elif sure:
        lines.append(Bold(_("This cannot be undone. Sure?")))
    body = [part for line in lines if line for part in (line, "\n")][:-1]
    return Card(Text(*body), _buttons(desk, asked, who, sure=sure, cut=was_cut or too))


def whole(asked: Approval) -> list[str]:
    """Everything that will run, in as many messages as it takes."""
    asked = without_secrets(asked)
    return wording.split(plain(f"{asked.preview}\n\n{_arguments(asked)}")[:_FULL])


def _buttons(desk: Desk, asked: Approval, who: Person, *, sure: bool, cut: bool) -> InlineKeyboardMarkup | None:
    def button(label: str, act: Act) -> InlineKeyboardButton:
        data = Press(act=act, id=asked.id, digest=digest(asked)).pack()
        return InlineKeyboardButton(text=label, callback_data=data)

    rows = []
    if asked.status is ApprovalStatus.PENDING and may_decide(who, asked) and not elsewhere(asked):
        if sure:
            yes = button("✅ " + _("Yes, do it: {digest}").format(digest=digest(asked)), Act.YES)
            rows.append([yes, button("↩ " + _("Back"), Act.BACK)])
        else:
            yes = button("✅ " + _("Approve"), Act.ASK if risky(desk, asked) else Act.YES)
            rows.append([yes, button("⛔ " + _("Reject"), Act.NO)])
    if cut:
        rows.append([button("📄 " + _("Show the whole"), Act.ALL)])
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


async def _said(desk: Desk, asked: Approval) -> list[str]:
    """What became of it, and who said what."""
    lines = []
    for said in await desk.crew.gate.approvals.decisions(asked.id):
        name = await desk.named(said.person)
        line = f"{_(said.verdict)}: {name}, {moment(said.at, desk)}. {said.reason}"
        lines.append(wording.cut(plain(line), _LINE))
    return [] if asked.status is ApprovalStatus.PENDING and not lines else [_(asked.status), *lines[-3:]]


def _arguments(asked: Approval) -> str:
    args: dict[str, Any] = json.loads(asked.args_json)
    shown = {name: value for name, value in args.items() if value not in (None, "")}
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in shown.items()
    )


def _pre(text: str, most: int) -> tuple[Text | None, bool]:
    text = plain(text)
    return (Pre(wording.cut(text, most)) if text else None), sizeof(text) > most


def incident(desk: Desk, one: Incident) -> Card:
    """One incident."""
    facts = _("Service {service}, severity {severity}; {status}.").format(
        service=one.service or "—", severity=_(one.severity), status=_(one.status)
    )
    times = moment(one.started_at, desk) + (f" — {moment(one.finished_at, desk)}" if one.finished_at else "")
    lines = [
        Bold(f"{_SEVERITY[one.status]} {wording.cut(plain(one.title), 500)}"),
        wording.cut(plain(facts), 2 * _LINE),
        times,
        wording.cut(plain(one.cause), 2_000),
        Text(_("Incident"), " ", Code(one.id[-8:])),
    ]
    return Card(Text(*[part for line in lines if line for part in (line, "\n")][:-1]))


def line(one: Incident) -> str:
    """One incident in a list."""
    return f"{_SEVERITY[one.status]} {one.id[-8:]} {wording.cut(plain(one.title), 120)}"


def moment(at: datetime, desk: Desk) -> str:
    """A moment as people read it."""
    return at.astimezone(desk.settings.zone).strftime("%d.%m.%Y %H:%M")
