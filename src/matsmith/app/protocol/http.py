"""The server over streamable HTTP, on this machine's own address unless a token guards it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from matsmith.app.protocol.server import build
from matsmith.app.tool_service import ToolService

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LARGEST_REQUEST = 4_000_000


class BearerGuard:
    """Lets a request through only with the token; says nothing else to one without."""

    def __init__(self, app: ASGIApp, *, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or hand on."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                from starlette.responses import PlainTextResponse

                response = PlainTextResponse(
                    "A bearer token is needed.", status_code=401, headers={"WWW-Authenticate": "Bearer"}
                )
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def application(service: ToolService, *, host: str, token: str = "") -> Any:
    """The ASGI application. Callers over HTTP name records and send structures as text: no path of theirs is opened."""
    from mcp.server.transport_security import TransportSecuritySettings

    # The library guards loopback addresses against foreign origins by itself; elsewhere the token does.
    security = None
    if token and host not in ("127.0.0.1", "localhost", "::1"):
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Any = build(service, paths=False).streamable_http_app(
        host=host, max_request_body_size=LARGEST_REQUEST, transport_security=security
    )
    return BearerGuard(app, token=token) if token else app


def serve(service: ToolService, *, host: str, port: int, token: str = "") -> None:
    """Serve until the process is told to stop."""
    import uvicorn

    uvicorn.run(
        application(service, host=host, token=token),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
