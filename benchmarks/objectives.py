"""Run the objectives of objectives.yaml one after another through the command line and have every verdict checked independently.

    MATSMITH_DATA=DIR python benchmarks/objectives.py --out DIR [--budget 5m] [--only NAME] [--skip-refusals] [--no-potential]
        [--json-out FILE]

Memory is the largest sum of resident sizes over the process tree, sampled twice a second: pages that processes share count
twice, so it is an upper bound. Exit status 1 when a refusal is wrong or missing, a run fails, or the check finds too much false.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psutil
import yaml

HERE = Path(__file__).resolve().parent
GRACE_S = 180.0  # beyond its budget a run is ended by force and counts as failed
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(kw_only=True)
class Result:
    """One objective and how it ended."""

    name: str
    objective: str
    expect: str
    ended: str
    exit_code: int
    wall_s: float
    peak_mb: float
    first_known_s: float | None = None
    first_new_s: float | None = None
    known: int = 0
    new: int = 0
    right: bool = True
    said: str = ""


class Memory(threading.Thread):
    """Samples the resident memory of a process tree until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self._pid = pid

    def run(self) -> None:
        """Sample."""
        try:
            root = psutil.Process(self._pid)
            while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
                total = 0
                for process in [root, *root.children(recursive=True)]:
                    try:
                        total += process.memory_info().rss
                    except psutil.NoSuchProcess:
                        continue
                self.peak_mb = max(self.peak_mb, total / 1e6)
                time.sleep(0.5)
        except psutil.NoSuchProcess:
            return


class Answers(threading.Thread):
    """Reads the events of a run and notes when the first known and the first other answer came, on this clock."""

    def __init__(self, stream: IO[str], started: float) -> None:
        super().__init__(daemon=True)
        self.first: dict[bool, float] = {}
        self.finished: dict[str, Any] = {}
        self.foreign: list[str] = []
        self._stream, self._began = stream, started

    def run(self) -> None:
        """Read to the end."""
        for line in self._stream:
            try:
                event: dict[str, Any] = json.loads(line)
                kind, data = event["kind"], event["data"]
            except (ValueError, KeyError, TypeError):
                self.foreign.append(line.strip())
                continue
            if kind == "candidate" and data.get("meets"):
                self.first.setdefault(data.get("novelty") == "known", time.perf_counter() - self._began)
            elif kind == "finished":
                self.finished = data


