"""A chat-completions server on this machine whose model is whoever writes answer files: a person, or another program."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from matsmith.agents.reasoners.bridge_folder import Answer, BridgeFolder, Pending
from matsmith.agents.reasoners.budget import estimate_tokens
from matsmith.core.errors import UsageError

_LARGEST_REQUEST = 20_000_000  # bytes
_LOOK_EVERY_S = 0.05
_SIGN_OF_LIFE_S = 5.0
_PIECE = re.compile(r"\s*\S+\s*")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
Note = Callable[[str], None]


class Bridge(ThreadingHTTPServer):
    """The server. `serve_forever` answers until `stop`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        timeout_s: float = 3600.0,
        model: str = "bridge",
        note: Note | None = None,
    ) -> None:
        """Listen on the loopback address; port 0 takes a free one. `note` is told a line for each event.

        Raises `UsageError` for a folder that cannot be written or a port that is taken.
        """
        self.requests = BridgeFolder(folder)
        self.timeout_s = timeout_s
        self.model = model
        self.note: Note = note or _say_nothing
        self.closing = threading.Event()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.", hint="Choose another with --port."
            ) from error

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def stop(self) -> None:
        """End `serve_forever` (from another thread) and let waiting requests go."""
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """`GET /v1/models` and `POST /v1/chat/completions`."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds for a client to send its request
    disable_nagle_algorithm = True  # words go out as they are written

    @property
    def bridge(self) -> Bridge:
        return cast("Bridge", self.server)

    def do_GET(self) -> None:
        """List the one model."""
        if not self._is_local():
            return
        if self.path.rstrip("/") == "/v1/models":
            entry = {"id": self.bridge.model, "object": "model", "created": 0, "owned_by": "matsmith"}
            self._send(200, {"object": "list", "data": [entry]})
        else:
            self._fail(404, f"There is no {self.path}.")

    def do_POST(self) -> None:
        """Wait for an answer to one request."""
        body = self._body() if self._is_local() else None
        if body is None:
            return
        pending = self.bridge.requests.open(body)
        self.bridge.note(f"{pending.number:04d} waits for its answer")
        streamed = body.get("stream") is True
        answer = self._wait(pending, streamed=streamed)
        if answer is None:
            return
        try:
            if answer.fault is not None:
                reply: object = self._send_fault(answer, streamed=streamed)
            else:
                reply = _completion(answer, body=body, model=self.bridge.model, number=pending.number)
                if streamed:
                    self._send_pieces(answer, body=body, reply=reply)
                else:
                    self._send(200, reply)
        except OSError:
            self.bridge.requests.let_go(pending, _GONE)
            self.bridge.note(f"{pending.number:04d} is answered, but its asker has gone")
            return
        self.bridge.requests.sent(pending, reply)
        self.bridge.note(f"{pending.number:04d} is answered")

    def _body(self) -> dict[str, Any] | None:
        """The request; None when it was refused."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _LARGEST_REQUEST:
            self.close_connection = True
            self._fail(413 if length.isdigit() else 411, "The request has no length, or is too large.")
            return None
        raw = self.rfile.read(int(length))
        if self.path.rstrip("/") != "/v1/chat/completions":
            self._fail(404, f"There is no {self.path}.")
            return None
        try:
            body: object = json.loads(raw)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict) or not cast("dict[str, Any]", body).get("messages"):
            self._fail(400, "The request is no JSON object with messages.")
            return None
        return cast("dict[str, Any]", body)

    def _wait(self, pending: Pending, *, streamed: bool) -> Answer | None:
        """Wait for the answer; None when the asker has gone or was told that none came."""
        until = time.monotonic() + self.bridge.timeout_s
        alive = time.monotonic() + _SIGN_OF_LIFE_S
        if streamed:
            self._begin_stream()
        while True:
            answer = self.bridge.requests.look(pending)
            if answer is not None:
                return answer
            now = time.monotonic()
            if self.bridge.closing.wait(_LOOK_EVERY_S):
                self.close_connection = True
                self.bridge.requests.let_go(pending, "The server was ended; start it again and ask again.")
                return None
            if self._is_gone() or (streamed and now > alive and not self._event(": waiting\n\n")):
                self.close_connection = True
                self.bridge.requests.let_go(pending, _GONE)
                self.bridge.note(f"{pending.number:04d} was given up by its asker")
                return None
            alive = now + _SIGN_OF_LIFE_S if now > alive else alive
            if now > until:
                self.bridge.requests.let_go(
                    pending, f"No answer came within {self.bridge.timeout_s:g} s. {_AGAIN}"
                )
                self.bridge.note(f"{pending.number:04d} had no answer in time")
                late = Answer(fault=(504, f"nobody answered within {self.bridge.timeout_s:g} s", None))
                self._send_fault(late, streamed=streamed)
                return None

    def _is_gone(self) -> bool:
        """Whether the asker has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def _is_local(self) -> bool:
        """Refuse pages in a browser, which could ask by another name of this machine."""
        host = self.headers.get("host", "").rsplit(":", 1)[0] if self.headers.get("host") else ""
        if self.headers.get("origin") or (host and host not in _LOOPBACK):
            self.close_connection = True
            self._fail(403, "This server answers programs on this machine only.")
            return False
        return True

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def _event(self, text: str) -> bool:
        """Write to the stream; False when nobody reads it."""
        try:
            self.wfile.write(text.encode("utf-8", errors="replace"))
            self.wfile.flush()
        except OSError:
            return False
        return True

    def _send_pieces(self, answer: Answer, *, body: dict[str, Any], reply: dict[str, Any]) -> None:
        """Send an answer word by word. Raises `OSError` when nobody reads it."""
        head = {key: reply[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
        options = body.get("stream_options")
        counted = isinstance(options, dict) and bool(cast("dict[str, Any]", options).get("include_usage"))
        for delta, finish in _deltas(answer, message=reply["choices"][0]["message"]):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self._chunk({**head, "choices": [choice]})
        if counted:
            self._chunk({**head, "choices": [], "usage": reply["usage"]})
        if not self._event("data: [DONE]\n\n"):
            raise BrokenPipeError

    def _chunk(self, chunk: dict[str, Any]) -> None:
        if not self._event(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"):
            raise BrokenPipeError

    def _send_fault(self, answer: Answer, *, streamed: bool) -> dict[str, Any]:
        status, message, wait = answer.fault or (500, "error", None)
        error = {"message": message, "type": "error", "code": str(status), "param": None}
        if streamed:
            self._event(f"data: {json.dumps({'error': error})}\n\n")
        else:
            headers = {} if wait is None else {"retry-after": f"{wait:g}"}
            self._send(status, {"error": {**error, "code": None}}, headers=headers)
        return {"error": error}

    def _fail(self, status: int, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "code": None, "param": None}
        self._send(status, {"error": error})

    def _send(self, status: int, body: object, *, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing a request: `note` tells what matters."""


def _completion(answer: Answer, *, body: dict[str, Any], model: str, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.refusal:
        message["refusal"] = answer.refusal
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": call["id"] or f"call_{number}_{position}",
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for position, call in enumerate(answer.tool_calls)
        ]
    elif not answer.refusal and not answer.text:
        message["content"] = ""
    read = estimate_tokens(json.dumps(body["messages"], ensure_ascii=False))
    written = estimate_tokens(answer.text + json.dumps(answer.tool_calls))
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "finish_reason": answer.finish_reason, "message": message}],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


def _deltas(answer: Answer, *, message: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The pieces of an answer, and why it ended with the last."""
    yield {"role": "assistant", "content": ""}, None
    if answer.refusal:
        yield {"refusal": answer.refusal}, None
    for piece in _PIECE.findall(answer.text) or ([answer.text] if answer.text else []):
        yield {"content": piece}, None
    for position, call in enumerate(message.get("tool_calls", ())):
        yield {"tool_calls": [{"index": position, **call}]}, None
    yield {}, answer.finish_reason


def _say_nothing(line: str) -> None:
    del line


_AGAIN = "When it is asked again, the answer file of this request is sent."
_GONE = f"The program that asked has gone. {_AGAIN}"
