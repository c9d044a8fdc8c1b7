"""`matsmith mcp`: the tools, runs and reports for any client of the Model Context Protocol."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from matsmith.app.guard import complain, guarded
from matsmith.core.errors import MatsmithError, UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN = "MATSMITH_MCP_TOKEN"  # noqa: S105 - the name of a variable, not a token


@guarded
def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="speak streamable HTTP in place of standard input and output")
    ] = False,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="with --http: where to listen")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="with --http")] = 8766,
) -> int:
    r"""Serve the Model Context Protocol: every tool with its schema, runs and reports as resources, prompts.

    Over standard input and output for a client that starts it; with --http for one that connects, at http://127.0.0.1:8766/mcp.
    Any other address than this machine's own needs a token in MATSMITH_MCP_TOKEN, which clients send as a bearer token.

    \b
    Examples:
      claude mcp add matsmith -- matsmith mcp
      matsmith mcp --http --port 8766
    """
    try:
        import anyio

        from matsmith.app.protocol.server import serve_stdio
    except ImportError as error:
        raise MatsmithError(
            "The protocol server's packages are not installed.",
            hint='Install them: pip install "matsmith[serve]".',
        ) from error
    from matsmith.app.tool_service import ToolService
    from matsmith.core.settings import load_settings

    token = os.environ.get(TOKEN, "").strip()
    if http and host not in LOOPBACK and len(token) < 16:
        raise UsageError(
            f"Listening on {host} lets other machines in.",
            hint=f"Set {TOKEN} to at least 16 characters, or leave --host out.",
        )
    from matsmith.app.warm_up import warm_up_soon

    with ToolService(settings=load_settings()) as service:
        warm_up_soon(service.settings)
        if not http:
            try:
                anyio.run(serve_stdio, service)
            except* (BrokenPipeError, ConnectionResetError):
                pass  # the client has gone in the middle of an answer: nobody is left to be told
            return 0
        from matsmith.app.protocol.http import serve

        complain(f"Serving http://{host}:{port}/mcp; Ctrl-C stops it.")
        serve(service, host=host, port=port, token=token)
    return 0
