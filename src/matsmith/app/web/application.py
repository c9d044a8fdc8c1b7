"""The server of the page: FastAPI over the same agents and tools that the command line uses."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from matsmith import __version__
from matsmith.app.warm_up import warm_up_soon
from matsmith.app.web.guard import Gate, Guard
from matsmith.app.web.homes import Homes
from matsmith.app.web.problems import ALWAYS, add_handlers, describe, problems
from matsmith.app.web.room import MOST_RUNNING
from matsmith.app.web.slow_calls import make_limiter

if TYPE_CHECKING:
    from matsmith.core.settings import Settings

STATIC = Path(__file__).with_name("static")
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


def make_application(
    settings: Settings,
    *,
    hosts: Collection[str] = LOCAL_NAMES,
    gate: Gate | None = None,
    runs_each: int = MOST_RUNNING,
    runs_together: int | None = None,
) -> FastAPI:
    """The application, for browsers that know it by one of the names in `hosts`.

    The `gate`, when there is one, knows whose token a call carries. At most `runs_each` design runs are at work for one person, and
    `runs_together` for all.
    """
    from matsmith.app.web import routes_chat, routes_plots, routes_runs, routes_tools

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        warm_up_soon(settings)
        app.state.slow = make_limiter()
        app.state.homes = Homes(settings=settings, runs_each=runs_each, runs_together=runs_together)
        try:
            yield
        finally:
            app.state.homes.close()

    app = FastAPI(
        title="matsmith",
        version=__version__,
        summary="Design runs, tools, literature and conversations of one installation",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    add_handlers(app)
    app.openapi = lambda: describe(app)
    for router in (routes_runs.router, routes_tools.router, routes_chat.router, routes_plots.router):
        app.include_router(router, prefix="/api", responses=problems(*ALWAYS))

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, hosts=tuple(hosts), gate=gate)
    return app
