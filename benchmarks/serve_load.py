"""The page's server with many who look on: a design run at work, 50 viewers of its events, 10 conversations with turns.

    python benchmarks/serve_load.py --minutes 10
    python benchmarks/serve_load.py --minutes 1 --appended 5

The server is `matsmith serve` in a process and a home of its own. The run is a real one, started through the page's own call, and again
when it ends; its calculations compete for the same cores. A witness looks at the run's file of events every 2 ms, so an event's latency
is the time from when it stood in the file to when each viewer had it. With `--appended RATE` a process writes so many events a second
into a run's folder instead, each with the time of its writing. The memory is the resident set of the server process alone; its worker,
which computes for the conversations, is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from api_fuzz import HEADERS, server

GOAL_P95_S = 0.2
# By then every conversation has had its first turn, which loads what it needs.
WARM_AFTER_S = 30.0
OBJECTIVE = "a copper-gold or nickel-aluminium intermetallic, bulk modulus above 100 GPa"
TURNS = (
    "/help",
    "what is the bulk modulus of MgO?",
    "what is the density of NaCl?",
    "Which garnet conducts lithium ions?",
    "what can you do?",
)


@dataclass
class Measured:
    """What was seen: latencies in seconds, memory in MB over time, and what failed."""

    latencies: list[float] = field(default_factory=list[float])
    warm: list[float] = field(default_factory=list[float])
    turns: list[float] = field(default_factory=list[float])
    quick: list[float] = field(default_factory=list[float])
    memory: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])
    failures: list[str] = field(default_factory=list[str])
    missed: int = 0
    events: int = 0
    runs: int = 0


class Witness(threading.Thread):
    """Notes when each line of a run's events came to stand in its file."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.seen: list[float] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        place = 0
        while not self.over.wait(0.002):
            try:
                if self.path.stat().st_size <= place:
                    continue
                with self.path.open("rb") as file:
                    file.seek(place)
                    fresh = file.read()
            except OSError:
                continue
            now = time.time()
            place += len(fresh)
            self.seen += [now] * fresh.count(b"\n")


async def _view(client: httpx.AsyncClient, run: str, got: dict[int, float], measured: Measured) -> None:
    """Follow a run to its end, and note when each event came."""
    try:
        async with client.stream("GET", f"/api/runs/{run}/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("id: "):
                    got[int(line[4:])] = time.time()
    except httpx.HTTPError as error:
        measured.failures.append(f"a viewer: {type(error).__name__} {error}")


async def _talk(client: httpx.AsyncClient, thread: str, measured: Measured, *, start_s: float) -> None:
    """Say something every ten seconds."""
    await asyncio.sleep(start_s)
    count = 0
    while True:
        begun = time.monotonic()
        last: dict[str, Any] = {}
        try:
            async with client.stream(
                "POST", f"/api/threads/{thread}/turns", json={"text": TURNS[count % len(TURNS)]}, timeout=120
            ) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        last = json.loads(line[6:])
        except httpx.HTTPError as error:
            measured.failures.append(f"a turn: {type(error).__name__} {error}")
        if last.get("kind") != "end":
            measured.failures.append(f"a turn ended as {last.get('kind')}: {last.get('text', '')}"[:200])
        measured.turns.append(time.monotonic() - begun)
        count += 1
        await asyncio.sleep(10.0)


async def _look(client: httpx.AsyncClient, server_process: psutil.Process, measured: Measured) -> None:
    """Every two seconds: how long the list of tools takes, and the memory."""
    begun = time.monotonic()
    while True:
        start = time.monotonic()
        with contextlib.suppress(httpx.HTTPError):
            await client.get("/api/about", timeout=30)
            measured.quick.append(time.monotonic() - start)
        worker = 0.0
        for child in server_process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any("matsmith.tools.worker" in word for word in child.cmdline()):
                    worker += child.memory_info().rss / 1e6
        measured.memory.append((time.monotonic() - begun, server_process.memory_info().rss / 1e6, worker))
        await asyncio.sleep(2.0)


async def _load(address: str, home: Path, options: argparse.Namespace, process: psutil.Process) -> Measured:
    measured = Measured()
    until = time.monotonic() + 60 * options.minutes
    warm_from = time.time() + WARM_AFTER_S
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=address, headers=HEADERS, limits=limits) as client:
        others = [asyncio.create_task(_look(client, process, measured))]
        others += [
            asyncio.create_task(_talk(client, f"load-{number}", measured, start_s=number % 10))
            for number in range(options.chats)
        ]
        while (left_s := until - time.monotonic()) > 5:
            async with _run(client, home, options, seconds=left_s) as (name, witness):
                views: list[dict[int, float]] = [{} for _ in range(options.viewers)]
                tasks = [asyncio.create_task(_view(client, name, got, measured)) for got in views]
                _, late = await asyncio.wait(tasks, timeout=left_s + 60)
                for task in late:
                    task.cancel()
                    measured.failures.append("a viewer was not told the end")
                await asyncio.sleep(0.1)
            measured.runs += 1
            measured.events += len(witness.seen)
            for got in views:
                measured.missed += len(witness.seen) - len(got)
                # An event that stood there before the viewer came is no measure of anything.
                first = min(got.values(), default=0.0)
                pairs = [
                    (witness.seen[number - 1], came)
                    for number, came in got.items()
                    if number <= len(witness.seen) and witness.seen[number - 1] >= first
                ]
                measured.latencies += [came - stood for stood, came in pairs]
                measured.warm += [came - stood for stood, came in pairs if stood >= warm_from]
        for task in others:
            task.cancel()
    return measured


