"""Calls every operation of the page's server with what its OpenAPI document allows, and with what it does not.

    python benchmarks/api_fuzz.py --examples 200

The server is a process of its own in an empty home. Names of a run, a record, a candidate and a thread that exist stand in for half of
the made-up ones, so that calls go deeper than "there is no such run". A finding is a status of 500 or more, a status or a content type
that the document does not name, a body that is not of its schema, or no answer within the time; the exit status is 1 when there is any.
Needs `schemathesis`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx

PATIENCE_S = 20.0
HEADERS = {"X-Matsmith": "1"}


@dataclass
class Tally:
    """What came back: operation -> status -> how often, and every finding once with its call."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])
    findings: dict[str, str] = field(default_factory=dict[str, str])
    slowest_s: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return sum(counter.total() for counter in self.statuses.values())


def fuzz(
    address: str,
    document: Mapping[str, Any],
    *,
    known: Mapping[str, str],
    examples: int,
    repeatable: bool = True,
) -> Tally:
    """Call each operation with `examples` sound inputs and as many unsound ones; `known` are path parameters that name something."""
    from hypothesis.errors import Unsatisfiable

    # By name, since the package is not needed for anything else and may not be there.
    schemathesis: Any = importlib.import_module("schemathesis")
    modes: Any = importlib.import_module("schemathesis.generation").GenerationMode
    conformance: Any = importlib.import_module("schemathesis.specs.openapi.checks")
    checks: list[Any] = [
        importlib.import_module("schemathesis.checks").not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_schema_conformance,
    ]
    schema: Any = schemathesis.openapi.from_dict(dict(document))
    tally = Tally()
    for found in schema.get_all_operations():
        operation: Any = found.ok()
        label = f"{operation.method.upper()} {operation.path}"
        for mode in (modes.POSITIVE, modes.NEGATIVE):
            try:
                cases: Any = operation.as_strategy(generation_mode=mode)
            except Exception as error:
                if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
                    raise
                continue

            def call(case: Any, label: str = label) -> None:
                _call(case, address=address, checks=checks, label=label, tally=tally)

            with contextlib.suppress(Unsatisfiable):
                _draw(cases, call, known=known, examples=examples, repeatable=repeatable)
    return tally


def _draw(
    cases: Any, call: Callable[[Any], None], *, known: Mapping[str, str], examples: int, repeatable: bool
) -> None:
    """Draw cases and call each, half of them with path parameters that name something."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=repeatable,
        phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )  # fmt: skip
    @given(case=cases, real=st.booleans())
    def one(case: Any, real: bool) -> None:
        if real:
            for name in list(cast("dict[str, Any]", case.path_parameters or {})):
                if name in known:
                    case.path_parameters[name] = known[name]
        call(case)

    one()


def _call(case: Any, *, address: str, checks: list[Any], label: str, tally: Tally) -> None:
    import requests

    failures: Any = importlib.import_module("schemathesis.core.failures")
    begun = time.monotonic()
    try:
        answer = case.call(base_url=address, headers=HEADERS, timeout=PATIENCE_S)
    except requests.exceptions.Timeout:
        tally.findings.setdefault(f"{label}: no answer within {PATIENCE_S:g} s", case.as_curl_command())
        return
    except (requests.exceptions.RequestException, UnicodeEncodeError, ValueError) as error:
        tally.findings.setdefault(f"{label}: {type(error).__name__}: {error}"[:300], "the call itself")
        return
    tally.slowest_s[label] = max(tally.slowest_s.get(label, 0.0), time.monotonic() - begun)
    tally.statuses.setdefault(label, Counter())[answer.status_code] += 1
    try:
        case.validate_response(answer, checks=checks)
    except failures.FailureGroup as group:
        for failure in group.exceptions:
            what = f"{label} -> {answer.status_code}: {getattr(failure, 'title', type(failure).__name__)}: {failure}"
            tally.findings.setdefault(" ".join(what.split())[:300], case.as_curl_command()[:2000])


@contextlib.contextmanager
def server(home: Path) -> Generator[str]:
    """`matsmith serve` as a process, in an empty home; gives the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {
        "MATSMITH_STATE_DIR": str(home / "state"), "MATSMITH_CACHE_DIR": str(home / "cache"), "MATSMITH_RUNS_DIR": str(home / "runs"),
        "MATSMITH_LIBRARY": str(home / "library"), "MATSMITH_DATA": str(home / "none"), "MATSMITH_POTENTIAL": "emt",
        "MATSMITH_REASONER": "rules", "MATSMITH_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "matsmith", "serve", "--no-open", "--port", str(port)]
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/api/about", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def prepare(address: str) -> dict[str, str]:
    """Make a thread and a short run; returns path parameters that name them."""
    with httpx.Client(base_url=address, headers=HEADERS, timeout=120) as client:
        # The first question loads the model of meanings, which is no matter of what is asked.
        client.post("/api/ask", json={"question": "Which garnet conducts lithium ions?"}).raise_for_status()
        client.post("/api/threads/known/turns", json={"text": "/help"}).raise_for_status()
        plan = client.post(
            "/api/plan", json={"objective": "a copper-gold intermetallic, bulk modulus above 100 GPa"}
        ).json()
        spec = {**plan["spec"], "budget": {**plan["spec"]["budget"], "wall_time_s": 30}}
        run = client.post("/api/runs", json={"spec": spec}).json()["name"]
        until = time.monotonic() + 180
        detail: dict[str, Any] = {}
        while time.monotonic() < until and detail.get("state") not in ("met", "budget", "stalled", "failed"):
            time.sleep(1)
            detail = client.get(f"/api/runs/{run}").json()
    known = {"thread": "known", "name": run}
    candidate = next(iter(detail.get("candidates", [])), None)
    if candidate:
        known["candidate"] = candidate["id"]
        known["record"] = next((q["record"] for q in candidate["quantities"]), candidate["id"])
    return known


def main() -> int:
    """Fuzz, print what came back, and fail where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--examples", type=int, default=100, help="sound and unsound inputs each, per operation"
    )
    parser.add_argument("--fresh", action="store_true", help="other inputs at each start")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as address:
        known = prepare(address)
        document = httpx.get(f"{address}/api/openapi.json", timeout=30).json()
        tally = fuzz(address, document, known=known, examples=options.examples, repeatable=not options.fresh)
        alive = httpx.get(f"{address}/api/about", timeout=10).status_code == 200
        said = (Path(folder) / "serve.log").read_text(encoding="utf-8", errors="replace")
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"{'operation':58} {'calls':>6} {'slowest':>9}  statuses")
    for label, counter in tally.statuses.items():
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(counter.items()))
        print(f"{label:58} {counter.total():6} {tally.slowest_s[label]:7.2f} s  {statuses}")
    print(f"\n{tally.calls} calls of {len(tally.statuses)} operations in {time.monotonic() - begun:.0f} s")
    print(
        f"tracebacks in the server's log: {said.count('Traceback')}; the server answers afterwards: {alive}"
    )
    print(f"findings: {len(tally.findings)}")
    for what, command in tally.findings.items():
        print(f"- {what}\n    {command[:600]}")
    return int(bool(tally.findings) or not alive or "Traceback" in said)


if __name__ == "__main__":
    raise SystemExit(main())
