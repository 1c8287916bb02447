"""What becomes of a letter that came: decided once, in one transaction with everything that follows from it."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, func, select, update

from naryad.canonical import digest
from naryad.clock import now
from naryad.db.models.delivery import Delivery, DeliveryStatus
from naryad.db.models.mail import Fate, MailLetter, MailSource, MailThread
from naryad.db.session import Database
from naryad.mail.automatic import sign_of
from naryad.mail.bounces import Bounce, bounce_of
from naryad.mail.conversations import begun, guessed, named, names
from naryad.mail.letter import Letter
from naryad.outbox import Outbox

LETTERS = "letters"
"""The channel of letters in the outbox."""
AN_HOUR, MOST_AN_HOUR = timedelta(hours=1), 20
READING_AT_MOST = timedelta(minutes=10)
"""Whoever reads a letter for longer has died over it."""
DAY, KEPT_A_DAY = timedelta(days=1), 500 * 1024 * 1024
"""So many bytes of the letters of one day are kept as they came; the files of the others are lost."""
SAME_TEXT = 3
"""Whoever says the same thing for the so-many-th time within a day is a machine."""
QUICK, QUICK_ANSWERS = timedelta(seconds=60), 5
"""Whoever answered so many of our letters in a row as quickly is a machine."""

_HEARD = (Fate.FILED, Fate.TAKEN)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a letter lies."""

    folder: str
    uidvalidity: int
    uid: int


class Filing:
    """Files letters.

    Args:
        database: Where they are kept.
        outbox: What carries our notes about letters that nobody will act on.
        own: The addresses that we send from.
    """

    def __init__(self, database: Database, outbox: Outbox, own: Collection[str]) -> None:
        self._database, self._outbox, self._own = database, outbox, frozenset(own)

    async def begin(self, place: Place) -> Fate | None:
        """Note that a letter is being read; what became of it, where somebody reads or has read it."""
        return await self._database.transact(lambda session: self._begin(session, place))

    async def leave(self, place: Place) -> None:
        """Forget that a letter is being read: it was not."""
        await self._database.transact(lambda session: self._known(session, place))

    async def file(self, place: Place, raw: bytes, letter: Letter | None, refusal: str = "") -> MailLetter | None:
        """Decide about a letter; None where that was done before.

        Args:
            place: Where it lies.
            raw: As it came; no more than its head, if it is too large.
            letter: What was read; None where nobody could.
            refusal: Why it is refused: `too large` or `broken`.
        """
        row = await self._database.transact(lambda session: self._file(session, place, raw, letter, refusal))
        self._outbox.wake()
        return row

    def _file(
        self, session: Session, place: Place, raw: bytes, letter: Letter | None, refusal: str
    ) -> MailLetter | None:
        if self._known(session, place):
            return None
        row = MailLetter(**asdict(place), fate=Fate.REFUSED, reason=refusal)
        if letter is None:
            row.reason = refusal or "broken"
        else:
            self._decide(session, row, letter, refusal)
        session.add(row)
        if row.fate is Fate.FILED:
            self._keep(session, row, raw)
        return row

    def _begin(self, session: Session, place: Place) -> Fate | None:
        row = self._at(session, place)
        if row is None:
            session.add(MailLetter(**asdict(place), fate=Fate.READING))
            return None
        if row.fate is Fate.READING and row.at < now() - READING_AT_MOST:
            row.fate, row.reason = Fate.REFUSED, "not read to its end"
            session.add(row)
        return row.fate

    def _known(self, session: Session, place: Place) -> bool:
        """Whether a letter is done with; that it was being read is forgotten."""
        row = self._at(session, place)
        if row is None or row.fate is not Fate.READING:
            return row is not None
        session.delete(row)
        session.flush()
        return False

    def _at(self, session: Session, place: Place) -> MailLetter | None:
        self._database.hold(session, "mail")
        query = select(MailLetter).where(
            MailLetter.folder == place.folder,
            MailLetter.uidvalidity == place.uidvalidity,
            MailLetter.uid == place.uid,
        )
        return session.exec(query).first()

    def _keep(self, session: Session, row: MailLetter, raw: bytes) -> None:
        """Keep what its ticket may get, within the limit of a day: space is cheaper to fill than to have."""
        kept = select(func.sum(func.length(MailSource.raw))).where(MailSource.at > now() - DAY)
        if (session.exec(kept).one() or 0) + len(raw) <= KEPT_A_DAY:
            session.add(MailSource(letter_id=row.id, raw=raw))
        else:
            row.reason = "its files were not kept: too much came today"

    def _decide(self, session: Session, row: MailLetter, letter: Letter, refusal: str) -> None:
        row.message_id, row.address, row.subject = letter.message_id, letter.address, letter.subject
        if session.exec(select(MailLetter.id).where(MailLetter.identity == letter.identity)).first():
            row.fate = Fate.DUPLICATE
            return
        row.identity, row.text, row.text_digest = letter.identity, letter.text, digest(letter.text.split())
        row.answers = [*([letter.message_id] if letter.message_id else []), *letter.answers]
        if bounce := bounce_of(letter):
            row.fate, row.reason = Fate.IGNORED, "bounce"
            self._bounced(session, bounce)
        elif sign := sign_of(letter, self._own):
            row.fate, row.reason = Fate.IGNORED, sign
        elif refusal:
            self._note(session, letter, "too_large")
        else:
            self._take(session, row, letter)

    def _take(self, session: Session, row: MailLetter, letter: Letter) -> None:
        vouched = named(session, letter)
        thread = vouched or guessed(session, letter)
        reason = _flood_in(session, vouched) if vouched else _flood(session, row)
        if reason := reason or (_quick(session, row, thread) if thread else ""):
            row.fate, row.reason = Fate.IGNORED, reason
            self._note(session, letter, "too_many")
            return
        if thread is None:
            thread = begun(letter)
            session.add(thread)
        row.fate, row.thread_id = Fate.FILED, thread.thread_id

    def _note(self, session: Session, letter: Letter, note: str) -> None:
        """Tell the writer, once a day at most: two machines must not begin to talk."""
        key = f"{LETTERS}:{note}:{letter.address}:{now().date()}"
        payload = {"note": note, "lang": letter.lang, "answers": [letter.message_id]}
        row = Delivery(channel=LETTERS, target=letter.address, payload=payload, key=key)
        self._outbox.add(session, row)

    def _bounced(self, session: Session, bounce: Bounce) -> None:
        """Mark the letters of ours that a report is about; only who got one can name it."""
        ours = select(MailLetter).where(
            col(MailLetter.message_id).in_(bounce.message_ids), MailLetter.fate == Fate.SENT
        )
        for letter in session.exec(ours).all():
            letter.fate, letter.reason = Fate.BOUNCED, bounce.why[:300]
            session.add(letter)
            failed: Any = update(Delivery).where(col(Delivery.key) == key_of(letter.message_id))
            session.connection().execute(failed.values(status=DeliveryStatus.DEAD, error=letter.reason))