@contextlib.asynccontextmanager
async def _run(
    client: httpx.AsyncClient, home: Path, options: argparse.Namespace, *, seconds: float
) -> AsyncGenerator[tuple[str, Witness]]:
    """A run at work, real or written, with its witness."""
    writer: subprocess.Popen[bytes] | None = None
    if options.appended:
        name = f"written-{int(time.time() * 1000)}"
        folder = home / "runs" / name
        writer = _start_writer(folder, rate=options.appended, seconds=seconds)
    else:
        plan: dict[str, Any] = (
            await client.post("/api/plan", json={"objective": OBJECTIVE}, timeout=120)
        ).json()
        wanted: dict[str, Any] = {**plan["spec"], "candidates": 200}
        wanted["budget"] = {**wanted["budget"], "wall_time_s": max(20, round(seconds))}
        answer = await client.post("/api/runs", json={"spec": wanted}, timeout=60)
        answer.raise_for_status()
        name = answer.json()["name"]
        folder = home / "runs" / name
        while not (folder / "ledger.sqlite").is_file():
            await asyncio.sleep(0.1)
    witness = Witness(folder / "events.jsonl")
    witness.start()
    try:
        yield name, witness
    finally:
        witness.over.set()
        if writer is not None:
            writer.wait(30)


def _start_writer(folder: Path, *, rate: float, seconds: float) -> subprocess.Popen[bytes]:
    from matsmith.core.ledger import Ledger
    from matsmith.core.run import RunHeader

    folder.mkdir(parents=True)
    header = RunHeader(
        run=folder.name,
        objective="written events",
        seed=0,
        reasoner="rules",
        version="0",
        started_at=datetime.now(UTC),
    )
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.append("run", folder.name, header)
    process = subprocess.Popen(
        [sys.executable, __file__, "--write", str(folder), "--appended", str(rate), "--seconds", str(seconds)]
    )
    (folder / "events.jsonl").touch()
    (folder / "process.json").write_text(json.dumps({"pid": process.pid}), encoding="utf-8")
    return process


