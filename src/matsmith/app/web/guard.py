"""What stands between a browser and the server: who may call, from which page, how much, and what a page may load.

The server binds to this machine. Another page in the same browser must not be able to call it: the host name must be one that it is
known by (which stops rebinding of names), a foreign `Origin` is refused, and every call that changes something carries a header
that a form of another page cannot send. A token, when there is one, comes as a bearer token or as a cookie set once from `?token=`.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable, Collection
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "matsmith_token"
HEADER = b"x-matsmith"
LARGEST_BODY = 12_000_000
TOKEN = re.compile(r"[A-Za-z0-9._~-]{12,200}")
LOOK_EVERY_S = 1.0
_STRANGER = "A token is needed: open the address that `matsmith serve` printed, or that you were given."
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# 3Dmol draws into a canvas and sets sizes by inline styles; scripts come from this server's own files alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
# A report is a page of its own, made by this program, with its script inside.
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}


class Gate(Protocol):
    """Knows whose token it is."""

    def who(self, token: str) -> str | None:
        """The name of a person, "" where nobody is told apart, None for a stranger."""
        ...


class OneToken:
    """A gate for whoever knows one token."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def who(self, token: str) -> str | None:
        """Nobody in particular for the token, None for any other."""
        return "" if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token) else None


class Guard:
    """The outermost layer of the application; tells it in `request.state.person` who calls."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], gate: Gate | None = None) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on with the headers of safety."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {key.lower(): value for key, value in scope["headers"]}
        in_address = _token_in_address(scope) if self._gate is not None else None
        person = "" if self._gate is None else _person(self._gate, in_address, headers)
        problem = self._problem(scope, headers, known=person is not None)
        if problem is not None:
            await _answer(send, *problem)
            return
        scope.setdefault("state", {})["person"] = person

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                raw: list[tuple[bytes, bytes]] = list(message.get("headers", []))
                present = {key.lower() for key, _ in raw}
                raw += [(key, value) for key, value in _HEADERS.items() if key not in present]
                if b"content-security-policy" not in present:
                    raw.append((b"content-security-policy", POLICY.encode()))
                if b"cache-control" not in present:
                    raw.append((b"cache-control", b"no-store"))
                if in_address:
                    raw.append(
                        (b"set-cookie", f"{COOKIE}={in_address}; Path=/; HttpOnly; SameSite=Strict".encode())
                    )
                message = {**message, "headers": raw}
            await send(message)

        gate = self._gate
        if gate is None:
            await self._app(scope, _limited(receive), with_headers)
            return
        known = lambda: _person(gate, in_address, headers) == person  # noqa: E731
        await self._while_known(scope, _limited(receive), with_headers, known=known)

    async def _while_known(
        self, scope: Scope, receive: Receive, send: Send, *, known: Callable[[], bool]
    ) -> None:
        """Serve; whoever is shut out meanwhile loses what would still come, such as the events of a run."""
        serving = asyncio.current_task()
        started = shut_out = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        async def watch() -> None:
            nonlocal shut_out
            while known():
                await asyncio.sleep(LOOK_EVERY_S)
            shut_out = True
            if serving is not None:
                serving.cancel()

        watcher = asyncio.create_task(watch())
        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if not shut_out or serving is None:
                raise
            serving.uncancel()
            if started:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await _answer(send, 401, _STRANGER)
        finally:
            watcher.cancel()

    def _problem(self, scope: Scope, headers: dict[bytes, bytes], *, known: bool) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = urlsplit(f"//{host}").hostname or ""
        if name not in self._hosts:
            return 421, "This server is not known by that name."
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin.decode("latin-1").lower()).netloc != host:
            return 403, "Calls from another page are refused."
        if headers.get(b"sec-fetch-site") == b"cross-site" and scope["method"] not in _SAFE:
            return 403, "Calls from another page are refused."
        if not known:
            return 401, _STRANGER
        if scope["method"] not in _SAFE and HEADER not in headers:
            return 403, "A call that changes something needs the header X-Matsmith."
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return 413, f"At most {LARGEST_BODY // 1_000_000} MB at once."
        return None


def _person(gate: Gate, in_address: str | None, headers: dict[bytes, bytes]) -> str | None:
    """Who calls: by the address alone where it has a token, else by the bearer token or the cookie."""
    if in_address is not None:
        return gate.who(in_address)
    scheme, _, bearer = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return gate.who(bearer)
    cookie = _cookie(headers)
    return gate.who(cookie) if cookie else None


def _cookie(headers: dict[bytes, bytes]) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    held = cookies.get(COOKIE)
    return held.value if held is not None else ""


def _token_in_address(scope: Scope) -> str | None:
    """The token of an address as it is printed, None where there is none; one that cannot stand in a cookie opens nothing."""
    if scope["method"] != "GET" or scope["path"] != "/":
        return None
    given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("token")
    if given is None:
        return None
    return given[0] if TOKEN.fullmatch(given[0]) else ""


def _limited(receive: Receive) -> Receive:
    """Count what comes in, for a body that does not say its length."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > LARGEST_BODY:
                return {"type": "http.disconnect"}
        return message

    return counted


async def _answer(send: Send, status: int, text: str) -> None:
    import json

    body = json.dumps({"message": text, "hint": ""}).encode()
    headers: list[Any] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *_HEADERS.items(),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
