"""Forgetting what people were told of a matter: their messages quote whoever it is about."""

from collections.abc import Collection

from sqlmodel import Session, col, delete, select

from naryad.db.models.delivery import Delivery, Escalation
from naryad.db.session import Database

DIGEST = "digest"
"""The subject of messages that gather others."""


def erase(database: Database, subjects: Collection[str], session: Session) -> None:
    """Forget the messages on these subjects, sent or not, and the chains of escalation that would write more."""
    if not subjects:
        return
    for writer in ("herald", "escalation", "outbox"):  # whatever they write just now is there when this goes on
        database.hold(session, writer)
    for table in (Delivery, Escalation):
        session.exec(delete(table).where(col(table.subject).in_(subjects)))
    for row in session.exec(select(Delivery).where(Delivery.subject == DIGEST)).all():
        items = row.payload["items"]
        left = [item for item in items if item["subject"] not in subjects]
        if not left:
            session.delete(row)
        elif len(left) < len(items):
            row.payload = {**row.payload, "items": left}
            session.add(row)
