"""The server of the page: FastAPI over the same agents and tools that the command line uses."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from matsmith import __version__
from matsmith.app.tool_service import ToolService
from matsmith.app.web.guard import Guard
from matsmith.app.web.runs import RunDesk, TooManyRunsError
from matsmith.core.errors import BudgetExceeded, ImpossibleObjective, MatsmithError, ReasonerError, UsageError

if TYPE_CHECKING:
    from matsmith.core.settings import Settings

STATIC = Path(__file__).with_name("static")
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


def make_application(settings: Settings, *, hosts: Collection[str] = LOCAL_NAMES, token: str = "") -> FastAPI:
    """The application. `hosts` are the names by which a browser may know it; `token`, when given, is needed by every call."""
    from matsmith.app.web import routes_chat, routes_runs, routes_tools

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.settings = settings
        app.state.runs = RunDesk(settings=settings)
        app.state.tools = ToolService(settings=settings)
        app.state.threads = routes_chat.Threads(settings=settings)
        try:
            yield
        finally:
            app.state.threads.close()
            app.state.tools.close()

    app = FastAPI(
        title="matsmith",
        version=__version__,
        summary="Design runs, tools, literature and conversations of one installation",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.add_exception_handler(MatsmithError, _expected)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.include_router(routes_runs.router, prefix="/api")
    app.include_router(routes_tools.router, prefix="/api")
    app.include_router(routes_chat.router, prefix="/api")

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, hosts=tuple(hosts), token=token)
    return app


async def _expected(request: Request, error: Exception) -> JSONResponse:
    """An expected error as a sentence, what to do, and the status that belongs to it."""
    del request
    if not isinstance(error, MatsmithError):
        raise error
    status = 400
    match error:
        case TooManyRunsError():
            status = 429
        case ImpossibleObjective():
            status = 422
        case UsageError() if error.message.startswith("There is no") or " has no " in error.message:
            status = 404
        case BudgetExceeded() | ReasonerError():
            status = 409
        case _:
            status = 400
    return JSONResponse({"message": error.message, "hint": error.hint}, status_code=status)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    del request
    first: Any = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = ".".join(str(part) for part in first.get("loc", ())[1:])
    return JSONResponse(
        {
            "message": f"The call is malformed: {where or 'its body'}: {first.get('msg', 'cannot be read')}.",
            "hint": "",
        },
        status_code=422,
    )
