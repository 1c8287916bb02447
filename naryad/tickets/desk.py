"""What happens to tickets, inside one transaction: the only code that changes them."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select, update

from naryad import masking
from naryad.accounts.names import name_of
from naryad.alerts.telling import Telling
from naryad.clock import new_id
from naryad.db.models.ticket import Author, Priority, Ticket, TicketEntry, TicketFile, TicketStatus
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.errors import Refused
from naryad.events import FEED, EventType
from naryad.i18n import _
from naryad.tickets import clocks
from naryad.tickets.asking import Asking
from naryad.tickets.finding import UNDER_WORK, missing
from naryad.tickets.promise import Promise

SUBJECT_CHARS, TEXT_CHARS = 200, 50_000
SYSTEM = "system:tickets"
"""Who does what nobody did."""
_NUMBERS = "ticket:number"
OVER = (TicketStatus.RESOLVED, TicketStatus.CLOSED)


def thread_of(ticket: Ticket) -> str:
    """The thread that hears of a ticket: its conversation, or one of its own."""
    return ticket.thread_id or f"ticket:{ticket.id}"


class Desk:
    """Changes tickets; whoever opened the transaction calls `telling.write` last in it."""

    def __init__(
        self,
        session: Session,
        database: Database,
        telling: Telling,
        promise: Promise,
        asking: Asking | None,
        moment: datetime,
    ) -> None:
        self.telling, self._moment = telling, moment
        self.session, self._database, self._promise, self._asking = session, database, promise, asking

    def create(
        self,
        *,
        subject: str,
        text: str,
        requester: str,
        by: str,
        channel: str = "chat",
        priority: Priority = Priority.MEDIUM,
        thread_id: str = "",
        contact: str = "",
        key: str = "",
        follows: str | None = None,
    ) -> Ticket:
        """A new ticket with the next number; the first one where the key came before."""
        self._database.hold(self.session, _NUMBERS)
        if key and (known := self.session.exec(select(Ticket).where(Ticket.key == key)).first()):
            return known
        if thread_id and follows is None:
            before = select(Ticket.id).where(Ticket.thread_id == thread_id).order_by(col(Ticket.number).desc())
            follows = self.session.exec(before.limit(1)).first()
        words, line = _words(text), " ".join(_words(subject or text).split())
        ticket = Ticket(
            number=self.session.exec(select(func.coalesce(func.max(Ticket.number), 0) + 1)).one(),
            key=key or None,
            subject=line if len(line) <= SUBJECT_CHARS else f"{line[: SUBJECT_CHARS - 1]}…",
            text=words,
            priority=priority,
            requester=requester,
            contact=_words(contact),
            channel=channel,
            thread_id=thread_id,
            follows=follows,
            created_at=self._moment,
        )
        self.session.add(ticket)
        self.session.flush()
        shown: dict[str, Any] = {"priority": priority, "channel": channel}
        author = Author.REQUESTER if by == requester else _author(by)
        self._write(ticket, "created", author, by, kind=EventType.TICKET_CREATED, **shown)
        return ticket

    def held(self, ticket_id: str) -> Ticket:
        """A ticket that nobody else changes until the transaction ends; raises `NotFound` where there is none."""
        ticket = self.session.get(Ticket, ticket_id, with_for_update=True)
        if ticket is None:
            raise missing(ticket_id)
        for happened in clocks.tick(ticket, self._promise, self._moment):
            self._write(ticket, happened, Author.SYSTEM, SYSTEM, public=False, sla=happened)
        return ticket

    def survivor(self, ticket_id: str) -> Ticket:
        """The same, or the ticket that took it over. Only that one is held: whoever merges holds it, and then this."""
        merged = select(Ticket.merged_into).where(Ticket.id == ticket_id)
        ticket = self.held(self.session.exec(merged).first() or ticket_id)
        return self.survivor(ticket.merged_into) if ticket.merged_into else ticket  # it was merged just now

    def look(self, ticket_id: str) -> None:
        """Do what time has brought: warn, say that a promise was broken, close what was resolved long ago."""
        ticket = self.held(ticket_id)
        if ticket.status is TicketStatus.RESOLVED and ticket.look_at and ticket.look_at < self._moment:
            self.close(ticket, SYSTEM)
        clocks.wind(ticket, self._promise, self._moment)
        self.session.add(ticket)

    def comment(
        self,
        ticket: Ticket,
        by: str,
        text: str,
        *,
        author: Author,
        public: bool = True,
        key: str = "",
        say: bool = True,
    ) -> TicketEntry:
        """Write words down, once a key; what they mean for a ticket depends on who speaks.

        Its requester brings a ticket back that waits for them or is over; a person's answer is the first response, and
        is said in the conversation too, unless the caller does that: there the requester hears it.
        """
        if key and (known := self.session.exec(select(TicketEntry).where(TicketEntry.key == key)).first()):
            return known
        if author is Author.REQUESTER and ticket.status in OVER:
            ticket = self.reopen(ticket, by, author=author)
        if author is Author.REQUESTER and ticket.status is TicketStatus.WAITING:
            ticket.status = TicketStatus.OPEN
        if public and author is Author.STAFF:
            self._responded(ticket, by)
        heard = say and public and author is Author.STAFF and ticket.thread_id
        said: dict[str, Any] = {"reply": new_id()} if heard else {}
        entry = self._write(ticket, "comment", author, by, public=public, text=_words(text), key=key or None, **said)
        if said:
            self.say(ticket.thread_id, by, entry.text, ticket=ticket.id, **said)
        return entry

    def say(self, thread_id: str, by: str, text: str, **facts: str) -> None:
        """Let the user of a conversation hear what a person says; `reply` among the facts is its number."""
        self.telling.add(thread_id, EventType.MESSAGE, text=text, name=name_of(self.session, by), by=by, **facts)

    def change(
        self, ticket: Ticket, by: str, *, priority: Priority | None = None, assignee: str | None = None
    ) -> Ticket:
        """Give it another priority, or into somebody's hands (nobody's: an empty text)."""
        self._working(ticket)
        if assignee is not None and assignee != ticket.assignee:
            ticket.assignee = assignee
            ticket.status = TicketStatus.OPEN if ticket.status is TicketStatus.NEW else ticket.status
            self._write(ticket, "assigned", _author(by), by, public=False, assignee=assignee)
        if priority and priority is not ticket.priority:
            ticket.priority = priority
            self._write(ticket, "priority", _author(by), by, priority=priority)
        return ticket

    def wait(self, ticket: Ticket, by: str) -> Ticket:
        """Let it wait for its requester: the clocks stand still."""
        self._working(ticket)
        if ticket.status is not TicketStatus.WAITING:
            ticket.status = TicketStatus.WAITING
            self._write(ticket, "waiting", _author(by), by)
        return ticket

    def resolve(self, ticket: Ticket, by: str, reason: str = "") -> Ticket:
        """Call it resolved: the clocks stop, and it is closed some days later."""
        self._working(ticket)
        self._end(ticket, TicketStatus.RESOLVED, by)
        self._write(ticket, "resolved", self._part(ticket, by), by, text=_words(reason))
        return ticket

    def close(self, ticket: Ticket, by: str, reason: str = "") -> Ticket:
        """Close it, and ask its requester, once, how they liked the help."""
        if ticket.status is not TicketStatus.RESOLVED:
            self._working(ticket)
        self._end(ticket, TicketStatus.CLOSED, by)
        ticket.closed_at = self._moment
        if asks := ticket.asked_at is None and ticket.rating is None:
            ticket.asked_at = self._moment
            if self._asking:
                self._asking.ask(self.session, ticket)
        part = self._part(ticket, by)
        self._write(ticket, "closed", part, by, kind=EventType.TICKET_CLOSED, text=_words(reason), asks=asks)
        return ticket

    def reopen(self, ticket: Ticket, by: str, reason: str = "", *, author: Author | None = None) -> Ticket:
        """Work on it again; long after its end a new ticket follows it instead, and is returned."""
        if ticket.status not in OVER:
            raise Refused(_("Ticket #{number} is not closed.").format(number=ticket.number))
        author = author or self._part(ticket, by)
        limit = timedelta(days=self._promise.targets.reopen_days)
        if ticket.closed_at and self._moment > ticket.closed_at + limit:
            kept = ticket.model_dump(include={"subject", "requester", "contact", "channel", "priority", "thread_id"})
            return self.create(**kept, text=reason or ticket.text, by=by, follows=ticket.id)
        ticket.status, ticket.reopened = TicketStatus.OPEN, ticket.reopened + 1
        ticket.resolved_at, ticket.resolved_by, ticket.closed_at = None, "", None
        self._write(ticket, "reopened", author, by, text=_words(reason))
        return ticket

    def merge(self, ticket: Ticket, into: Ticket, by: str) -> Ticket:
        """Let another ticket of the same requester take this one over, with its journal and its files."""
        if ticket.id == into.id or ticket.merged_into:
            raise Refused(_("Ticket #{number} cannot be merged into this one.").format(number=ticket.number))
        self._working(into)
        if ticket.requester != into.requester:
            raise Refused(_("Only tickets of one requester can be merged: each would read the other's words."))
        for table in (TicketEntry, TicketFile):
            rows = update(table).where(col(table.ticket_id) == ticket.id)
            self.session.exec(rows.values(ticket_id=into.id))
        older = update(Ticket).where(col(Ticket.merged_into) == ticket.id)
        self.session.exec(older.values(merged_into=into.id))
        ticket.status, ticket.merged_into = TicketStatus.MERGED, into.id
        into.thread_id = into.thread_id or ticket.thread_id
        self._write(ticket, "merged", _author(by), by, into=into.number)
        begun = ticket.text.startswith(ticket.subject.rstrip("…"))
        words = ticket.text if begun else f"{ticket.subject}\n\n{ticket.text}"
        self._write(into, "took_over", _author(by), by, text=words, number=ticket.number)
        return into

    def attached(self, ticket: Ticket, file: TicketFile, author: Author) -> None:
        """Write down that a file came."""
        self._write(ticket, "attached", author, file.by, public=file.public, file=file.id)

    def rate(self, ticket: Ticket, by: str, rating: int, comment: str = "") -> Ticket:
        """Take down, once, how its requester liked the help."""
        if ticket.status not in OVER:
            raise Refused(_("Ticket #{number} is not closed yet.").format(number=ticket.number))
        if ticket.rating is not None:
            raise Refused(_("Ticket #{number} was rated already.").format(number=ticket.number))
        ticket.rating, ticket.rating_comment, ticket.rated_at = rating, _words(comment), self._moment
        ticket.rating_digest = None
        self._write(ticket, "rated", Author.REQUESTER, by, public=False, rating=rating)
        return ticket

    def _end(self, ticket: Ticket, status: TicketStatus, by: str) -> None:
        if self._part(ticket, by) in (Author.STAFF, Author.AGENT):
            self._responded(ticket, by)
        if ticket.resolved_at is None:
            ticket.resolved_at, ticket.resolved_by = self._moment, by
        ticket.status = status

    def _responded(self, ticket: Ticket, by: str) -> None:
        if ticket.responded_at is None:
            ticket.responded_at, ticket.responded_by = self._moment, by
        if ticket.status is TicketStatus.NEW:
            ticket.status = TicketStatus.OPEN

    def _working(self, ticket: Ticket) -> None:
        if ticket.status not in UNDER_WORK:
            raise Refused(_("Ticket #{number} is not being worked on: reopen it first.").format(number=ticket.number))

    def _part(self, ticket: Ticket, by: str) -> Author:
        return Author.REQUESTER if by == ticket.requester else _author(by)

    def _write(
        self,
        ticket: Ticket,
        event: str,
        author: Author,
        by: str,
        *,
        kind: EventType = EventType.TICKET_CHANGED,
        public: bool = True,
        text: str = "",
        key: str | None = None,
        **data: Any,
    ) -> TicketEntry:
        """Write a line of the journal, wind the clocks, and tell of it; what is not public only in the feed."""
        clocks.wind(ticket, self._promise, self._moment)
        ticket.changed_at = self._moment
        entry = TicketEntry(
            ticket_id=ticket.id, event=event, author=author, by=by, public=public, text=text, data=data, key=key
        )
        entry.at = self._moment
        self.session.add_all((ticket, entry))
        told = {"ticket": ticket.id, "number": ticket.number, "status": ticket.status, "event": event, **data}
        if public:
            self.telling.add(thread_of(ticket), kind, **told, author=author)
        else:
            self.telling.add(FEED, kind, **told, by=by, thread=thread_of(ticket))
        return entry


def _author(by: str) -> Author:
    kind = by.partition(":")[0]
    return {"agent": Author.AGENT, "system": Author.SYSTEM}.get(kind, Author.STAFF)


def _words(text: str) -> str:
    words = storable(masking.secrets(text)).strip()
    return words if len(words) <= TEXT_CHARS else f"{words[:TEXT_CHARS]}…"
