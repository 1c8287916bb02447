"""Tables, one file an area; importing this package registers them all."""

from naryad.db.models.account import Account, ApiKey, Attempts, Code, Device, Registration
from naryad.db.models.alert import Alert, Silence, UnwellComponent
from naryad.db.models.delivery import Cursor, Delivery, Escalation
from naryad.db.models.document import DocumentVersion
from naryad.db.models.event import EventRow
from naryad.db.models.gate import Approval, AuditHead, AuditRow, Decision, Effect
from naryad.db.models.incident import Incident
from naryad.db.models.output import Output
from naryad.db.models.telegram import TelegramTalk, TelegramUpdate
from naryad.db.models.thread import QueuedInput, Thread

__all__ = [
    "Account",
    "Alert",
    "ApiKey",
    "Approval",
    "Attempts",
    "AuditHead",
    "AuditRow",
    "Code",
    "Cursor",
    "Decision",
    "Delivery",
    "Device",
    "DocumentVersion",
    "Effect",
    "Escalation",
    "EventRow",
    "Incident",
    "Output",
    "QueuedInput",
    "Registration",
    "Silence",
    "TelegramTalk",
    "TelegramUpdate",
    "Thread",
    "UnwellComponent",
]
