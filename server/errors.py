"""Errors as every client sees them: `{"error": {code, message, details, request_id}}`."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from naryad import faults
from naryad.accounts.refusals import NotSignedIn, SecondFactorNeeded, TooSoon
from naryad.errors import ConfigError, LLMUnavailable, NaryadError, NotFound, Refused, ToolFailed
from naryad.i18n import _

log = structlog.get_logger()


class Problem(BaseModel):
    """What went wrong: a stable `code` for programs, a `message` for people, `details` where a field is at fault."""

    code: str
    message: str
    details: list[dict[str, Any]] = []
    request_id: str


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: Problem


class Denied(NaryadError):
    """The caller did not show who they are, may not do this, or asks too often.

    Args:
        message: What to do about it.
        status: 401, 403, 413 or 429.
        code: A stable word for programs.
        headers: What HTTP wants besides, for example `Retry-After`.
    """

    def __init__(self, message: str, *, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers or {}


_KNOWN: tuple[tuple[type[NaryadError], int, str], ...] = (
    (SecondFactorNeeded, 401, "second_factor_required"),
    (NotSignedIn, 401, "unauthorized"),
    (TooSoon, 429, "too_many_requests"),
    (NotFound, 404, "not_found"),
    (Refused, 409, "refused"),
    (LLMUnavailable, 503, "model_unavailable"),
    (ToolFailed, 502, "tool_failed"),
    (ConfigError, 500, "misconfigured"),
    (NaryadError, 400, "failed"),
)
_BY_STATUS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents besides its success."""
    return {status: {"model": ErrorBody} for status in statuses}


def problem(
    request: HTTPConnection,
    status: int,
    code: str,
    message: str,
    *,
    details: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """One error as an answer."""
    body = Problem(code=code, message=message, details=details or [], request_id=request.scope.get("request_id", ""))
    return JSONResponse({"error": body.model_dump()}, status, headers=headers)


def install(app: FastAPI) -> None:
    """Give every error its shape."""
    app.add_exception_handler(NaryadError, _deliberate)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(SQLAlchemyError, _no_database)


async def _deliberate(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, NaryadError)
    if isinstance(error, Denied):
        return problem(request, error.status, error.code, error.message, headers=error.headers)
    status, code = next((status, code) for kind, status, code in _KNOWN if isinstance(error, kind))
    if status == 500:
        log.error("request.misconfigured", message=error.message)
        return problem(request, status, code, _("The server is not set up for this; its log says why."))
    headers = {"Retry-After": str(error.wait)} if isinstance(error, TooSoon) else {}
    return problem(request, status, code, error.message, headers=headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    # The wrong input itself is left out: it may hold a password.
    details = [
        {"field": ".".join(map(str, fault["loc"])), "problem": faults.explained(fault)} for fault in error.errors()
    ]
    return problem(request, 422, "invalid", _("The request does not fit; see details."), details=details)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's word for a body that is not even text, or that is nested beyond reason
        return problem(request, 422, "invalid", _("The body of the request cannot be read."))
    code = _BY_STATUS.get(error.status_code, "http_error")
    return problem(request, error.status_code, code, _plainly(error), headers=dict(error.headers or {}))


def _plainly(error: HTTPException) -> str:
    """What the framework says in English only."""
    if error.status_code == 404:
        return _("There is nothing at this address.")
    if error.status_code == 405:
        return _("This address does not take such a request.")
    return str(error.detail)


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    # PostgreSQL takes no NUL in a text, and no number beyond its bounds, where SQLite looks and finds nothing.
    return problem(request, 422, "invalid", _("The request does not fit; see details."))


async def _no_database(request: Request, error: Exception) -> JSONResponse:
    log.error("request.database.failed", error=type(error).__name__)
    return problem(request, 503, "database_unavailable", _("The database does not answer; try again in a moment."))
