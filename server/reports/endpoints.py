"""Reports: the archive, downloads, and one made now."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse, PlainTextResponse, Response

from naryad.db.models.report import ReportKind
from naryad.reports import text
from naryad.reports.archive import figures_of, name_of
from server import errors
from server.access import Operator, Reading
from server.parts import Using
from server.reports.schemas import FileFormat, Language, NewReport, ReportLine, Reports, ReportShown

router = APIRouter(prefix="/api/v1/reports", tags=["reports"], responses=errors.answers(401, 403, 422))
Id = Annotated[str, Path(pattern=r"^[\w-]{1,64}$")]


@router.get("")
async def listed(
    _caller: Reading,
    parts: Using,
    kind: ReportKind | None = None,
    before: Annotated[str, Query(pattern=r"^[\w-]{0,64}$", description="The last id of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Reports:
    """Reports of the last 30 days, the newest first."""
    found = await parts.archive.listed(kind, before=before, limit=limit)
    return Reports(reports=[ReportLine.of(row) for row in found])


@router.post("", status_code=201, responses=errors.answers(409, 413))
async def make(wanted: NewReport, caller: Operator, parts: Using) -> ReportShown:
    """Make a report now; one of a period that is over is made once, and is the same for all."""
    period = parts.archive.period(wanted.kind, wanted.day)
    return ReportShown.of(await parts.archive.make(period, caller.person.id))


@router.get("/{report_id}", responses=errors.answers(404))
async def shown(report_id: Id, _caller: Reading, parts: Using) -> ReportShown:
    """One report as data."""
    return ReportShown.of(await parts.archive.of_id(report_id))


@router.get(
    "/{report_id}/file",
    response_class=Response,
    responses={
        200: {
            "description": "The file",
            "content": {
                kind: {"schema": {"type": "string"}} for kind in ("application/pdf", "text/html", "text/plain")
            },
        },
        **errors.answers(404, 502),
    },
)
async def download(
    report_id: Id,
    caller: Reading,
    parts: Using,
    format: FileFormat = FileFormat.PDF,
    lang: Annotated[Language | None, Query(description="By default the caller's language.")] = None,
) -> Response:
    """One report as a file."""
    report, spoken = await parts.archive.of_id(report_id), lang.value if lang else caller.account.lang
    if format is FileFormat.TEXT:
        return PlainTextResponse(text.full(figures_of(report), spoken))
    made = parts.archive.pdf if format is FileFormat.PDF else parts.archive.html
    file = await made(report, spoken)
    kind = "application/pdf" if format is FileFormat.PDF else "text/html"
    return FileResponse(file, media_type=kind, filename=f"{name_of(report)}{file.suffix}")