def _write(folder: Path, *, rate: float, seconds: float) -> None:
    """What the writer does: a candidate's event at each tick, of the size that a run writes."""
    values = {
        "bulk_modulus": "152 ± 9 GPa",
        "energy_above_hull": "0.021 ± 0.03 eV/atom",
        "density": "8.1 g/cm3",
    }
    until, number = time.monotonic() + seconds, 0
    with (folder / "events.jsonl").open("ab", buffering=0) as file:
        while time.monotonic() < until:
            number += 1
            data = {
                "formula": f"Cu{number}Au",
                "candidate": f"{number:064x}",
                "values": values,
                "meets": False,
            }
            event = {"kind": "candidate", "round": 0, "elapsed_s": number / rate, "data": data}
            file.write(json.dumps(event).encode() + b"\n")
            time.sleep(1.0 / rate)


def quantile(values: list[float], share: float) -> float:
    """The value below which that share lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _lines(measured: Measured, options: argparse.Namespace) -> Iterator[str]:
    latency = measured.latencies
    yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load of the machine {os.getloadavg()[0]:.1f}"
    kind = (
        f"written at {options.appended:g} events/s"
        if options.appended
        else "real design runs on the same cores"
    )
    yield f"{options.minutes:g} min, {options.viewers} viewers, {options.chats} conversations; {measured.runs} run(s), {kind}"
    yield f"events: {measured.events}; receipts: {len(latency)}; missed: {measured.missed}"
    yield (
        f"latency of an event: p50 {1e3 * quantile(latency, 0.5):.0f} ms, p95 {1e3 * quantile(latency, 0.95):.0f} ms, "
        f"p99 {1e3 * quantile(latency, 0.99):.0f} ms, max {1e3 * max(latency, default=0.0):.0f} ms (goal: p95 at most {1e3 * GOAL_P95_S:.0f} ms)"
    )
    warm = measured.warm
    yield f"  of these after the first {WARM_AFTER_S:g} s: p50 {1e3 * quantile(warm, 0.5):.0f} ms, p95 {1e3 * quantile(warm, 0.95):.0f} ms"
    yield (
        f"turns: {len(measured.turns)}; p50 {quantile(measured.turns, 0.5):.2f} s, p95 {quantile(measured.turns, 0.95):.2f} s; "
        f"a quick call: p50 {1e3 * quantile(measured.quick, 0.5):.0f} ms, p95 {1e3 * quantile(measured.quick, 0.95):.0f} ms"
    )
    if measured.memory:
        last_s = measured.memory[-1][0]
        early = [rss for at, rss, _ in measured.memory if last_s / 4 <= at < last_s / 2]
        late = [rss for at, rss, _ in measured.memory if at >= 3 * last_s / 4]
        yield (
            f"server's memory: start {measured.memory[0][1]:.0f} MB, median of the second quarter {quantile(early, 0.5):.0f} MB, of the last "
            f"{quantile(late, 0.5):.0f} MB, max {max(rss for _, rss, _ in measured.memory):.0f} MB; worker at the end {measured.memory[-1][2]:.0f} MB"
        )
    yield f"failures: {len(measured.failures)}"
    yield from (f"- {text}" for text in sorted(set(measured.failures))[:10])


def main() -> int:
    """Load the server, print what was measured, and fail where the goal is missed or an event is lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--chats", type=int, default=10)
    parser.add_argument(
        "--appended",
        type=float,
        default=0.0,
        metavar="RATE",
        help="written events a second in place of a real run",
    )
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        _write(options.write, rate=options.appended, seconds=options.seconds)
        return 0
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as address:
        port = address.rsplit(":", 1)[1]
        process = next(
            child
            for child in psutil.Process().children()
            if port in child.cmdline() and "serve" in child.cmdline()
        )
        measured = asyncio.run(_load(address, Path(folder), options, process))
        said = (Path(folder) / "serve.log").read_text(encoding="utf-8", errors="replace")
    print("\n".join(_lines(measured, options)))
    if measured.failures and "Traceback" in said:
        print("The server's log ends:\n" + said[-3000:])
    return int(
        quantile(measured.latencies, 0.95) > GOAL_P95_S or measured.missed > 0 or bool(measured.failures)
    )


if __name__ == "__main__":
    raise SystemExit(main())
