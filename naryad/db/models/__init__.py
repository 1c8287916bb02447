"""Tables, one file an area; importing this package registers them all."""

from naryad.db.models.account import Account, ApiKey, Attempts, Code, Device, Registration
from naryad.db.models.alert import Alert, Silence, UnwellComponent
from naryad.db.models.delivery import Cursor, Delivery, Escalation
from naryad.db.models.document import DocumentVersion
from naryad.db.models.event import EventRow
from naryad.db.models.external_ticket import ExternalComment, ExternalTicket
from naryad.db.models.gate import Approval, AuditHead, AuditRow, Decision, Effect, Seen
from naryad.db.models.handoff import Handoff
from naryad.db.models.incident import Incident
from naryad.db.models.job import Job, JobRun, Watched
from naryad.db.models.mail import MailFolder, MailLetter, MailSource, MailThread
from naryad.db.models.output import Output
from naryad.db.models.report import Report
from naryad.db.models.sentinel import Golden, RunRecord
from naryad.db.models.telegram import TelegramTalk, TelegramUpdate
from naryad.db.models.thread import QueuedInput, Thread
from naryad.db.models.ticket import Ticket, TicketEntry, TicketFile

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
    "ExternalComment",
    "ExternalTicket",
    "Golden",
    "Handoff",
    "Incident",
    "Job",
    "JobRun",
    "MailFolder",
    "MailLetter",
    "MailSource",
    "MailThread",
    "Output",
    "QueuedInput",
    "Registration",
    "Report",
    "RunRecord",
    "Seen",
    "Silence",
    "TelegramTalk",
    "TelegramUpdate",
    "Thread",
    "Ticket",
    "TicketEntry",
    "TicketFile",
    "UnwellComponent",
    "Watched",
]
