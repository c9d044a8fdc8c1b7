"""The server itself: what a client can list, read and call, over standard input and output or over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import INVALID_PARAMS

from matsmith import __version__
from matsmith.app.protocol import offers, prompts, resources, tool_calls
from matsmith.app.tool_service import ToolService
from matsmith.core.errors import MatsmithError

INSTRUCTIONS = (
    "matsmith turns materials objectives into verified crystals. Tools return records: every number has a unit, a one-sigma uncertainty, "
    "the truth that is against, and its method. Pass the id of a record where a tool asks for a structure or a record, so that nothing "
    "is computed twice: symmetry and relax take a structure; stability, density and equation_of_state take the record of a relaxation. "
    "A failed record cannot be used: say what is missing, never put another value in its place. Quote numbers with the record's id."
)
_Context = ServerRequestContext[Any]
_T = TypeVar("_T")


def build(service: ToolService, *, paths: bool) -> Server[Any]:
    """The server of one installation. `paths` says whether callers may name files of this machine (they are its user)."""

    async def list_tools(
        context: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        del context, params
        found = await anyio.to_thread.run_sync(lambda: tool_calls.listed(service))
        return types.ListToolsResult(tools=[*found, *offers.listed()])

    async def call_tool(context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = params.arguments or {}
        if params.name in offers.OFFERS:
            return await offers.called(service, params.name, arguments, context=context)
        return await tool_calls.called(service, params.name, arguments, context=context, paths=paths)

    async def list_resources(
        context: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        del context, params
        return types.ListResourcesResult(resources=await _done(lambda: resources.listed(service)))

    async def list_templates(
        context: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        del context, params
        return types.ListResourceTemplatesResult(resource_templates=resources.templates())

    async def read_resource(
        context: _Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        del context
        return types.ReadResourceResult(contents=[await _done(lambda: resources.read(service, params.uri))])

    async def list_prompts(
        context: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        del context, params
        return types.ListPromptsResult(prompts=prompts.listed())

    async def get_prompt(context: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        del context
        return await _done(lambda: prompts.filled(params.name, params.arguments or {}))

    return Server(
        "matsmith",
        version=__version__,
        title="matsmith",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


async def _done(work: Callable[[], _T]) -> _T:
    """Do blocking work in a thread; an expected error becomes the protocol's."""
    try:
        return await anyio.to_thread.run_sync(work)
    except MatsmithError as error:
        raise MCPError(INVALID_PARAMS, f"{error.message} {error.hint}".strip()) from error


async def serve_stdio(service: ToolService) -> None:
    """Speak over standard input and output until the client leaves."""
    from mcp.server.stdio import stdio_server

    server = build(service, paths=True)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
