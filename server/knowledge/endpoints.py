"""The knowledge base: asked and searched by everyone, each what is for them; kept by operators."""

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import ClientDisconnect

from knowledge_base.answer import Answer
from knowledge_base.documents import ID, Kind, Lang, may_read
from naryad.db.models.document import DocumentVersion, Origin
from naryad.errors import NaryadError, NotFound
from naryad.i18n import _
from server import errors
from server.access import Caller, Chatting, Operator, Reading
from server.edge import let_grow
from server.knowledge.schemas import (
    Difference,
    DocumentLine,
    DocumentPage,
    DocumentShown,
    Found,
    History,
    Question,
    StatusShown,
    Upload,
    UploadTaken,
    VersionLine,
)
from server.parts import Parts, Using

router = APIRouter(prefix="/api/v1/knowledge", tags=["knowledge"], responses=errors.answers(401, 403, 422))
_FILE = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
Id = Annotated[str, Path(pattern=ID)]
Number = Annotated[int | None, Query(ge=0, le=1_000_000)]


@router.post("/ask", responses=errors.answers(413))
async def ask(asked: Question, caller: Chatting, parts: Using) -> Answer:
    """An answer in the words of the best passage, with the passages; `known` is false where the base has none."""
    return await parts.crew.knowledge.answer(asked.question, _reader(caller), asked.lang)


@router.get("/search")
async def search(
    query: Annotated[str, Query(min_length=1, max_length=2_000)],
    caller: Chatting,
    parts: Using,
    lang: Lang | None = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Found:
    """The best passages."""
    return Found(passages=await parts.crew.knowledge.search(query, _reader(caller), lang, limit))


@router.get("/status")
async def status(caller: Reading, parts: Using) -> StatusShown:
    """How much there is, and what is out of date."""
    state = await parts.crew.knowledge.status(_reader(caller))
    return StatusShown.model_validate(state.model_dump())


@router.get("/documents")
async def listed(
    caller: Chatting,
    parts: Using,
    kind: Kind | None = None,
    lang: Lang | None = None,
    text: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DocumentPage:
    """The documents in force, by their ids; `text` is looked for in ids and titles."""
    found = await parts.crew.knowledge.store.listed(
        _reader(caller), kind=kind or "", lang=lang or "", text=text, after=cursor, limit=limit
    )
    lines = [DocumentLine.of(row) for row in found]
    return DocumentPage(documents=lines, next=found[-1].name if len(found) == limit else None)


@router.post(
    "/documents",
    status_code=201,
    responses=errors.answers(400, 409, 413),
    openapi_extra={"requestBody": _FILE},
)
async def upload(about: Annotated[Upload, Query()], request: Request, caller: Operator, parts: Using) -> UploadTaken:
    """Take in one file, sent as the body: md, txt, html, docx or pdf.

    A new text of a document that is there becomes its next version; the same text changes nothing.
    """
    knowledge, said = parts.crew.knowledge, about.model_dump(exclude_none=True)
    let_grow(request, knowledge.settings.max_file_mb << 20)
    try:
        data = await request.body()
    except ClientDisconnect:
        raise NaryadError(_("The file did not come whole.")) from None
    change, row = await knowledge.upload(data=data, by=caller.person.id, reader=_reader(caller), **said)
    return UploadTaken(change=change, document=DocumentLine.of(row))


@router.get("/documents/{document_id}/{lang}", responses=errors.answers(404))
async def shown(document_id: Id, lang: Lang, caller: Chatting, parts: Using) -> DocumentShown:
    """A whole document."""
    row = await _row(document_id, lang, caller, parts)
    return DocumentShown.of(row, text=row.text)


@router.delete("/documents/{document_id}/{lang}", status_code=204, responses=errors.answers(404))
async def withdraw(document_id: Id, lang: Lang, caller: Operator, parts: Using) -> None:
    """Take a document out of the answers; its versions stay, and no folder brings it back."""
    row = await _row(document_id, lang, caller, parts)
    await parts.crew.knowledge.store.withdraw([(row.document_id, row.lang)], Origin.PERSON, caller.person.id)


@router.get("/documents/{document_id}/{lang}/history", responses=errors.answers(404))
async def history(
    document_id: Id,
    lang: Lang,
    caller: Reading,
    parts: Using,
    cursor: Number = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> History:
    """Who changed a document, and when; also of one that was withdrawn."""
    rows = await _history(document_id, lang, caller, parts)
    page = [row for row in rows if cursor is None or row.version < cursor][:limit]
    return History(
        versions=[VersionLine.of(row) for row in page], next=page[-1].version if len(page) == limit else None
    )


@router.get("/documents/{document_id}/{lang}/diff", responses=errors.answers(404))
async def diff(
    document_id: Id,
    lang: Lang,
    caller: Reading,
    parts: Using,
    before: Annotated[Number, Query(alias="from")] = None,
    after: Annotated[Number, Query(alias="to")] = None,
) -> Difference:
    """What changed between two versions, by default the last two."""
    await _history(document_id, lang, caller, parts)
    return Difference(diff=await parts.crew.knowledge.store.diff(document_id, lang, before, after))


def _reader(caller: Caller) -> Collection[str]:
    """What the caller is: by the account, never by the request."""
    return caller.person.roles


async def _row(document_id: str, lang: str, caller: Caller, parts: Parts) -> DocumentVersion:
    row = await parts.crew.knowledge.store.one(document_id, lang)
    if row is None or not may_read(row.about["audience"], _reader(caller)):
        raise _nothing()
    return row


async def _history(document_id: str, lang: str, caller: Caller, parts: Parts) -> list[DocumentVersion]:
    """Every version, for whoever may read every one of them."""
    try:
        rows = await parts.crew.knowledge.store.history(document_id, lang)
    except NotFound:
        raise _nothing() from None
    if not all(may_read(row.about["audience"], _reader(caller)) for row in rows):
        raise _nothing()
    return rows


def _nothing() -> NotFound:
    return NotFound(_("There is no such document."))
