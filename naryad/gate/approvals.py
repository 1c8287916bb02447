"""Questions to people and their decisions. Only what this table says can let a call through."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String, cast
from sqlmodel import Session, col, func, or_, select

from naryad.auth import REPORTED, Person, Role
from naryad.clock import now
from naryad.db.models.alert import Alert
from naryad.db.models.gate import Approval, ApprovalStatus, Decision
from naryad.db.models.incident import Incident
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.events import EventLog, EventType
from naryad.gate.audit import Audit
from naryad.i18n import _


class Verdict(StrEnum):
    """One person's word."""

    APPROVE = "approve"
    REJECT = "reject"


class Approvals:
    """Finds, lists and decides approvals."""

    def __init__(self, database: Database, audit: Audit, events: EventLog) -> None:
        self._database, self._audit, self._events = database, audit, events

    async def get(self, approval_id: str) -> Approval:
        """One approval by its id, or by an unambiguous beginning or end of it.

        Raises:
            NotFound: No approval fits, or more than one does.
        """
        query = select(Approval).where(
            col(Approval.id).startswith(approval_id, autoescape=True)
            | col(Approval.id).endswith(approval_id, autoescape=True)
        )
        found = await self._database.look(lambda session: session.exec(query.limit(2)).all())
        if len(found) == 1 and len(approval_id) >= 4:
            return found[0]
        raise NotFound(_("There is no single approval {id!r}; see the list.").format(id=approval_id))

    async def decisions(self, approval_id: str) -> Sequence[Decision]:
        """What people said of one approval, in order."""
        query = select(Decision).where(Decision.approval_id == approval_id).order_by(col(Decision.at))
        return await self._database.look(lambda session: session.exec(query).all())

    async def listed(
        self, status: ApprovalStatus | None = ApprovalStatus.PENDING, *, thread_id: str = "", limit: int = 50
    ) -> Sequence[Approval]:
        """Approvals with the status (any, if None), newest first; of one thread when it is named."""
        await self.expire_due()
        query = select(Approval).order_by(col(Approval.id).desc()).limit(limit)
        if status is not None:
            query = query.where(Approval.status == status)
        if thread_id:
            query = query.where(Approval.thread_id == thread_id)
        return await self._database.look(lambda session: session.exec(query).all())

    async def page(
        self,
        person: Person,
        status: ApprovalStatus | None = None,
        *,
        thread_id: str = "",
        before: str = "",
        limit: int = 50,
    ) -> Sequence[Approval]:
        """Approvals that concern a person, newest first: those their roles may decide, and those asked for them.

        Args:
            person: Who looks.
            status: Only those with it.
            thread_id: Only those of one thread.
            before: The id of the last one that was shown already.
            limit: At most so many.
        """
        await self.expire_due()
        query = select(Approval).where(_concerns(person)).order_by(col(Approval.id).desc()).limit(limit)
        if status is not None:
            query = query.where(Approval.status == status)
        if thread_id:
            query = query.where(Approval.thread_id == thread_id)
        if before:
            query = query.where(Approval.id < before)
        return await self._database.look(lambda session: session.exec(query).all())

    async def concerning(self, approval_id: str, person: Person) -> Approval:
        """One approval by its whole id; raises `NotFound` for one that does not concern the person, as for none."""
        await self.expire_due()
        query = select(Approval).where(Approval.id == approval_id, _concerns(person))
        found = await self._database.look(lambda session: session.exec(query).first())
        if found is None:
            raise NotFound(_("There is no such approval."))
        return found

    async def decide(self, approval_id: str, person: Person, verdict: Verdict, reason: str = "") -> Approval:
        """Record one person's decision; the approval changes when the quorum is met or someone rejects.

        Raises:
            Refused: The person may not decide it, has decided it, or it is no longer open.
            NotFound: There is no such approval.
        """
        moment = now()

        def say(session: Session) -> tuple[Approval, str]:
            approval = self._open(session, approval_id)
            facts = {"approval": approval.id, "person": person.id}
            if approval.status is ApprovalStatus.PENDING and approval.expires_at <= moment:
                self.close(session, approval, ApprovalStatus.EXPIRED, moment)
            if refusal := self._refusal(session, approval, person):
                self._audit.record(session, "approval.refused", approval.thread_id, **facts, why=refusal)
                return approval, refusal
            session.add(Decision(approval_id=approval.id, person=person.id, verdict=verdict, reason=reason))
            facts |= {"verdict": verdict, "reason": reason, "args_sha256": approval.args_sha256}
            self._audit.record(session, "approval.decided", approval.thread_id, **facts)
            self._count(session, approval, verdict, moment)
            return approval, ""

        approval, refusal = await self._database.transact(say)
        self._events.wake(approval.thread_id)
        if refusal:
            raise Refused(refusal)
        return approval

    def close(self, session: Session, approval: Approval, status: ApprovalStatus, moment: datetime) -> None:
        """Give an approval its last status, inside the caller's transaction."""
        approval.status, approval.decided_at = status, moment
        session.add(approval)
        # The audit first, here as everywhere: two transactions that lock in another order would wait for each other.
        if status not in (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED):
            self._audit.record(session, f"approval.{status}", approval.thread_id, approval=approval.id)
        self._events.put(session, approval.thread_id, EventType.APPROVAL_DECIDED, approval=approval.id, status=status)

    def replace(self, session: Session, approval_id: str, editor: Person) -> None:
        """Make room for an edited question, inside the caller's transaction.

        Raises:
            Refused: The editor may not decide it, or it is no longer open.
        """
        approval = self._open(session, approval_id)
        if refusal := self._refusal(session, approval, editor):
            raise Refused(refusal)
        self.close(session, approval, ApprovalStatus.SUPERSEDED, now())

    async def expire_due(self) -> None:
        """Close every approval that nobody decided in time: silence is a no."""
        moment = now()
        due = select(Approval).where(Approval.status == ApprovalStatus.PENDING, Approval.expires_at <= moment)

        def close_all(session: Session) -> None:
            for approval in session.exec(due.order_by(Approval.id).with_for_update()).all():
                self.close(session, approval, ApprovalStatus.EXPIRED, moment)

        if await self._database.look(lambda session: session.exec(due.limit(1)).first()):
            await self._database.transact(close_all)

    async def withdraw(self, thread_id: str) -> None:
        """Close every question of a thread whose run was cancelled, also those answered and not yet used."""
        moment = now()
        living = col(Approval.status).in_([ApprovalStatus.PENDING, ApprovalStatus.APPROVED])
        asked = select(Approval).where(Approval.thread_id == thread_id, living)

        def close_all(session: Session) -> None:
            for approval in session.exec(asked.order_by(Approval.id).with_for_update()).all():
                self.close(session, approval, ApprovalStatus.WITHDRAWN, moment)

        await self._database.transact(close_all)
        self._events.wake(thread_id)

    @staticmethod
    def _open(session: Session, approval_id: str) -> Approval:
        """The row, held to the end of the transaction."""
        approval = session.get(Approval, approval_id, with_for_update=True)
        if approval is None:
            raise NotFound(_("There is no approval {id!r}.").format(id=approval_id))
        return approval

    def _count(self, session: Session, approval: Approval, verdict: Verdict, moment: datetime) -> None:
        if verdict is Verdict.REJECT:
            self.close(session, approval, ApprovalStatus.REJECTED, moment)
            return
        session.flush()
        said_yes = select(func.count()).where(Decision.approval_id == approval.id, Decision.verdict == Verdict.APPROVE)
        if session.exec(said_yes).one() >= approval.quorum:
            self.close(session, approval, ApprovalStatus.APPROVED, moment)

    def _refusal(self, session: Session, approval: Approval, person: Person) -> str:
        if approval.status is not ApprovalStatus.PENDING:
            return _("This approval is {status}; it can no longer be decided.").format(status=_(approval.status))
        if not has_role(person, approval):
            return _("Deciding this needs one of the roles: {roles}.").format(roles=", ".join(approval.roles))
        if approval.four_eyes and person.id in _askers(session, approval):
            return _("The policy wants a second person here: you asked for this call, or told of what it mends.")
        if approval.second_factor and not person.second_factor:
            return _("The policy wants a second factor for this: show it in the web interface, and decide there.")
        spoken = select(Decision).where(Decision.approval_id == approval.id, Decision.person == person.id)
        if session.exec(spoken).first():
            return _("You have already decided this approval.")
        return ""


def has_role(person: Person, approval: Approval) -> bool:
    """Whether a person has one of the roles that decide an approval."""
    return bool(person.roles & {Role(role) for role in approval.roles})


def _askers(session: Session, approval: Approval) -> set[str]:
    """Who asked for a call: its principal, and whoever told of an alert that its incident holds by now."""
    told = select(Alert.reported_by).join(Incident, col(Alert.incident_id) == col(Incident.id))
    reporters = session.exec(told.where(Incident.thread_id == approval.thread_id).distinct()).all()
    return {approval.principal.removeprefix(REPORTED), *reporters}


def _concerns(person: Person) -> Any:
    """Whether a person may decide an approval, or their own thread asks; the roles are a JSON list of plain words."""
    deciders = [cast(Approval.roles, String).contains(f'"{role}"') for role in person.roles]
    return or_(Approval.principal == person.id, *deciders)
