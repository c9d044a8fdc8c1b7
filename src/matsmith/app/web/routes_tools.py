"""Calls of the page that concern tools, records of single calls, and the literature."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Body, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from matsmith.app.web.homes import home_of
from matsmith.app.web.problems import problems
from matsmith.app.web.slow_calls import slowly

router = APIRouter(tags=["tools"])
ToolName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,60}$")]


class Question(BaseModel):
    """A question to the literature."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=2000)


@router.get("/about")
async def about(request: Request) -> dict[str, Any]:
    """What this installation is and can do, for the foot of the page."""
    from matsmith import __version__

    home = home_of(request)
    settings = home.settings
    return {
        "version": __version__,
        "reasoner": settings.reasoner,
        "model": settings.model if settings.reasoner != "rules" else None,
        "potential": settings.potential,
        "person": home.person or None,
    }


@router.get("/tools")
async def tools(request: Request) -> list[dict[str, Any]]:
    """All tools: what each measures, what it takes, what it lacks here."""

    def work() -> list[dict[str, Any]]:
        from matsmith.app.tool_view import tool_json
        from matsmith.tools.registry import get_tool, tool_names

        return [tool_json(get_tool(name), home_of(request).settings) for name in tool_names()]

    return await anyio.to_thread.run_sync(work)


@router.get("/properties")
async def properties() -> dict[str, Any]:
    """Title and unit of every property, for labels."""
    from matsmith.core.properties import PROPERTIES

    return {name: {"title": entry.title, "unit": entry.unit} for name, entry in PROPERTIES.items()}


@router.post("/tools/{name}", responses=problems(404, 429, 503))
async def run_tool(
    request: Request, name: ToolName, body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Run one tool and return its record. A structure comes as the id of a record or as the text of a CIF; the call ends with the browser's."""
    from matsmith.app.structure_text import with_structures
    from matsmith.app.tool_service import Call

    service = home_of(request).tools
    call = Call(name)

    def work() -> dict[str, Any]:
        taken = with_structures(service, name, body, paths=False)
        return service.run(name, taken, call=call).model_dump(mode="json")

    return await slowly(request, work, on_leaving=call.cancel)


@router.post("/ask", responses=problems(409, 429, 503))
async def ask(request: Request, body: Annotated[Question, Body()]) -> dict[str, Any]:
    """Answer a question from the library and the notes; every statement carries its quotes."""

    def work() -> dict[str, Any]:
        from matsmith.agents.literature_answer import answer
        from matsmith.agents.session import make_reasoner
        from matsmith.app.commands_ask import answer_json
        from matsmith.knowledge.literature.corpus import open_corpus

        settings = home_of(request).settings
        with open_corpus(settings.library_dir, required=False) as corpus:
            reasoner = make_reasoner(settings.reasoner, settings=settings)
            return answer_json(
                answer(body.question, corpus=corpus, reasoner=reasoner), lacking=corpus.lacking
            )

    return await slowly(request, work)
