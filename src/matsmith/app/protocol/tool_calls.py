"""The tools as the protocol shows them, and one call: a record as structured content, progress while it runs, an end when it is cancelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import mcp_types as types

from matsmith.app.structure_text import with_structures
from matsmith.app.tool_service import Call, ToolService
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.tools.base import Tool
from matsmith.tools.registry import get_tool, tool_names

if TYPE_CHECKING:
    from mcp.server import ServerRequestContext

    from matsmith.core.record import Record

PROGRESS_EVERY_S = 1.0
_OUTPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "record": {"type": "string", "description": "id of the record; other tools take it"},
        "status": {"type": "string", "enum": ["success", "failure", "retryable", "refused"]},
        "quantities": {
            "type": "object",
            "description": "property -> value, unit, sigma (one standard deviation) and the truth it is against",
        },
        "facts": {"type": "object"},
        "warnings": {"type": "array", "items": {"type": "string"}},
        "method": {"type": ["object", "null"]},
        "failure": {
            "type": ["object", "null"],
            "description": "code, message and hint of an expected failure",
        },
        "cif": {"type": ["string", "null"], "description": "the structure that came out"},
        "wall_s": {"type": "number"},
    },
    "required": ["status"],
}


def listed(service: ToolService) -> list[types.Tool]:
    """Every tool that can run here, with the schemas of what it takes and returns."""
    tools = [get_tool(name) for name in tool_names()]
    return [_shown(tool) for tool in tools if tool.missing(service.settings) is None]


def _shown(tool: Tool) -> types.Tool:
    schema = tool.schema()
    for name, kind in tool.args.reference_fields().items():
        if kind in ("structure", "file") and name in schema.get("properties", {}):
            entry = schema["properties"][name]
            entry["description"] = (
                f"{entry.get('description', 'a structure')}; or the text of such a file itself"
            )
    network = tool.side_effects != "none"
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema,
        output_schema=_OUTPUT_SCHEMA,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=network,
        ),
    )


async def called(
    service: ToolService,
    name: str,
    arguments: Mapping[str, Any],
    *,
    context: ServerRequestContext[Any],
    paths: bool,
) -> types.CallToolResult:
    """Run one tool; an expected failure is a result marked as an error. The worker is ended when the caller cancels."""
    try:
        tool = get_tool(name)
    except MatsmithError as error:
        return failed(error)
    call = Call(name)

    async def tell() -> None:
        while True:
            await anyio.sleep(PROGRESS_EVERY_S)
            state = "runs" if call.running.is_set() else "waits for its turn"
            usual = f", usually {tool.cost_s:.3g} s" if call.running.is_set() else ""
            await context.session.report_progress(
                call.seconds, None, f"{tool.title} {state} ({call.seconds:.0f} s{usual})"
            )

    def work() -> Record | MatsmithError:
        try:
            # A large structure takes seconds to read: here, where nobody else waits for it.
            taken = with_structures(service, name, arguments, paths=paths)
            return service.run(name, taken, call=call)
        except MatsmithError as error:
            return error

    came: Record | MatsmithError = UsageError("The call was ended.")
    async with anyio.create_task_group() as group:
        group.start_soon(tell)
        try:
            came = await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        finally:
            # Reached by a cancelled request too, while the thread still runs.
            call.cancel()
            group.cancel_scope.cancel()
    return failed(came) if isinstance(came, MatsmithError) else result_of(came)


def result_of(record: Record) -> types.CallToolResult:
    """A record as structured content, and the same as text for models that read text alone; rows of numbers kept for pictures stay in the record."""
    outcome = record.outcome
    body: dict[str, Any] = {
        "record": record.id,
        "status": record.status.value,
        "quantities": {
            name: quantity.model_dump(mode="json", exclude_none=True)
            for name, quantity in outcome.quantities.items()
        },
        "facts": outcome.facts_to_read,
        "warnings": list(outcome.warnings),
        "method": None
        if outcome.method is None
        else outcome.method.model_dump(mode="json", exclude_defaults=True),
        "failure": None if outcome.failure is None else outcome.failure.model_dump(mode="json"),
        "cif": None if outcome.crystal is None else outcome.crystal.to_cif(),
        "wall_s": round(outcome.wall_s, 3),
    }
    return types.CallToolResult(
        content=[types.TextContent(text=json.dumps(body, ensure_ascii=False))],
        structured_content=body,
        is_error=outcome.failure is not None,
    )


def failed(error: MatsmithError) -> types.CallToolResult:
    """An expected error as a result that a model can act on."""
    body = {
        "status": "refused",
        "failure": {
            "code": type(error).__name__,
            "message": error.message,
            "hint": error.hint,
            "retryable": error.retryable,
        },
    }
    text = f"{error.message} {error.hint}".strip()
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=body, is_error=True
    )
