"""A chat-completions server for one machine, whose answers come from the built-in rules.

    python benchmarks/local_chat_server.py --port 8765
    OPENAI_BASE_URL=http://127.0.0.1:8765/v1 matsmith design "a stable oxide, no cobalt" --reasoner openai --yes

It speaks the protocol for real (models, JSON schema output, usage) and reads the question back from between the marks of the user's message. So
it shows that a run works through a language model's server, and costs nothing; how well a model reasons it does not show.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from pydantic import ValidationError

from matsmith.agents.decisions import (
    Answer,
    CritiqueQuestion,
    GenerationQuestion,
    LiteratureQuestion,
    PlanQuestion,
    Question,
    SimulationQuestion,
)
from matsmith.agents.doubts import CritiqueSecondLook, PlanSecondLook
from matsmith.agents.literature_questions import ReadingQuestion, SearchesQuestion, WritingQuestion
from matsmith.agents.reasoners.budget import estimate_tokens
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.errors import MatsmithError
from matsmith.prompts import load_prompt

MODEL = "built-in-rules"
_LARGEST_REQUEST = 20_000_000
_MARKED = re.compile(r"<<<DATA ([0-9a-f]{16}) question>>>\n(.*)\n<<<END \1>>>", re.DOTALL)
_QUESTIONS: dict[str, type[Question[Any]]] = {
    load_prompt(role).answer: question
    for role, question in (
        ("planner", PlanQuestion),
        ("literature", LiteratureQuestion),
        ("generator", GenerationQuestion),
        ("simulator", SimulationQuestion),
        ("critic", CritiqueQuestion),
        ("planner_doubt", PlanSecondLook),
        ("critic_doubt", CritiqueSecondLook),
        ("literature_search", SearchesQuestion),
        ("literature_reader", ReadingQuestion),
        ("literature_writer", WritingQuestion),
    )
}


class NotUnderstood(ValueError):
    """A request that this server has no answer to."""


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return the completion for a request. Raises `NotUnderstood`."""
    try:
        name = str(body["response_format"]["json_schema"]["name"])
        messages = cast("list[dict[str, str]]", body["messages"])
        text = "\n".join(message["content"] for message in messages if message["role"] == "user")
    except (KeyError, TypeError) as problem:
        raise NotUnderstood(
            "This server answers requests with a response_format of type json_schema."
        ) from problem
    marked = _MARKED.search(text)
    if name not in _QUESTIONS or marked is None:
        raise NotUnderstood(f"No question for a {name} stands in the request.")
    try:
        reply: Answer = RulesReasoner().decide(_QUESTIONS[name].model_validate_json(marked[2]))
    except (ValidationError, MatsmithError) as problem:
        raise NotUnderstood(str(problem)) from problem
    content = reply.model_dump_json(exclude={"warnings"})
    read, written = estimate_tokens(json.dumps(messages)), estimate_tokens(content)
    return {
        "id": f"chatcmpl-{time.time_ns()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


class Handler(BaseHTTPRequestHandler):
    """`GET /v1/models` and `POST /v1/chat/completions`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List the one model."""
        if self.path == "/v1/models":
            self._send(
                200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "matsmith"}]}
            )
        else:
            self._fail(404, f"There is no {self.path}.")

    def do_POST(self) -> None:
        """Answer one completion."""
        length = int(self.headers.get("content-length", "0"))
        if length > _LARGEST_REQUEST:
            self.close_connection = True
            self._fail(413, "The request is too large.")
            return
        raw = self.rfile.read(length)
        if self.path != "/v1/chat/completions":
            self._fail(404, f"There is no {self.path}.")
            return
        try:
            self._send(200, answer(json.loads(raw)))
        except (NotUnderstood, json.JSONDecodeError) as problem:
            self._fail(400, str(problem))

    def log_message(self, format: str, *args: object) -> None:
        """Write one line a request."""
        print(f"{self.address_string()} {format % args}", flush=True)

    def _fail(self, status: int, message: str) -> None:
        self._send(
            status,
            {"error": {"message": message, "type": "invalid_request_error", "code": None, "param": None}},
        )

    def _send(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="chat-completions server that answers by the built-in rules")
    parser.add_argument("--port", type=int, default=8765)
    port = parser.parse_args().port
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}/v1 serves {MODEL}; end it with Ctrl-C", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
