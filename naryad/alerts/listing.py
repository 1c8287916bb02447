"""Episodes of alerts, looked for."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from naryad.db.models.alert import Alert
from naryad.db.models.incident import Severity
from naryad.db.session import Database


async def listed(
    database: Database,
    *,
    firing: bool | None = None,
    silenced: bool | None = None,
    severity: Severity | None = None,
    service: str = "",
    incident: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: str = "",
    limit: int = 50,
) -> Sequence[Alert]:
    """Episodes in the order of their receipt, the newest first.

    Args:
        database: Where they are kept.
        firing: Only those that still fire, or only those that do not.
        silenced: Only those that a silence keeps from an incident, or only the others.
        severity: How grave.
        service: Whose.
        incident: The incident that holds them, by its id.
        since: Begun then or later.
        until: Begun before.
        before: The last id of the page before.
        limit: How many.
    """
    query = select(Alert).order_by(col(Alert.id).desc()).limit(limit)
    for column, value in ((Alert.severity, severity), (Alert.service, service), (Alert.incident_id, incident)):
        query = query.where(column == value) if value else query
    if firing is not None:
        query = query.where((col(Alert.fired) & ~col(Alert.over)) if firing else ~(col(Alert.fired) & ~col(Alert.over)))
    if silenced is not None:
        query = query.where(col(Alert.silence_id).is_not(None) if silenced else col(Alert.silence_id).is_(None))
    query = query.where(col(Alert.starts_at) >= since) if since else query
    query = query.where(col(Alert.starts_at) < until) if until else query
    query = query.where(col(Alert.id) < before) if before else query
    return await database.look(lambda session: session.exec(query).all())
