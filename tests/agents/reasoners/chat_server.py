"""A chat-completions server in a thread, which does what a script tells it: answer, fail, hang, break off."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Act = Callable[["Handler"], None]
MODEL = "test-model"


@dataclass
class ChatServer:
    """What the server is to do next, and what it was asked. The last act of the script repeats."""

    script: list[Act]
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    times: list[float] = field(default_factory=list[float])
    models: list[str] = field(default_factory=lambda: [MODEL])
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def next_act(self) -> Act:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    chat: ChatServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def chat(self) -> ChatServer:
        return cast("_Http", self.server).chat

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.reply(
                200,
                {"object": "list", "data": [{"id": name, "object": "model"} for name in self.chat.models]},
            )
        else:
            self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.chat.requests.append(body)
        self.chat.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.chat.times.append(time.monotonic())
        if self.path != "/v1/chat/completions":
            self.reply(404, {"detail": "Not Found"})
            return
        self.chat.next_act()(self)

    @property
    def request_body(self) -> dict[str, Any]:
        return self.chat.requests[-1]

    def reply(self, status: int, body: object, *, headers: Mapping[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@contextmanager
def serving(*script: Act) -> Generator[ChatServer]:
    """Run a server on a free port for as long as the context lasts."""
    chat = ChatServer(script=list(script))
    server = _Http(("127.0.0.1", 0), Handler)
    server.chat = chat
    chat.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        chat.closing.set()
        server.shutdown()
        server.server_close()


def completion(text: str | None, **message: object) -> dict[str, Any]:
    finish = message.pop("finish_reason", "stop")
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def says(answer: object, **message: object) -> Act:
    """Answer with a text, or with an object as JSON."""
    text = answer if isinstance(answer, str) or answer is None else json.dumps(answer)
    return lambda handler: handler.reply(200, completion(text, **message))


def sends(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Act:
    """Send a body as it is."""
    return lambda handler: handler.reply(status, body, headers=headers)


def fails(
    status: int,
    message: str = "it failed",
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Act:
    """Fail as OpenAI's server does."""
    error = {"message": message, "type": "error", "code": code, "param": param}
    return sends({"error": error}, status=status, headers=headers)


def hangs(handler: Handler) -> None:
    """Take the request and never answer."""
    handler.chat.closing.wait(30)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Send header lines for ever, each soon enough to keep a read time-out quiet."""
    handler.close_connection = True
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(3_000):
            handler.wfile.write(f"x-{number}: y\r\n".encode())
            handler.wfile.flush()
            if handler.chat.closing.wait(0.05):
                return
    except OSError:
        return


def drips_body(handler: Handler) -> None:
    """Send a body for ever, slowly."""
    handler.close_connection = True
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not handler.chat.closing.wait(0.05):
            handler.wfile.write(b" ")
    except OSError:
        return


def resets(handler: Handler) -> None:
    """Break the connection with a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def breaks_off(handler: Handler) -> None:
    """Promise more of a body than is sent."""
    handler.wfile.write(
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{"choices": ['
    )
    handler.close_connection = True


def floods(handler: Handler) -> None:
    """Send 10 MB of a reply."""
    handler.close_connection = True
    try:
        handler.reply(200, completion("x" * 10_000_000))
    except OSError:
        return


def takes_only(*formats: str, then: Act) -> Act:
    """Refuse every `response_format` but those named; "none" is a request without one."""

    def act(handler: Handler) -> None:
        asked = handler.request_body.get("response_format", {"type": "none"})["type"]
        if asked in formats:
            then(handler)
        else:
            fails(400, f"response_format {asked} is not supported", param="response_format")(handler)

    return act


def chunk(delta: Mapping[str, Any] | None = None, *, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": dict(delta or {}), "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


def streams(
    *pieces: str | bytes | Mapping[str, Any],
    finish: str | None = "stop",
    usage: Mapping[str, Any] | None = None,
    done: bool = True,
    pause_s: float = 0.0,
    after_first: threading.Event | None = None,
) -> Act:
    """Send pieces of an answer one after the other: words, deltas, or raw lines as bytes; all but the first after an event."""

    def act(handler: Handler) -> None:
        lines: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, bytes):
                lines.append(piece)
            else:
                delta = {"content": piece} if isinstance(piece, str) else piece
                lines.append(b"data: " + json.dumps(chunk(delta)).encode())
        if finish is not None:
            lines.append(b"data: " + json.dumps(chunk(finish=finish)).encode())
        if usage is not None:
            counts: dict[str, Any] = {**chunk(), "choices": [], "usage": dict(usage)}
            lines.append(b"data: " + json.dumps(counts).encode())
        if done:
            lines.append(b"data: [DONE]")
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        try:
            for number, line in enumerate(lines):
                if number == 1 and after_first is not None:
                    after_first.wait(30)
                handler.wfile.write(line + b"\n\n")
                handler.wfile.flush()
                if pause_s and handler.chat.closing.wait(pause_s):
                    return
        except OSError:
            return

    return act


def calls_tools(*calls: tuple[str, object], finish: str = "tool_calls") -> Act:
    """Ask for tools: names and arguments, as text or as data."""
    pieces = [
        {
            "tool_calls": [
                {
                    "index": number,
                    "id": f"call_{number}",
                    "type": "function",
                    "function": {
                        "name": name,
                        "arguments": written if isinstance(written, str) else json.dumps(written),
                    },
                }
            ]
        }
        for number, (name, written) in enumerate(calls)
    ]
    return streams(*pieces, finish=finish)
