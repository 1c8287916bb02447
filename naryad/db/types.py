"""Column types that SQLite and PostgreSQL read back alike."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Enum, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; a naive one is a mistake of ours and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read back aware: SQLite forgets the zone."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


Json: Any = JSON().with_variant(JSONB(), "postgresql")


def text_enum(names: type[StrEnum]) -> Any:
    """An enumeration kept as text: PostgreSQL's own enums are hard to extend in a migration."""
    return Enum(names, native_enum=False, length=20, values_callable=lambda known: [name.value for name in known])