async def refused(database: Database, *, limit: int) -> Sequence[MailLetter]:
    """Letters that nobody could read, the newest first."""
    query = select(MailLetter).where(MailLetter.fate == Fate.REFUSED).order_by(col(MailLetter.id).desc()).limit(limit)
    return await database.look(lambda session: session.exec(query).all())


def _flood(session: Session, row: MailLetter) -> str:
    """Why a letter of an address is one too many; what was ignored is not counted, for anybody can use its name."""
    theirs = select(func.count()).where(MailLetter.address == row.address, col(MailLetter.fate).in_(_HEARD))
    if session.exec(theirs.where(MailLetter.at > now() - AN_HOUR)).one() >= MOST_AN_HOUR:
        return "too many letters"
    same = theirs.where(MailLetter.text_digest == row.text_digest, MailLetter.at > now() - DAY)
    return "the same text again" if row.text and session.exec(same).one() >= SAME_TEXT - 1 else ""


def _flood_in(session: Session, thread: MailThread) -> str:
    """Why a letter that names ours is one too many: only letters that did so, too, are counted."""
    lately = select(MailLetter.answers).where(
        MailLetter.thread_id == thread.thread_id,
        col(MailLetter.fate).in_(_HEARD),
        MailLetter.at > now() - AN_HOUR,
    )
    vouched = sum(names(answers, thread) for answers in session.exec(lately).all())
    return "too many letters" if vouched >= MOST_AN_HOUR else ""


def _quick(session: Session, row: MailLetter, thread: MailThread) -> str:
    """Why a letter without any sign of it is taken for a machine's."""
    lately = select(MailLetter).where(MailLetter.thread_id == thread.thread_id).order_by(col(MailLetter.id).desc())
    quick, later = 0, row
    for letter in session.exec(lately.limit(2 * QUICK_ANSWERS)).all():
        if letter.fate in (Fate.SENT, Fate.BOUNCED) and later.fate is not Fate.SENT:
            if later.at - letter.at > QUICK:
                break
            quick += 1
        later = letter
    return "answers at once" if quick >= QUICK_ANSWERS else ""


def key_of(message_id: str) -> str:
    """The key in the outbox of a letter of ours."""
    return f"{LETTERS}:{message_id}"
