"""Messages of Telegram: a new handoff to everybody who may take it, a person's words to whoever waits for them."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from naryad.accounts.accounts import principal
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus
from naryad.db.models.delivery import Delivery
from naryad.db.models.handoff import Handoff
from naryad.db.models.telegram import TelegramTalk
from naryad.events import Event, EventType
from naryad.handoffs import AGENTS, TAKERS
from naryad.notify.notifier import TELEGRAM, with_role
from naryad.settings import Settings

PAUSE = timedelta(minutes=1)
"""However much a user says, whoever answers is not woken more often."""
SAID = "said"
"""The kind of messages that hold a person's words to a user."""


def of(session: Session, event: Event, settings: Settings) -> Iterator[Delivery]:
    """The messages that an event leads to; what they say is read when they are sent."""
    if "reply" in event.data:
        yield from _said(session, event)
    elif event.type.startswith("handoff."):
        yield from _of_handoff(session, event, settings)


def _said(session: Session, event: Event) -> Iterator[Delivery]:
    """What a person said to a user, instead of the agent or in a ticket."""
    thread_id = event.data["thread"]
    for target, lang in _of_user(session, thread_id).items():
        payload = {"kind": SAID, "thread": thread_id, "reply": event.data["reply"], "lang": lang}
        yield _delivery(event, target, f"reply:{thread_id}", payload, now())


def _of_handoff(session: Session, event: Event, settings: Settings) -> Iterator[Delivery]:
    handoff = session.get(Handoff, event.data["handoff"])
    if handoff is None:
        return
    about = f"handoff:{handoff.id}"
    if event.type in (EventType.HANDOFF_OPENED, EventType.HANDOFF_OVERDUE):
        chats = _of_takers(session, settings) if handoff.opened_by.startswith(AGENTS) else {}
    else:
        chats = _told(session, about)
    if event.type is EventType.HANDOFF_SAID:
        about, chats = f"{about}:said", _of_one(session, handoff.taken_by) or chats
    for target, lang in chats.items():
        due = _next(session, about, target) if event.type is EventType.HANDOFF_SAID else now()
        if due is None:
            continue
        yield _delivery(event, target, about, {"kind": event.type.value, "handoff": handoff.id, "lang": lang}, due)


def _delivery(event: Event, target: str, about: str, payload: Mapping[str, str], due: datetime) -> Delivery:
    key = f"{TELEGRAM}:{target}:feed:{event.seq}"
    return Delivery(channel=TELEGRAM, target=target, subject=about, payload=dict(payload), key=key, due_at=due)


def _of_takers(session: Session, settings: Settings) -> Mapping[str, str]:
    chats = {str(one.telegram_id): one.lang for one in with_role(session, TAKERS) if one.telegram_id}
    if settings.admin_chat_id:
        chats.setdefault(str(settings.admin_chat_id), settings.lang)
    return chats


def _told(session: Session, about: str) -> Mapping[str, str]:
    rows = select(Delivery).where(Delivery.channel == TELEGRAM, Delivery.subject == about).order_by(col(Delivery.id))
    return {row.target: row.payload["lang"] for row in session.exec(rows).all()}


def _of_one(session: Session, who: str) -> Mapping[str, str]:
    account = session.get(Account, who.removeprefix(principal("")))
    linked = account and account.status is AccountStatus.ACTIVE and account.telegram_id
    return {str(linked): account.lang} if account and linked else {}


def _of_user(session: Session, thread_id: str) -> Mapping[str, str]:
    """Whoever follows the conversation in Telegram: what is said there at other times, the bot shows them itself."""
    talk = session.get(TelegramTalk, thread_id)
    return _of_one(session, principal(talk.account_id)) if talk else {}


def _next(session: Session, about: str, target: str) -> datetime | None:
    """When somebody may be woken again; None where they will be, and then read these words too."""
    query = select(Delivery.due_at).where(Delivery.channel == TELEGRAM, Delivery.target == target)
    query = query.where(Delivery.subject == about).order_by(col(Delivery.due_at).desc()).limit(1)
    last, moment = session.exec(query).first(), now()
    if last is None or last <= moment - PAUSE:
        return moment
    return None if last > moment else last + PAUSE
