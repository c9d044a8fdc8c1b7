"""Share of a run's wall time that the graph and the ledger take, and how long the rules need for a plan.

python benchmarks/overhead.py --budget 120
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matsmith.agents import design, plan_objective
from matsmith.agents import graph as graph_module
from matsmith.core.ledger import Ledger

OBJECTIVE = "a stable oxide with a bulk modulus above 150 GPa, no cobalt"
_NODES = ("gather_evidence", "propose", "simulate", "summarise", "stop_for", "write_report")


class Stopwatch:
    """Adds up the time spent in functions, without counting one inside another twice."""

    def __init__(self) -> None:
        self.total = 0.0
        self._depth = 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.total += time.perf_counter() - started

        return timed


def main() -> None:
    """Run once with clocks around the ledger and the nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=120.0)
    options = parser.parse_args()
    plan_objective(OBJECTIVE)
    times: list[float] = []
    for _ in range(20):
        started = time.perf_counter()
        plan_objective(OBJECTIVE)
        times.append(time.perf_counter() - started)
    ledger, nodes = Stopwatch(), Stopwatch()
    for name in ("append_many", "latest", "record", "find_record", "verify"):
        setattr(Ledger, name, ledger.around(getattr(Ledger, name)))
    whole = Ledger.entries
    Ledger.entries = ledger.around(lambda *a, **k: iter(list(whole(*a, **k))))  # type: ignore[method-assign]
    for name in _NODES:
        setattr(graph_module, name, nodes.around(getattr(graph_module, name)))
    from langgraph.pregel import Pregel

    stream = Stopwatch()
    original: Any = getattr(Pregel, "stream")  # noqa: B009 - its overloads are beyond the type checker
    Pregel.stream = stream.around(lambda *a, **k: iter(list(original(*a, **k))))  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        design(OBJECTIVE, out=Path(scratch) / "run", budget_s=options.budget)
        wall = time.perf_counter() - started
    graph = stream.total - nodes.total
    print(f"plan by rules: median {1000 * statistics.median(times):.1f} ms over {len(times)}")
    print(
        f"wall {wall:.1f} s; ledger {ledger.total:.2f} s ({ledger.total / wall:.2%}); graph without its nodes {graph:.2f} s ({graph / wall:.2%})"
    )
    print(f"together {(ledger.total + graph) / wall:.2%}")


if __name__ == "__main__":
    main()
