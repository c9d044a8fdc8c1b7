"""Calls of the page that concern design runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from matsmith.app.web.event_stream import EventStream
from matsmith.app.web.events import as_server_sent
from matsmith.app.web.guard import REPORT_POLICY
from matsmith.app.web.homes import home_of
from matsmith.app.web.problems import problems
from matsmith.app.web.runs import RunDesk, RunLine
from matsmith.app.web.slow_calls import slowly

router = APIRouter(tags=["runs"])
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]
Identifier = Annotated[str, Path(pattern=r"^[0-9a-f]{4,64}$")]


class CifResponse(PlainTextResponse):
    """A structure as CIF."""

    media_type = "chemical/x-cif"


class Objective(BaseModel):
    """An objective in plain words."""

    model_config = ConfigDict(extra="forbid")

    objective: str = Field(min_length=1, max_length=4000)


class Started(BaseModel):
    """The name of a run."""

    name: str


class Said(BaseModel):
    """One sentence."""

    sentence: str


class NewRun(BaseModel):
    """A specification, as `plan` returned it or edited, with how it is run."""

    model_config = ConfigDict(extra="forbid")

    spec: dict[str, Any]
    seed: int = Field(default=0, ge=0, lt=2**31)
    approve: tuple[Literal["plan", "round", "spend"], ...] = Field(default=(), max_length=3)


class GoOn(BaseModel):
    """What to answer to a run that waits; nothing for one that was stopped."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["", "approve", "refuse"] = ""


def _desk(request: Request) -> RunDesk:
    return home_of(request).runs


@router.post("/plan", responses=problems(409, 429, 503))
async def plan(request: Request, body: Annotated[Objective, Body()]) -> dict[str, Any]:
    """Understand an objective; nothing is spent."""

    def work() -> dict[str, Any]:
        from matsmith.agents.session import plan_objective
        from matsmith.app.plan_view import plan_json

        return plan_json(plan_objective(body.objective, settings=home_of(request).settings))

    return await slowly(request, work)


@router.get("/runs")
async def runs(request: Request) -> list[RunLine]:
    """All runs of this installation, newest first."""
    return await anyio.to_thread.run_sync(_desk(request).list)


@router.post("/runs", status_code=201, responses=problems(429))
async def start(request: Request, body: Annotated[NewRun, Body()]) -> Started:
    """Start a run; it goes on when the browser leaves."""
    return Started(name=await anyio.to_thread.run_sync(lambda: _desk(request).start(body.model_dump())))


@router.get("/runs/{name}", response_model=dict[str, Any], responses=problems(404))
async def detail(request: Request, name: Name) -> Response:
    """Everything that is known of a run, its records apart."""
    body = await anyio.to_thread.run_sync(lambda: _desk(request).detail(name))
    return Response(body, media_type="application/json")


@router.get("/runs/{name}/events", response_class=EventStream, responses=problems(404))
async def events(
    request: Request,
    name: Name,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventStream:
    """What the run tells, from its first event or after the one that was seen last, as server-sent events."""
    feed = await anyio.to_thread.run_sync(lambda: _desk(request).feed(name))
    seen = (
        int(last_event_id) if last_event_id and last_event_id.isdigit() and len(last_event_id) < 10 else after
    )
    return EventStream(
        as_server_sent(feed.follow(seen)),
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


@router.post("/runs/{name}/stop", responses=problems(404))
async def stop(request: Request, name: Name) -> Said:
    """End a run at work. What it has finished is kept, and it can go on."""
    return Said(sentence=await anyio.to_thread.run_sync(lambda: _desk(request).stop(name)))


@router.post("/runs/{name}/resume", responses=problems(404, 429))
async def resume(request: Request, name: Name, body: Annotated[GoOn, Body()]) -> Started:
    """Go on with a run that was stopped, or decide what it waits for."""
    work = lambda: _desk(request).resume(name, decision=body.decision)  # noqa: E731
    return Started(name=await anyio.to_thread.run_sync(work))


@router.get("/runs/{name}/report", response_class=HTMLResponse, responses=problems(404))
async def report(request: Request, name: Name) -> HTMLResponse:
    """The report of a run, a page of its own."""
    text = await anyio.to_thread.run_sync(lambda: _desk(request).report(name))
    return HTMLResponse(text, headers={"content-security-policy": REPORT_POLICY})


@router.get("/runs/{name}/records/{record}", responses=problems(404))
async def record(request: Request, name: Name, record: Identifier) -> dict[str, Any]:
    """One record, with its inputs, method and everything it found."""
    found = await anyio.to_thread.run_sync(lambda: _desk(request).record(name, record))
    return found.model_dump(mode="json")


@router.get("/runs/{name}/candidates/{candidate}.cif", response_class=CifResponse, responses=problems(404))
async def structure(request: Request, name: Name, candidate: Identifier) -> CifResponse:
    """A candidate as CIF."""
    text = await anyio.to_thread.run_sync(lambda: _desk(request).cif(name, candidate))
    return CifResponse(text)
