"""What the endpoints of messages take and answer."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from naryad.db.models.delivery import Delivery, DeliveryStatus


class DeliveryLine(BaseModel):
    """One message, without what it says: that may be somebody's secret."""

    id: str
    channel: str
    target: str
    subject: str
    kind: str
    status: DeliveryStatus
    attempts: int
    error: str
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, row: Delivery) -> Self:
        """As it is shown."""
        return cls(**row.model_dump(include=set(cls.model_fields)), kind=str(row.payload.get("kind", "")))


class Deliveries(BaseModel):
    """Messages, the newest first."""

    deliveries: list[DeliveryLine]


class TestOf(BaseModel):
    """Whom to send a test message."""

    model_config = ConfigDict(extra="forbid")

    recipient: str = Field(min_length=1, max_length=64)


class TestSent(BaseModel):
    """In how many ways the message goes out."""

    messages: int
