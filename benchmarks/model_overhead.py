"""What the agents' own code adds to a model call, and how soon the first streamed words are there.

    python benchmarks/model_overhead.py

A server in a process of its own answers at once, with answers that were made before. A call's overhead is what `decide` takes
less what a bare request with the same bytes takes over an open connection, the two by turns. The limit is held against the
processor time of this process: on a busy machine wall times measure the queue for a core, and stand beside it. The delay of the
first words is from the server's writing them (the system's clock stands in them) to their being yielded by the chat model, and to
their being told by a turn with tools.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

QUERIES = json.dumps({"queries": ["bulk modulus of oxides"]})
GENERATION = json.dumps(
    {"strategies": [{"key": "known", "value": 9}], "directive": {}, "reason": "known first"}
)
PLAN = json.dumps({"spec": {"targets": [{"property": "bulk_modulus", "relation": "above", "value": 150}]}})
ANSWERS = {"LiteratureQueries": QUERIES, "GenerationPlan": GENERATION, "Plan": PLAN}
_LETTERS, _DIGITS = str.maketrans("0123456789", "abcdefghij"), str.maketrans("abcdefghij", "0123456789")
WORDS = "Garnets conduct lithium by jumps between tetrahedral and octahedral sites. "


def stamp() -> str:
    """The system's clock in letters, since a turn takes numbers out that no record backs."""
    return "clock" + str(time.monotonic_ns()).translate(_LETTERS)


def stamped_ns(words: str) -> int | None:
    """The time in some words."""
    found = re.search("clock([a-j]+)", words)
    return None if found is None else int(found[1].translate(_DIGITS))


class Handler(BaseHTTPRequestHandler):
    """Answers at once, whole or word by word."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body.get("stream"):
            self._stream()
            return
        form = body.get("response_format", {}).get("json_schema", {}).get("name", "")
        message = {"role": "assistant", "content": ANSWERS.get(form, QUERIES)}
        raw = json.dumps(
            {
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 900, "completion_tokens": 20},
            }
        ).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        self.wfile.write(head.encode() + raw)

    def _stream(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        time.sleep(0.02)
        self._say(f"at {stamp()} ")
        for word in WORDS.split(" "):
            time.sleep(0.002)
            self._say(word + " ")
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, words: str) -> None:
        chunk = {"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve() -> None:
    """Serve until this process is ended; the port is the first line of the output."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextlib.contextmanager
def serving() -> Generator[str]:
    """Start the server in a process of its own; its address."""
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


@dataclass
class Timing:
    """Milliseconds of each call, and of processor time in all of them."""

    taken: list[float] = field(default_factory=list[float])
    processor: float = 0.0

    def add(self, call: Callable[[], Any]) -> None:
        """Time one call."""
        processor, began = time.process_time(), time.perf_counter()
        call()
        self.taken.append((time.perf_counter() - began) * 1e3)
        self.processor += (time.process_time() - processor) * 1e3

    def at(self, share: float) -> float:
        """The time below which this share of the calls lies."""
        return sorted(self.taken)[round(share * (len(self.taken) - 1))]

    @property
    def processor_per_call(self) -> float:
        """Processor time of a call."""
        return self.processor / len(self.taken)


def line(name: str, timing: Timing) -> str:
    """One measurement: 10th, 50th and 95th percentile, and processor time where it was taken."""
    shown = f"   processor {timing.processor_per_call:6.2f} ms" if timing.processor else ""
    return f"  {name:<40} 10 % {timing.at(0.1):7.2f}   median {timing.at(0.5):7.2f}   95 % {timing.at(0.95):7.2f} ms{shown}"


