"""From one notice to messages: by the routes, outside the quiet hours, not twice within minutes."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, select

from naryad.auth import Role, roles_of
from naryad.clock import new_id, now
from naryad.db.models.account import Account, AccountStatus
from naryad.db.models.delivery import Delivery, DeliveryStatus, Escalation
from naryad.errors import NotFound
from naryad.i18n import _
from naryad.notify.notice import Notice
from naryad.notify.removal import DIGEST
from naryad.notify.routes import EMAIL, Kind, Recipient, Route, Routes
from naryad.outbox import Outbox
from naryad.settings import Settings

ADDRESSES, TELEGRAM = "addresses", "telegram"
REPEAT_AFTER = timedelta(minutes=5)
"""The same alert is not told again to the same target within this time."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One target of one reader; `recipient` is None for an account that no file names."""

    channel: str
    target: str
    lang: str
    recipient: Recipient | None = None


class Notifier:
    """Writes messages into the outbox, inside the caller's transaction.

    Args:
        outbox: What sends them.
        routes: Who is told of what.
        settings: The install's language, time zone and enabled channels.
    """

    def __init__(self, outbox: Outbox, routes: Routes, settings: Settings) -> None:
        self._outbox, self._routes, self._settings = outbox, routes, settings

    def tell(self, session: Session, notice: Notice, origin: str) -> None:
        """Tell everybody whom the routes name, of an end also those who were told before, and them of what goes on.

        Args:
            session: The transaction in which it happened, or in which it was read.
            notice: What happened.
            origin: Says once and for ever what brought it.
        """
        kind = Kind(notice.kind)
        routes = [route for route in self._routes.routes if route.fits(kind, notice.severity, notice.service)]
        ways = [way for route in routes for way in self._of_route(session, route)]
        if notice.over:
            ways += self._told(session, notice.subject)
        self._write(session, notice, ways, origin)
        if notice.into:
            knowing = {way.target for way in self._told(session, notice.into.subject)}
            others = [way for way in ways if way.target not in knowing]
            self._write(session, notice.into, others, f"{origin}:into")
        if notice.opens:
            self._await(session, notice, routes)

    def escalate(self, session: Session, row: Escalation) -> None:
        """Tell the next of a chain, and let the one after wait."""
        step, *rest = row.steps
        found = [self._routes.recipient(name) for name in step["to"]]
        ways = [way for recipient in found if recipient for way in self._ways(recipient)]
        self._write(session, Notice(**row.notice), ways, f"escalation:{row.id}:{row.level}", escalated=True)
        if not rest:
            session.delete(row)
            return
        row.steps, row.level, row.due_at = rest, row.level + 1, now() + timedelta(minutes=rest[0]["after_minutes"])
        session.add(row)

    def test(self, session: Session, name: str) -> int:
        """Write a test message by every way of one recipient; returns how many.

        Raises:
            NotFound: The routes file names no such recipient.
        """
        recipient = self._routes.recipient(name)
        if recipient is None:
            raise NotFound(_("The routes file names no recipient {name!r}.").format(name=name))
        ways, origin = list(self._ways(recipient)), new_id()
        for way in ways:
            self._put(session, way, {"kind": "test", "lang": way.lang}, f"{way.channel}:{way.target}:test:{origin}", "")
        return len(ways)

    def _of_route(self, session: Session, route: Route) -> Iterable[_Way]:
        named = [recipient for name in route.to if (recipient := self._routes.recipient(name))]
        named += [recipient for recipient in self._routes.recipients if recipient.role in route.roles]
        for recipient in named:
            yield from self._ways(recipient, route.by)
        if route.roles and self._mails and (not route.by or EMAIL in route.by):
            for account in with_role(session, route.roles):
                yield _Way(EMAIL, account.email, account.lang, self._reader(EMAIL, account.email))

    def _ways(self, recipient: Recipient, by: Sequence[str] = ()) -> Iterable[_Way]:
        lang = recipient.language or self._settings.lang
        for way in recipient.ways:
            if by and way not in by:
                continue
            if way != EMAIL:
                yield _Way(ADDRESSES, f"{recipient.name}/{way}", lang, recipient)
            elif self._mails:
                yield _Way(EMAIL, recipient.email, lang, recipient)

    def _told(self, session: Session, subject: str) -> Iterable[_Way]:
        query = select(Delivery).where(Delivery.subject == subject, col(Delivery.channel).in_([EMAIL, ADDRESSES]))
        for row in session.exec(query).all():
            yield _Way(row.channel, row.target, row.payload["lang"], self._reader(row.channel, row.target))

    def _reader(self, channel: str, target: str) -> Recipient | None:
        if channel == ADDRESSES:
            return self._routes.recipient(target.partition("/")[0])
        return next((one for one in self._routes.recipients if one.email.lower() == target.lower()), None)

    @property
    def _mails(self) -> bool:
        return bool(self._settings.enable_email and self._settings.smtp_host)

    def _write(
        self, session: Session, notice: Notice, ways: Iterable[_Way], origin: str, *, escalated: bool = False
    ) -> None:
        moment = now()
        for way in {way.target.lower() if way.channel == EMAIL else way.target: way for way in ways}.values():
            prefix, payload = f"{way.channel}:{way.target}:", notice.payload(way.lang, escalated=escalated)
            if notice.alert and not escalated:
                prefix = f"{prefix}{notice.alert}:"
                if not notice.over and self._said_lately(session, way, prefix, notice.severity, moment):
                    continue
            until = way.recipient.quiet_until(moment, self._settings.zone) if way.recipient else None
            if until and notice.severity != "critical":
                self._gather(session, way, payload, until)
            else:
                self._put(session, way, payload, f"{prefix}{origin}", notice.subject)

    def _put(self, session: Session, way: _Way, payload: dict[str, Any], key: str, subject: str) -> None:
        row = Delivery(channel=way.channel, target=way.target, subject=subject, payload=payload, key=key)
        self._outbox.add(session, row)

    def _said_lately(self, session: Session, way: _Way, prefix: str, severity: str, moment: datetime) -> bool:
        """Whether the last that was told of an alert, minutes ago, is the same: not its end, nor less grave."""
        query = select(Delivery).where(
            Delivery.channel == way.channel,
            Delivery.target == way.target,
            Delivery.created_at > moment - REPEAT_AFTER,
            col(Delivery.key).startswith(prefix, autoescape=True),
        )
        last = session.exec(query.order_by(col(Delivery.id).desc()).limit(1)).first()
        return last is not None and last.payload["level"] == severity

    def _gather(self, session: Session, way: _Way, payload: dict[str, Any], until: datetime) -> None:
        """Add it to the one message that comes at the end of the quiet hours."""
        key = f"{way.channel}:{way.target}:digest:{until.isoformat()}"
        row = session.exec(select(Delivery).where(Delivery.key == key).with_for_update()).first()
        if row is None:
            digest = {"kind": "digest", "lang": way.lang, "items": [payload]}
            row = Delivery(
                channel=way.channel, target=way.target, subject=DIGEST, payload=digest, key=key, due_at=until
            )
            self._outbox.add(session, row)
        elif row.status is DeliveryStatus.PENDING and payload not in row.payload["items"]:
            row.payload = {**row.payload, "items": [*row.payload["items"], payload]}
            session.add(row)

    def _await(self, session: Session, notice: Notice, routes: Sequence[Route]) -> None:
        """Begin the chains of escalation anew."""
        session.connection().execute(delete(Escalation).where(col(Escalation.subject) == notice.subject))
        for route in routes:
            if route.escalate:
                steps = [step.model_dump() for step in route.escalate]
                due = now() + timedelta(minutes=steps[0]["after_minutes"])
                session.add(Escalation(subject=notice.subject, due_at=due, steps=steps, notice=asdict(notice)))


def with_role(session: Session, roles: Iterable[Role | str]) -> Sequence[Account]:
    """The active accounts that may act as one of the roles."""
    wanted = {Role(role) for role in roles}
    holders = [role for role in Role if roles_of(role) & wanted]
    query = select(Account).where(Account.status == AccountStatus.ACTIVE, col(Account.role).in_(holders))
    return session.exec(query.order_by(col(Account.id))).all()
