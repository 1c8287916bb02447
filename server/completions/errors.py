"""Errors as OpenAI's clients read them."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from naryad import faults
from naryad.errors import NaryadError, NotFound, Refused
from naryad.i18n import _
from server.completions.schemas import Fault, FaultBody
from server.errors import Denied

log = structlog.get_logger()
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents besides its success."""
    return {status: {"model": FaultBody} for status in statuses}


class UnknownModel(NotFound):
    """There is no such agent for the caller."""


class OpenAIRoute(APIRoute):
    """A route whose errors have OpenAI's shape; those of the edge, before any route, keep the server's own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its errors translated."""
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except Denied as denied:
                code = "invalid_api_key" if denied.status == 401 else denied.code
                return _fault(denied.status, denied.message, code, headers=denied.headers)
            except UnknownModel as error:
                return _fault(404, error.message, "model_not_found", param="model")
            except NotFound as error:
                return _fault(404, error.message, "not_found")
            except Refused as error:
                return _fault(409, error.message, "refused")
            except NaryadError as error:
                return _fault(400, error.message, "failed")
            except RequestValidationError as error:
                first = error.errors()[0]
                param = ".".join(map(str, first["loc"][1:])) or None
                return _fault(400, faults.explained(first), "invalid_value", param=param)
            except SQLAlchemyError as error:
                log.error("request.database.failed", error=type(error).__name__)
                return _fault(503, _("The database does not answer; try again in a moment."), "database_unavailable")

        return translated


def _fault(
    status: int, message: str, code: str, *, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = FaultBody(error=Fault(message=message, type=kind, param=param, code=code))
    return JSONResponse(body.model_dump(), status, headers=headers)
