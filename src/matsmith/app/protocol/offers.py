"""What the server offers besides the tools: understand an objective, run the design loop, ask the literature."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matsmith.app.protocol.tool_calls import failed
from matsmith.app.tool_service import ToolService
from matsmith.core.errors import ImpossibleObjective, MatsmithError, UsageError
from matsmith.core.run import Event, EventKind

if TYPE_CHECKING:
    from mcp.server import ServerRequestContext

    from matsmith.agents.conversation.run_process import RunProcess

LONGEST_TEXT = 4_000


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanArguments(_Arguments):
    """What `plan_objective` takes."""

    objective: str = Field(
        min_length=1, max_length=LONGEST_TEXT, description="what is wanted, in plain words"
    )


class AskArguments(_Arguments):
    """What `ask_literature` takes."""

    question: str = Field(min_length=1, max_length=LONGEST_TEXT, description="the question, as a sentence")


class DesignArguments(_Arguments):
    """What `design_material` takes."""

    objective: str = Field(
        min_length=1, max_length=LONGEST_TEXT, description="what is wanted, in plain words"
    )
    budget_s: float = Field(
        default=600.0, ge=20.0, le=86_400.0, description="wall time of the run, in seconds"
    )
    candidates: int | None = Field(default=None, ge=1, le=200, description="how many are wanted")
    seed: int = Field(default=0, ge=0, lt=2**31)
    new_only: bool | None = Field(
        default=None, description="only materials that are in no list of known ones"
    )


class Result(BaseModel):
    """What an offer returns: plain data, and whether it is a failure."""

    body: dict[str, Any]
    is_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One offer, in the form of a tool."""

    title: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[ToolService, Any, ServerRequestContext[Any]], Awaitable[Result]]
    read_only: bool = True


async def _plan(service: ToolService, arguments: PlanArguments, context: ServerRequestContext[Any]) -> Result:
    del context

    def work() -> dict[str, Any]:
        from matsmith.agents.session import plan_objective
        from matsmith.app.plan_view import plan_json

        return plan_json(plan_objective(arguments.objective, settings=service.settings))

    return Result(body=await anyio.to_thread.run_sync(work, abandon_on_cancel=True))


async def _ask(service: ToolService, arguments: AskArguments, context: ServerRequestContext[Any]) -> Result:
    del context

    def work() -> dict[str, Any]:
        from matsmith.agents.literature_answer import answer
        from matsmith.agents.session import make_reasoner
        from matsmith.app.commands_ask import answer_json
        from matsmith.knowledge.literature.corpus import open_corpus

        settings = service.settings
        reasoner = make_reasoner(settings.reasoner, settings=settings)
        with open_corpus(settings.library_dir, required=False) as corpus:
            found = answer(arguments.question, corpus=corpus, reasoner=reasoner)
            return answer_json(found, lacking=corpus.lacking)

    return Result(body=await anyio.to_thread.run_sync(work, abandon_on_cancel=True))


async def _design(
    service: ToolService, arguments: DesignArguments, context: ServerRequestContext[Any]
) -> Result:
    """Run the loop in a process of its own; when the caller cancels, it is stopped and can be resumed."""
    from matsmith.agents.conversation.run_process import start
    from matsmith.agents.session import plan_objective
    from matsmith.app.protocol.resources import SCHEME, run_summary

    def begin() -> RunProcess:
        check = plan_objective(arguments.objective, settings=service.settings)
        if check.refusal is not None:
            raise ImpossibleObjective(
                check.refusal, hint="Change the objective; plan_objective shows what was understood."
            )
        check.require_clear()
        return start(
            check.spec,
            settings=service.settings,
            budget_s=arguments.budget_s,
            candidates=arguments.candidates,
            seed=arguments.seed,
            new_only=arguments.new_only,
            reasoner=service.settings.reasoner,
        )

    run = await anyio.to_thread.run_sync(begin)
    told = 0
    try:
        while await anyio.to_thread.run_sync(lambda: run.alive):
            await anyio.sleep(1.0)
            events = await anyio.to_thread.run_sync(run.past_events)
            if len(events) > told:
                told = len(events)
                last = events[-1]
                share = min(1.0, last.elapsed_s / arguments.budget_s)
                await context.session.report_progress(share, 1.0, _in_words(events))
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(run.stop)
        raise
    if run.complaint:
        raise MatsmithError(f"The run {run.name} failed: {run.complaint}")
    summary = await anyio.to_thread.run_sync(lambda: run_summary(service, run.name))
    return Result(body={**summary, "uri": f"{SCHEME}runs/{run.name}"})


def _in_words(events: list[Event]) -> str:
    judged = sum(event.kind is EventKind.CANDIDATE for event in events)
    met = sum(event.kind is EventKind.CANDIDATE and bool(event.data.get("meets")) for event in events)
    return f"round {events[-1].round + 1}: {judged} candidates judged, {met} meet every target"


OFFERS: dict[str, Offered] = {
    "plan_objective": Offered(
        title="Understand an objective",
        description="Turn a design objective in plain words into a typed specification; nothing is computed. Says what was not "
        "understood, what cannot be measured, and whether it is impossible.",
        arguments=PlanArguments,
        run=_plan,
    ),
    "design_material": Offered(
        title="Design a material",
        description="Run the design loop for an objective in plain words until code finds it met, out of budget, stalled or "
        "impossible. Minutes long; tells its progress; a cancelled run is stopped and can be resumed on the machine. Returns "
        "the candidates with their verdicts, and where the report and structures can be read.",
        arguments=DesignArguments,
        run=_design,
        read_only=False,
    ),
    "ask_literature": Offered(
        title="Ask the literature",
        description="Answer a question from the user's library and the built-in notes. Every statement carries verbatim quotes that "
        "were found in their sources; too little evidence gives a refusal with what was searched.",
        arguments=AskArguments,
        run=_ask,
    ),
}


def listed() -> list[types.Tool]:
    """The offers as tools."""
    return [
        types.Tool(
            name=name,
            title=offer.title,
            description=offer.description,
            input_schema=offer.arguments.model_json_schema(),
            annotations=types.ToolAnnotations(
                title=offer.title,
                read_only_hint=offer.read_only,
                destructive_hint=False,
                open_world_hint=False,
            ),
        )
        for name, offer in OFFERS.items()
    ]


async def called(
    service: ToolService, name: str, arguments: Mapping[str, Any], *, context: ServerRequestContext[Any]
) -> types.CallToolResult:
    """Call one offer; an expected failure is a result marked as an error."""
    offer = OFFERS[name]
    try:
        taken = offer.arguments.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "arguments"
        return failed(UsageError(f"{name} does not take this: {field}: {first['msg']}."))
    try:
        result = await offer.run(service, taken, context)
    except MatsmithError as error:
        return failed(error)
    return types.CallToolResult(
        content=[types.TextContent(text=json.dumps(result.body, ensure_ascii=False, default=str))],
        structured_content=result.body,
        is_error=result.is_error,
    )