def seconds(text: str) -> float:
    """Read a duration such as 90s, 5m or 1h; plain numbers are seconds."""
    return float(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else float(text)


def run_one(entry: dict[str, Any], *, out: Path, budget: str) -> Result:
    """Run one objective as a user would."""
    words = [sys.executable, "-m", "matsmith.app.main", "design", entry["objective"], "--yes", "--json"]
    words += ["--budget", budget, "--seed", "0", "--out", str(out / entry["name"])]
    started = time.perf_counter()
    with (out / f"{entry['name']}.err").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        if process.stdout is None:
            raise RuntimeError("the run has no standard output")
        memory, answers = Memory(process.pid), Answers(process.stdout, started)
        memory.start()
        answers.start()
        overran = False
        try:
            code = process.wait(seconds(budget) + GRACE_S)
        except subprocess.TimeoutExpired:
            overran = True
            _end(process)
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        wall = time.perf_counter() - started
        answers.join(10)
        memory.join(2)
        errors.seek(0)
        said = [line.strip() for line in errors if line.startswith("matsmith:")]
    expect = entry.get("expect", "refused")
    ended = {0: "met", 1: "failed", 2: "refused", 3: "not met", 4: "refused", 5: "interrupted"}.get(
        code, f"exit {code}"
    )
    if expect == "refused":
        right = code == entry["exit"] and not (out / entry["name"] / "report.json").exists()
    else:
        right = ended in ("met", "not met") and not answers.foreign
    return Result(
        name=entry["name"],
        objective=" ".join(str(entry["objective"]).split()),
        expect=expect,
        ended="overran" if overran else ended,
        exit_code=code,
        wall_s=round(wall, 1),
        peak_mb=round(memory.peak_mb),
        first_known_s=_rounded(answers.first.get(True)),
        first_new_s=_rounded(answers.first.get(False)),
        right=right and not overran,
        said=said[-1] if said else answers.finished.get("sentence", ""),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _end(process: subprocess.Popen[str]) -> None:
    """End a run with all that it started."""
    try:
        tree = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        tree = []
    process.kill()
    for child in tree:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue


def verify(runs: list[Path], *, out: Path, potential: bool) -> tuple[dict[str, Any], str, int]:
    """Check the verdicts in a process of its own; return what it found, what it printed and its exit status."""
    found = out / "verification.json"
    found.unlink(missing_ok=True)
    words = [sys.executable, str(HERE / "verify_verdicts.py"), *map(str, runs)]
    words += ["--json-out", str(found), "--cache", str(out / "potential.json")]
    if not potential:
        words.append("--no-potential")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if not found.exists():
        raise RuntimeError(f"the check failed: {done.stderr.strip()[-2000:]}")
    return json.loads(found.read_text(encoding="utf-8")), done.stdout, done.returncode


def show(results: list[Result]) -> None:
    """Print one line an objective."""
    print(
        f"{'objective':26} {'expected':9} {'ended as':9} exit  wall s   MB  first known s  first new s  known  new"
    )
    for one in results:
        known = "-" if one.first_known_s is None else f"{one.first_known_s:.1f}"
        new = "-" if one.first_new_s is None else f"{one.first_new_s:.1f}"
        mark = "" if one.right else "   WRONG"
        print(
            f"{one.name:26} {one.expect:9} {one.ended:9} {one.exit_code:4d} {one.wall_s:7.1f} {one.peak_mb:4.0f} "
            f"{known:>14} {new:>12} {one.known:6d} {one.new:4d}{mark}"
        )
        if not one.right or one.ended == "refused":
            print(f"    {one.said}")


def main() -> int:
    """Run and check everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--only", action="append", metavar="NAME", help="run only this one (may be repeated)")
    parser.add_argument("--skip-refusals", action="store_true", help="leave out the further refusals")
    parser.add_argument(
        "--no-potential", action="store_true", help="check with measured values and tables only"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the runs; must be empty or new"
    )
    parser.add_argument("--json-out", type=Path)
    options = parser.parse_args()
    held: dict[str, list[dict[str, Any]]] = yaml.safe_load(
        (HERE / "objectives.yaml").read_text(encoding="utf-8")
    )
    entries = held["objectives"] + ([] if options.skip_refusals else held["refusals"])
    names = {entry["name"] for entry in entries}
    chosen = set(options.only) if options.only else names
    if unknown := chosen - names:
        parser.error(
            f"no objective is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}"
        )
    if options.out.exists() and any(options.out.iterdir()):
        parser.error(f"{options.out} is not empty")
    options.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a run is ended with this program
    results: list[Result] = []
    for entry in entries:
        if entry["name"] in chosen:
            results.append(run_one(entry, out=options.out, budget=options.budget))
            one = results[-1]
            print(f"{one.name}: {one.ended} after {one.wall_s:.0f} s", file=sys.stderr, flush=True)
    runs = [options.out / one.name for one in results if (options.out / one.name / "report.json").is_file()]
    checked: dict[str, Any] = {}
    status, text = 0, ""
    if runs:
        checked, text, status = verify(runs, out=options.out, potential=not options.no_potential)
        for one in results:
            mine = [answer for answer in checked["answers"] if answer["run"] == one.name]
            one.new = sum(not answer["listed"] for answer in mine)
            one.known = len(mine) - one.new
    print(text)
    show(results)
    wanted = [one for one in results if one.expect == "met"]
    refused = [one for one in results if one.expect == "refused"]
    print(
        f"met: {sum(one.ended == 'met' for one in wanted)} of {len(wanted)} that could be, in {options.budget} each"
    )
    print(f"right refusals: {sum(one.right for one in refused)} of {len(refused)}")
    print(f"{platform.platform()}, {psutil.cpu_count()} cores, {datetime.now(UTC).date().isoformat()}")
    if options.json_out:
        everything = {"results": [asdict(one) for one in results], "verification": checked}
        options.json_out.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    return 0 if status == 0 and all(one.right for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
