"""The words for where a ticket stands; light, so that a command line may name them at its start."""

from enum import StrEnum


class TicketStatus(StrEnum):
    """Where a ticket stands."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    """For its requester: the clocks stand still."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


class Priority(StrEnum):
    """How much it presses, the most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Author(StrEnum):
    """In what part somebody speaks."""

    REQUESTER = "requester"
    STAFF = "staff"
    AGENT = "agent"
    SYSTEM = "system"
