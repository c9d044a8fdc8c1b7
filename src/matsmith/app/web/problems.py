"""What the server answers when a call cannot be served: one sentence, what to do, and the status that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from matsmith.app.web.event_stream import EventStream
from matsmith.app.web.room import TooManyRunsError
from matsmith.core.errors import BudgetExceeded, ImpossibleObjective, MatsmithError, ReasonerError, UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request


class Problem(BaseModel):
    """Why a call was not served, and what to do."""

    message: str
    hint: str = Field(default="", description="what to do about it")


class TooLargeError(MatsmithError):
    """More was sent than is taken at once."""


class TooManyCallsError(MatsmithError):
    """As many calls wait as the server bears."""


_SAY = {
    400: "It cannot be done as it was asked",
    401: "A token is needed",
    403: "The call comes from another page, or lacks the header X-Matsmith",
    404: "There is no such thing",
    409: "The budget is used up, or the language model failed",
    413: "More than is taken at once",
    421: "The server is not known by that name",
    422: "The call is malformed, or the objective impossible",
    429: "Too much at once: try again later",
    500: "A defect of the server",
    503: "The call was ended",
}
ALWAYS = (400, 401, 403, 413, 421, 422, 500)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How an operation documents what can go wrong."""
    return {status: {"model": Problem, "description": _SAY[status]} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document. What goes wrong is told as JSON, also where an operation returns a page, a file or a stream of events."""
    from fastapi.openapi.utils import get_openapi

    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operation in (each for path in document["paths"].values() for each in path.values()):
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = problem
                elif EventStream.media_type in response.get("content", {}):
                    # Each event has a schema of its own kind; the stream as a whole has none that the document could state.
                    response["content"] = {EventStream.media_type: {}}
        app.openapi_schema = document
    return app.openapi_schema


def add_handlers(app: FastAPI) -> None:
    """Let every error be answered as a `Problem`."""
    from starlette.exceptions import HTTPException

    app.add_exception_handler(MatsmithError, _expected)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _defect)


async def _expected(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, MatsmithError):
        raise error
    return JSONResponse({"message": error.message, "hint": error.hint}, status_code=_status(error))


def _status(error: MatsmithError) -> int:
    from matsmith.app.tool_service import CallEnded

    match error:
        case TooManyRunsError() | TooManyCallsError():
            return 429
        case TooLargeError():
            return 413
        case CallEnded():
            return 503
        case ImpossibleObjective():
            return 422
        case UsageError() if error.message.startswith("There is no") or " has no " in error.message:
            return 404
        case BudgetExceeded() | ReasonerError():
            return 409
        case _:
            return 404 if error.message.startswith("There is no tool") else 400


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    del request
    first: Any = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ())[1:])
    message = f"The call is malformed: {where or 'its body'}: {first.get('msg', 'cannot be read')}."
    return JSONResponse({"message": message, "hint": ""}, status_code=422)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """An address or a method that there is not, a body that cannot be read."""
    from starlette.exceptions import HTTPException

    del request
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = error.detail if isinstance(error, HTTPException) else ""
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    sentence = {404: "There is no such address.", 405: "This address takes no such call."}.get(
        status, f"The call cannot be read: {detail}."
    )
    return JSONResponse({"message": sentence, "hint": ""}, status_code=status, headers=headers)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    """An error of the server's own; it also stands in the server's log."""
    del request
    return JSONResponse(
        {
            "message": f"matsmith met an error of its own ({type(error).__name__}).",
            "hint": "Please report it with what `matsmith serve` has printed.",
        },
        status_code=500,
    )
