"""Which messages may go now."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, exists, or_, select

from naryad.db.models.delivery import Delivery, DeliveryStatus


def due(channels: list[str], moment: datetime) -> Any:
    """The first message of each subject whose time has come, of targets that nobody must leave alone."""
    other = aliased(Delivery)
    pending = and_(col(other.status) == DeliveryStatus.PENDING, col(other.channel) == Delivery.channel)
    leased = and_(col(other.lease_until).is_not(None), col(other.lease_until) > moment)
    before = or_(col(other.id) < col(Delivery.id), leased)
    in_the_way = and_(col(other.subject) == Delivery.subject, col(other.id) != Delivery.id, before)
    blocked = exists().where(
        pending, col(other.target) == Delivery.target, or_(in_the_way, col(other.held_until) > moment)
    )
    return (
        select(Delivery)
        .where(
            Delivery.status == DeliveryStatus.PENDING,
            Delivery.due_at <= moment,
            col(Delivery.channel).in_(channels),
            or_(col(Delivery.lease_until).is_(None), col(Delivery.lease_until) <= moment),
            ~blocked,
        )
        .order_by(col(Delivery.id))
    )


def previous(session: Session, row: Delivery) -> str | None:
    """The external id of the last message to its target on its subject."""
    if not row.subject:
        return None
    lane = (Delivery.channel == row.channel, Delivery.target == row.target, Delivery.subject == row.subject)
    sent = select(Delivery.external_id).where(*lane, col(Delivery.external_id).is_not(None))
    return session.exec(sent.order_by(col(Delivery.sent_at).desc()).limit(1)).first()