def decisions(url: str, folder: Path, *, times: int) -> list[tuple[float, float]]:
    """Print what each kind of decision costs; returns what our code adds, in milliseconds of processor time and of wall time (10th percentile)."""
    import httpx2

    from matsmith.agents.decisions import GenerationQuestion, LiteratureQuestion, PlanQuestion
    from matsmith.agents.reasoners.budget import ModelBudget
    from matsmith.agents.reasoners.providers import from_settings
    from matsmith.agents.reasoners.watching import TRANSCRIPT, make_watch
    from matsmith.core.settings import Settings
    from matsmith.core.spec import DesignSpec

    settings = Settings(
        openai_base_url=url, openai_api_key=None, model="m", cache_dir=folder / "cache", second_look=False
    )
    reasoner = from_settings(
        settings,
        seed=0,
        budget=ModelBudget(calls=10**6, tokens=10**12),
        watch=make_watch(settings, folder=folder),
    )
    spec = DesignSpec(objective="a stable oxide with a bulk modulus above 150 GPa, no cobalt")
    questions = {
        "searches of the literature": LiteratureQuestion(spec=spec),
        "a plan (long prompt)": PlanQuestion(objective=spec.objective),
        "a round's candidates": GenerationQuestion(spec=spec, round=1, strategies=["known"], capacity=40),
    }
    added: list[tuple[float, float]] = []
    for name, question in questions.items():
        reasoner.decide(question)
        body = json.loads((folder / TRANSCRIPT).read_text(encoding="utf-8").splitlines()[-1])["request"]
        ours, bare = Timing(), Timing()
        with httpx2.Client(headers={"Accept-Encoding": "identity"}) as client:
            for number in range(times + 5):
                if number == 5:
                    ours, bare = Timing(), Timing()  # the first calls warmed up
                # one after the other, so that what else the machine does meets both alike
                ours.add(lambda asked=question: reasoner.decide(asked))
                bare.add(
                    lambda sent=body, used=client: used.post(f"{url}/chat/completions", json=sent).json()
                )
        print(line(name, ours))
        print(line("  the same bytes, bare", bare))
        own = ours.processor_per_call - bare.processor_per_call
        added.append((own, ours.at(0.1) - bare.at(0.1)))
        print(
            f"    added: {own:.2f} ms of processor time; wall {added[-1][1]:.2f} ms (10 %), "
            f"{ours.at(0.5) - bare.at(0.5):.2f} ms (median)"
        )
    return added


def first_words(url: str, folder: Path, *, times: int) -> list[float]:
    """Print how late the first words are; returns all delays in milliseconds."""
    from matsmith.agents.conversation.tool_loop import TurnEvent, run_turn
    from matsmith.agents.reasoners.budget import ModelBudget
    from matsmith.agents.reasoners.chat_model import TextDelta, make_chat_model
    from matsmith.core.settings import Settings

    settings = Settings(openai_base_url=url, openai_api_key=None, model="m", cache_dir=folder / "cache")
    model = make_chat_model(settings, budget=ModelBudget(calls=10**6, tokens=10**12))
    messages = [{"role": "user", "content": "How do garnets conduct?"}]
    at_model, at_turn = Timing(), Timing()

    for _ in range(times):
        for event in model.stream(messages):
            now_ns = time.monotonic_ns()
            sent_ns = stamped_ns(event.text) if isinstance(event, TextDelta) else None
            if sent_ns is not None:
                at_model.taken.append((now_ns - sent_ns) / 1e6)
    for _ in range(times):
        told: list[tuple[int, str]] = []

        def note(event: TurnEvent, told: list[tuple[int, str]] = told) -> None:
            if event.kind == "text":
                told.append((time.monotonic_ns(), event.text))

        sent_ns = stamped_ns(run_turn(model, messages, [], on_event=note).raw_text)
        if told and sent_ns is not None:
            at_turn.taken.append((told[0][0] - sent_ns) / 1e6)
    print(line("first words, yielded by the chat model", at_model))
    print(line("first words, told by a turn with tools", at_turn))
    return [*at_model.taken, *at_turn.taken]


def main() -> int:
    """Measure, print, and say whether the limits hold."""
    parser = argparse.ArgumentParser(
        description="overhead of a model call, delay of the first streamed words"
    )
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--serve", action="store_true", help="only the server; for this script itself")
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    with serving() as url, tempfile.TemporaryDirectory() as name:
        print(f"Decisions over a local server, {options.times} calls each, transcripts on:")
        added = decisions(url, Path(name), times=options.times)
        print("Streaming:")
        delays = first_words(url, Path(name), times=max(10, options.times // 2))
    print(f"Load average of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    late = sorted(delays)[round(0.95 * (len(delays) - 1))]
    own, wall = max(part[0] for part in added), max(part[1] for part in added)
    print(
        f"own code per call {own:.2f} ms of processor time (limit 10), {wall:.2f} ms of wall time; "
        f"first words late by {late:.2f} ms at 95 % (limit 50)"
    )
    return 0 if own < 10 and late < 50 else 1


if __name__ == "__main__":
    sys.exit(main())
