"""Documents in the database: every version is kept, and the last one is in force."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from knowledge_base.documents import About, Document
from naryad.db.models.document import Change, DocumentVersion, Origin
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.errors import NotFound
from naryad.i18n import _

_LOCK = "knowledge"


class Store:
    """Reads and writes versions of documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, documents: Sequence[Document], origin: Origin, by: str) -> dict[Change, list[str]]:
        """Take in documents; one that did not change leaves no trace.

        A folder's document never replaces one that a person gave.
        """

        def work(session: Session) -> dict[Change, list[str]]:
            self._database.hold(session, _LOCK)
            last = {(row.document_id, row.lang): row for row in session.exec(_current())}
            done: dict[Change, list[str]] = {Change.ADDED: [], Change.CHANGED: []}
            for document in documents:
                key = (document.about.id, document.lang)
                before = last.get(key)
                here = before if before and before.change is not Change.WITHDRAWN else None
                if here and (here.digest == document.digest or (here.origin, origin) == (Origin.PERSON, Origin.FOLDER)):
                    continue
                change = Change.CHANGED if here else Change.ADDED
                row = _row(document, change, origin, by, (before.version if before else 0) + 1)
                session.add(row)
                last[key] = row
                done[change].append(".".join(key))
            return done

        return await self._database.transact(work)

    async def withdraw(self, names: Iterable[tuple[str, str]], by: str) -> list[str]:
        """Take documents out of the answers; their versions stay."""

        def work(session: Session) -> list[str]:
            self._database.hold(session, _LOCK)
            wanted, done = set(names), []
            for row in session.exec(_current()).all():
                if (row.document_id, row.lang) in wanted and row.change is not Change.WITHDRAWN:
                    known = row.model_dump(exclude={"seq", "version", "change", "by", "at"})
                    version = row.version + 1
                    session.add(DocumentVersion(**known, version=version, change=Change.WITHDRAWN, by=by))
                    done.append(f"{row.document_id}.{row.lang}")
            return done

        return await self._database.transact(work)

    async def revision(self) -> int:
        """The number of the last change; 0 for an empty base."""
        return await self._database.look(lambda session: session.exec(select(func.max(DocumentVersion.seq))).one() or 0)

    async def current(self) -> list[DocumentVersion]:
        """The documents in force."""

        def work(session: Session) -> list[DocumentVersion]:
            return [row for row in session.exec(_current()).all() if row.change is not Change.WITHDRAWN]

        return await self._database.look(work)

    async def journal(self, limit: int = 50) -> list[DocumentVersion]:
        """The latest changes, the newest first."""
        query = select(DocumentVersion).order_by(col(DocumentVersion.seq).desc()).limit(limit)
        return await self._database.look(lambda session: list(session.exec(query).all()))

    async def diff(self, document_id: str, lang: str, before: int | None = None, after: int | None = None) -> str:
        """What changed between two versions, by default the last two, as a unified diff.

        Raises:
            NotFound: There is no such document or version.
        """
        query = select(DocumentVersion).where(DocumentVersion.document_id == document_id, DocumentVersion.lang == lang)
        rows = await self._database.look(lambda session: {row.version: row for row in session.exec(query).all()})
        last = max(rows, default=0)
        after = after or last
        before = max(after - 1, 0) if before is None else before
        if after not in rows or (before and before not in rows):
            raise NotFound(_("No such document or version: {name}").format(name=f"{document_id}.{lang}"))
        old, new = (_lines(rows.get(version)) for version in (before, after))
        return "\n".join(difflib.unified_diff(old, new, f"version {before}", f"version {after}", lineterm=""))


def document(row: DocumentVersion) -> Document:
    """The document that a row holds."""
    about = About.model_validate(row.about)
    return Document(about=about, lang=row.lang, text=row.text, source=row.source)


def _row(given: Document, change: Change, origin: Origin, by: str, version: int) -> DocumentVersion:
    return DocumentVersion(
        document_id=given.about.id, lang=given.lang, version=version, change=change, origin=origin,
        about=given.about.model_dump(mode="json"), text=storable(given.text), digest=given.digest,
        source=given.source, by=by,
    )  # fmt: skip


def _current() -> Any:
    newest = select(func.max(DocumentVersion.seq)).group_by(DocumentVersion.document_id, DocumentVersion.lang)
    return select(DocumentVersion).where(col(DocumentVersion.seq).in_(newest)).order_by(col(DocumentVersion.seq))


def _lines(row: DocumentVersion | None) -> list[str]:
    if row is None or row.change is Change.WITHDRAWN:
        return []
    return [*(f"{name}: {value}" for name, value in sorted(row.about.items())), "", *row.text.splitlines()]
