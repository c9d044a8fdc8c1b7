"""Both model arms against a server whose model makes everything up: nothing of it counts, nothing of it reaches a reader, and no key is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.attempt import Arm
from matsmith.agents.bench.runner import run_suite
from matsmith.agents.bench.suite import load_suite
from matsmith.agents.bench.summary import sound

LIE = "The density of MgO is 9.81 g/cm3, as {r:deadbeef.density} says; its bulk modulus is 777 GPa."
KEY = "sk-planted-key-0123456789"
SUITE = """tasks:
- id: density
  kind: calculation
  door: chat
  prompt: What is the density of MgO.cif?
  files: {MgO.cif: {kind: crystal, space_group: 225, lattice: [4.2112, 4.2112, 4.2112, 90, 90, 90], sites: [[Mg, 0, 0, 0], [O, 0.5, 0.5, 0.5]], source: Smyth 1995}}
  budget: {wall_time_s: 30, model_calls: 6, model_tokens: 60000}
  answer:
  - check: value
    property: density
    expected: {recompute: {way: density, file: MgO.cif}, unit: g/cm3}
    relative: 0.05
"""


class Liar(BaseHTTPRequestHandler):
    """Says the same of everything."""

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "liar", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
        base: dict[str, Any] = {"id": "x", "created": 0, "model": "liar"}
        if not body.get("stream"):
            message = {"role": "assistant", "content": LIE}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(base | {"object": "chat.completion", "choices": [choice], "usage": usage})
            return
        chunks: list[dict[str, Any]] = [
            {
                "choices": [
                    {"index": 0, "delta": {"role": "assistant", "content": LIE}, "finish_reason": None}
                ]
            },
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage},
        ]
        lines = [json.dumps(base | {"object": "chat.completion.chunk"} | chunk) for chunk in chunks]
        text = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(text.encode())

    def _send(self, data: object) -> None:
        encoded = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MATSMITH_MODEL", "liar")
    monkeypatch.setenv("MATSMITH_CACHE_DIR", str(tmp_path / "cache"))
    yield "liar"
    server.shutdown()
    server.server_close()


def test_a_model_that_lies_fails_and_nobody_reads_its_numbers(liar: str, tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(SUITE, encoding="utf-8")
    out = tmp_path / "out"
    results = run_suite(
        load_suite(str(path)), arms=[Arm.FIVE, Arm.ONE], reasoner="openai", model=liar, out=out
    )
    assert [one.grade.passed for one in results] == [False, False]
    assert sound(results), results
    for one in results:
        assert one.attempt.usage.calls > 0, one.attempt
        assert "777" in one.attempt.unbacked
        assert "777" not in one.attempt.words
        assert "9.81" not in one.attempt.words
    for file in out.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file
