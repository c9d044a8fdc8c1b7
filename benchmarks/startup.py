"""How long the command line takes to start: `--version`, `--help` and a plan by the rules.

Each command runs in a fresh process, as a user's shell starts it; the median and the range of the repetitions are
printed, and what stays when the interpreter's own start is taken off.

    python benchmarks/startup.py [--repeat 9]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date

COMMANDS: dict[str, list[str]] = {
    "python -c pass": ["-c", "pass"],
    "matsmith --version": ["-m", "matsmith", "--version"],
    "matsmith --help": ["-m", "matsmith", "--help"],
    "matsmith design --help": ["-m", "matsmith", "design", "--help"],
    "matsmith plan OBJECTIVE": [
        "-m",
        "matsmith",
        "plan",
        "a stable oxide with a bulk modulus above 150 GPa, no cobalt",
    ],
}
LIMIT_S = {"matsmith --version": 0.5}


def seconds_of(words: list[str], *, folder: str) -> float:
    """Wall time of one start."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


def planning_s(repeat: int) -> tuple[list[float], float]:
    """Wall times of the rules' planning alone, in this process, after a first call has loaded what it needs; and CPU time a call."""
    from matsmith.agents.session import plan_objective
    from matsmith.core.settings import Settings

    settings = Settings()
    times: list[float] = []
    used = 0.0
    for index in range(repeat + 1):
        if index == 1:
            used = time.process_time()
        began = time.perf_counter()
        plan_objective(
            f"a stable oxide with a bulk modulus above {150 + index} GPa, no cobalt", settings=settings
        )
        times.append(time.perf_counter() - began)
    return times[1:], (time.process_time() - used) / repeat


def main() -> int:
    """Measure and print; the exit status is 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Measure how long the command line takes to start.")
    parser.add_argument("--repeat", type=int, default=9)
    repeat: int = max(1, parser.parse_args().repeat)
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {date.today()}"
    )
    print(f"load average when it began: {os.getloadavg()[0]:.1f}\n" if hasattr(os, "getloadavg") else "")
    print(f"{'command':<28} {'median':>9} {'lowest':>9} {'highest':>9} {'CPU':>9}")
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COMMANDS.items():
            seconds_of(words, folder=folder)  # the first start fills the file cache
            before = os.times()
            times = [seconds_of(words, folder=folder) for _ in range(repeat)]
            after = os.times()
            used = (
                after.children_user + after.children_system - before.children_user - before.children_system
            ) / repeat
            print(row(name, times, used_s=used))
            if name in LIMIT_S and statistics.median(times) > LIMIT_S[name]:
                failed.append(f"{name} takes more than {LIMIT_S[name]} s")
    times, used = planning_s(repeat)
    print(row("planning alone, by the rules", times, used_s=used))
    for problem in failed:
        print(problem, file=sys.stderr)
    return bool(failed)


def row(name: str, times: list[float], *, used_s: float) -> str:
    """One line of the table, in milliseconds; the last column is processor time, which other load hardly moves."""
    cells = [statistics.median(times), min(times), max(times), used_s]
    return f"{name:<28} " + " ".join(f"{1000 * cell:>6.0f} ms" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
