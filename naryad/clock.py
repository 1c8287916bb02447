"""Time and identity: aware UTC moments, and ids that sort by time."""

from datetime import UTC, datetime

from uuid_utils import uuid7


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A UUIDv7 as text."""
    return str(uuid7())
