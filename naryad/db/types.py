"""Column types that SQLite and PostgreSQL read back alike."""

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Enum, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.sqlite import DATETIME


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; a naive one is a mistake of ours and is refused.

    SQLite keeps it as text, which must be spelled as we spell it: an audit row's moment is covered by its hash,
    and a lenient reading would let a changed spelling pass.
    """

    impl = DateTime(timezone=True).with_variant(
        DATETIME(  # type: ignore[no-untyped-call]
            regexp=r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})\Z"
        ),
        "sqlite",
    )
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read back in UTC: SQLite forgets the zone, PostgreSQL answers in its own."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value, as far as every database can store it."""

    impl = JSON().with_variant(JSONB(), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Take out what PostgreSQL refuses."""
        return storable(value)


def storable(value: Any) -> Any:
    """The value without what some database refuses: NUL and lone surrogates in text, numbers beyond bounds."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def text_enum(names: type[StrEnum]) -> Any:
    """An enumeration kept as text: PostgreSQL's own enums are hard to extend in a migration."""
    return Enum(names, native_enum=False, length=20, values_callable=lambda known: [name.value for name in known])
