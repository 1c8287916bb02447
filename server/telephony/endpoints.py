"""The telephony's webhook: a call becomes a ticket, once; what was said to nobody is read by the support agent."""

import hmac

from fastapi import APIRouter, Depends
from starlette.requests import Request

from naryad.canonical import digest
from naryad.db.models.ticket import Priority
from naryad.errors import NotFound
from naryad.i18n import _
from naryad.mail.channel import AGENT
from naryad.settings import Settings
from server import errors
from server.access import Public, too_often, unknown
from server.parts import Using
from server.telephony.schemas import Call, Written

router = APIRouter(prefix="/api/v1/telephony", tags=["telephony"], responses=errors.answers(401, 404, 409, 413, 422))
BY = "system:telephony"


async def proven(request: Request, parts: Using) -> None:
    """Let nobody but the telephony in.

    Raises:
        NotFound: No TELEPHONY_TOKEN is set.
        Denied: 401 for anybody else, 429 for too often.
    """
    wanted = parts.settings.telephony_token
    if wanted is None:
        raise NotFound(_("No calls are taken here."))
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {wanted.get_secret_value()}".encode()):
        raise unknown(_("This is not the telephony's token."))
    if wait := await parts.limiter.take("account", "telephony"):
        raise too_often(wait)


@router.post("/calls", dependencies=[Depends(proven)], responses=errors.answers(429))
async def call(call: Call, parts: Using, proof: Public) -> Written:
    """Take a call: a missed one is a ticket to call back; the same call again changes nothing."""
    # The agent reads only what no person has heard: whoever answered knows what is to be done.
    read = bool(call.transcript) and not call.operator and AGENT in parts.crew.runs.agents
    thread_id = f"phone-{digest(call.id)[:32]}" if read else ""
    # Who hides their number is not the next one who does.
    principal = f"phone:{call.caller or f'hidden-{digest(call.id)[:32]}'}"
    who = call.caller or _("a hidden number")
    subject = _("Call back {who}") if call.missed else _("A call from {who}")
    ticket = await parts.crew.tickets.create(
        subject=subject.format(who=who),
        text=_text(call, parts.settings),
        requester=principal,
        by=BY,
        channel="phone",
        priority=Priority.HIGH if call.missed else Priority.MEDIUM,
        thread_id=thread_id,
        contact=call.caller,
        key=f"phone:{call.id}",
    )
    if read:
        said = {"text": call.transcript, "origin": "phone", "subject": ticket.subject}
        await parts.driver.submit(thread_id, AGENT, principal, said, key=call.id)
    return Written(ticket=ticket.id, number=ticket.number, thread=ticket.thread_id or None)


def _text(call: Call, settings: Settings) -> str:
    began = call.started_at.astimezone(settings.zone)
    lines = [
        (_("From: {value}"), call.caller or _("a hidden number")),
        (_("To: {value}"), call.called),
        (_("Began: {value}"), f"{began:%d.%m.%Y %H:%M %Z}"),
        (_("Lasted: {value} s"), f"{call.duration_s:g}" if call.duration_s else ""),
        (_("Answered: {value}"), call.operator),
        (_("Recording: {value}"), call.recording_url),
    ]
    head = "\n".join(line.format(value=value) for line, value in lines if value)
    return f"{head}\n\n{call.transcript}".strip()
