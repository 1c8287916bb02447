"""Documents in the database: every version is kept, and the last one is in force."""

import asyncio
import difflib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from knowledge_base.documents import READERS, About, Document, may_read
from naryad.db.models.document import Change, DocumentVersion, Origin
from naryad.db.session import Database
from naryad.db.types import storable
from naryad.errors import NotFound, Refused
from naryad.i18n import _

_LOCK = "knowledge"
_OTHER = {"ru": "en", "en": "ru"}
_light = defer(DocumentVersion.text)  # type: ignore[arg-type]  # all texts together are large


class Store:
    """Reads and writes versions of documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(
        self, documents: Sequence[Document], origin: Origin, by: str, reader: Collection[str] = READERS
    ) -> list[DocumentVersion]:
        """Take in documents; one that did not change leaves no trace.

        A folder's document never replaces one that a person gave, nor brings back what a person withdrew. Readers, kind
        and owner that a person's document does not say stay as they were, in this language or in the other one: a new
        text must not widen who may read it.

        Args:
            documents: What to take in.
            origin: How they came here.
            by: Who gives them.
            reader: What that person is.

        Returns:
            The new versions.

        Raises:
            Refused: The person may not read what would be replaced; nothing was taken in.
        """

        def work(session: Session) -> list[DocumentVersion]:
            self._database.hold(session, _LOCK)
            last = {(row.document_id, row.lang): row for row in session.exec(_current().options(_light))}
            done: list[DocumentVersion] = []
            for given in documents:
                key = (given.about.id, given.lang)
                before = last.get(key)
                document = given
                if origin is Origin.PERSON and (earlier := before or last.get((key[0], _OTHER[key[1]]))):
                    if not may_read(earlier.about["audience"], reader):
                        raise Refused(_("A document {id} is there already, and not for you.").format(id=key[0]))
                    document = _as_before(given, earlier)
                if before and (before.origin, origin) == (Origin.PERSON, Origin.FOLDER):
                    continue
                here = before if before and before.change is not Change.WITHDRAWN else None
                if here and here.digest == document.digest:
                    continue
                change = Change.CHANGED if here else Change.ADDED
                row = _row(document, change, origin, by, (before.version if before else 0) + 1)
                session.add(row)
                last[key] = row
                done.append(row)
            return done

        return await self._database.transact(work)

    async def withdraw(self, names: Iterable[tuple[str, str]], origin: Origin, by: str) -> list[str]:
        """Take documents out of the answers; their versions stay. Gives the names of those that were there."""

        def work(session: Session) -> list[str]:
            self._database.hold(session, _LOCK)
            wanted, done = set(names), []
            for row in session.exec(_current()).all():
                if (row.document_id, row.lang) in wanted and row.change is not Change.WITHDRAWN:
                    known = row.model_dump(exclude={"seq", "version", "change", "origin", "by", "at"})
                    version = row.version + 1
                    change = Change.WITHDRAWN
                    session.add(DocumentVersion(**known, version=version, change=change, origin=origin, by=by))
                    done.append(row.name)
            return done

        return await self._database.transact(work)

    async def revision(self) -> int:
        """The number of the last change; 0 for an empty base."""
        return await self._database.look(lambda session: session.exec(select(func.max(DocumentVersion.seq))).one() or 0)

    async def current(self, *, texts: bool = True) -> list[DocumentVersion]:
        """The documents in force; without their texts where nobody reads them."""
        query = _current() if texts else _current().options(_light)

        def work(session: Session) -> list[DocumentVersion]:
            return [row for row in session.exec(query).all() if row.change is not Change.WITHDRAWN]

        return await self._database.look(work)

    async def listed(
        self, reader: Collection[str], *, kind: str = "", lang: str = "", text: str = "", after: str = "", limit: int
    ) -> list[DocumentVersion]:
        """The documents in force for a reader, without their texts, in the order of `id.lang`.

        Args:
            reader: What the reader is.
            kind: Only of this kind.
            lang: Only in this language.
            text: Only with this in the id or the title.
            after: The last one of the page before.
            limit: At most so many.
        """

        def fits(row: DocumentVersion) -> bool:
            about = row.about
            return (
                row.change is not Change.WITHDRAWN
                and may_read(about["audience"], reader)
                and kind in ("", about["kind"])
                and lang in ("", row.lang)
                and text.lower() in f"{row.document_id}\n{about['title']}".lower()
                and row.name > after
            )

        rows = await self._database.look(lambda session: list(session.exec(_current().options(_light)).all()))
        return sorted(filter(fits, rows), key=lambda row: row.name)[:limit]

    async def one(self, document_id: str, lang: str) -> DocumentVersion | None:
        """The document in force, if there is one."""
        query = select(DocumentVersion).where(DocumentVersion.document_id == document_id, DocumentVersion.lang == lang)
        query = query.order_by(col(DocumentVersion.seq).desc()).limit(1)
        row = await self._database.look(lambda session: session.exec(query).first())
        return row if row and row.change is not Change.WITHDRAWN else None

    async def journal(self, limit: int = 50) -> list[DocumentVersion]:
        """The latest changes, the newest first."""
        query = select(DocumentVersion).order_by(col(DocumentVersion.seq).desc()).limit(limit)
        return await self._database.look(lambda session: list(session.exec(query).all()))

    async def history(self, document_id: str, lang: str) -> list[DocumentVersion]:
        """Every version of a document without its text, the newest first.

        Raises:
            NotFound: There is no such document; says in which language there is one.
        """
        query = select(DocumentVersion).where(DocumentVersion.document_id == document_id)
        query = query.options(_light).order_by(col(DocumentVersion.seq).desc())
        rows = await self._database.look(lambda session: list(session.exec(query).all()))
        if found := [row for row in rows if row.lang == lang]:
            return found
        if rows:
            text = _("{id} is there in another language only: {lang}.")
            raise NotFound(text.format(id=document_id, lang=rows[0].lang))
        raise NotFound(_("There is no document {id!r}.").format(id=document_id))

    async def diff(self, document_id: str, lang: str, before: int | None = None, after: int | None = None) -> str:
        """What changed between two versions, by default the last two, as a unified diff; empty where nothing did.

        Version 0 is what was before the first: nothing.

        Raises:
            NotFound: There is no such document or version.
        """
        last = (await self.history(document_id, lang))[0].version
        after = last if after is None else after
        before = max(after - 1, 0) if before is None else before
        if (beyond := max(before, after)) > last:
            text = _("{name} has no version {version}: its versions are 1 to {last}.")
            raise NotFound(text.format(name=f"{document_id}.{lang}", version=beyond, last=last))
        query = select(DocumentVersion).where(DocumentVersion.document_id == document_id, DocumentVersion.lang == lang)
        query = query.where(col(DocumentVersion.version).in_((before, after)))
        rows = await self._database.look(lambda session: {row.version: row for row in session.exec(query).all()})
        old, new = (_lines(rows.get(version)) for version in (before, after))
        first, second = (_("version {number}").format(number=number) for number in (before, after))
        changed = difflib.unified_diff(old, new, first, second, lineterm="")
        return await asyncio.to_thread("\n".join, changed)  # of two long and unlike texts it takes seconds


def document(row: DocumentVersion) -> Document:
    """The document that a row holds."""
    about = About.model_validate(row.about)
    return Document(about=about, lang=row.lang, text=row.text, source=row.source)


def _as_before(given: Document, before: DocumentVersion) -> Document:
    unsaid = {"audience", "kind", "owner"} - given.about.model_fields_set
    known = About.model_validate(before.about)
    about = given.about.model_copy(update={name: getattr(known, name) for name in unsaid})
    return given.model_copy(update={"about": about})


def _row(given: Document, change: Change, origin: Origin, by: str, version: int) -> DocumentVersion:
    return DocumentVersion(
        document_id=given.about.id, lang=given.lang, version=version, change=change, origin=origin,
        about=given.about.model_dump(mode="json"), text=storable(given.text), digest=given.digest,
        source=storable(given.source), by=by,
    )  # fmt: skip


def _current() -> Any:
    newest = select(func.max(DocumentVersion.seq)).group_by(DocumentVersion.document_id, DocumentVersion.lang)
    return select(DocumentVersion).where(col(DocumentVersion.seq).in_(newest)).order_by(col(DocumentVersion.seq))


def _lines(row: DocumentVersion | None) -> list[str]:
    if row is None or row.change is Change.WITHDRAWN:
        return []
    return [*(f"{name}: {value}" for name, value in sorted(row.about.items())), "", *row.text.splitlines()]
