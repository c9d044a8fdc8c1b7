"""Relaxations per second of matsmith against the optimiser of the chgnet package, on the same crystals in one run.

    python benchmarks/relaxation_throughput.py --n 256 --package-n 48 --default-n 24 --plot docs/relaxation_throughput.png

Crystals: AFLOW prototypes of 2 to 20 atoms, strained by 2 % and shaken by 0.05 Å. Ours relaxes all of them. The package is slow,
so it relaxes a random subset: with its best thread setting (each is tried on a few crystals) and, on a smaller subset, as a
user gets it. Every side has a process of its own, and they relax the subset in blocks by turns (ours, best, default), so that a
machine that slows down slows all of them; a ratio compares the sides on the crystals that both relaxed. All stop at a
largest force of `--fmax`; the package adds the virial per atom to what it compares, ours holds the stress under 0.1 GPa, which is
tighter. So its energies lie higher on soft crystals; `--fmax 0.01 --curve-n 0` shows whether both find the same minima.

Then throughput and peak memory against the size of a batch, and seconds a crystal against the number of crystals.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SCRIPT = Path(__file__).with_name("relaxation_sides.py")
BLOCK = 4
BATCH_COSTS = (750, 3_000, 12_000, 48_000, 192_000)


class Side:
    """A process that relaxes blocks of crystals when it is asked to."""

    def __init__(
        self, name: str, *, options: argparse.Namespace, threads: int = 0, batch_cost: int = 0
    ) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"}
        if name != "default":
            environment["OPENBLAS_NUM_THREADS"] = "1"
        command = [sys.executable, str(SCRIPT), "--side", name, "--count", str(options.n)]
        command += ["--seed", str(options.seed), "--fmax", str(options.fmax)]
        command += ["--max-steps", str(options.max_steps), "--threads", str(threads)]
        command += ["--batch-cost", str(batch_cost), "--device", options.device]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about: dict[str, Any] = self._read()

    def relax(self, places: Sequence[int]) -> dict[str, Any]:
        """Relax these crystals; wall_s, cpu_s, peak_mb and results."""
        if self._process.stdin is None:
            raise SystemExit("the side has no input")
        self._process.stdin.write(json.dumps([int(place) for place in places]) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit("a side of the benchmark ended early; its error stands above")
        return json.loads(line)


def best_threads(*, options: argparse.Namespace, places: Sequence[int]) -> int:
    """The torch thread setting with which the package relaxes a few crystals fastest."""
    seconds: dict[int, float] = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        side = Side("package", options=options, threads=threads)
        seconds[threads] = side.relax(places)["wall_s"]
        side.close()
        print(
            f"package with {threads} torch threads: {seconds[threads]:.1f} s for {len(places)} crystals",
            flush=True,
        )
    return min(seconds, key=lambda key: seconds[key])


def race(*, options: argparse.Namespace) -> dict[str, Any]:
    """All sides on the subset, in blocks by turns; figures of each, and the ratios."""
    order = [int(place) for place in np.random.default_rng(options.seed + 1).permutation(options.n)]
    chosen = order[: options.package_n]
    threads = options.package_threads or best_threads(options=options, places=order[-3:])
    sides = {
        "ours": Side("ours", options=options, threads=options.threads),
        "package": Side("package", options=options, threads=threads),
    }
    if options.default_n:
        sides["default"] = Side("default", options=options)
    answers: dict[str, dict[int, tuple[float | None, int]]] = {name: {} for name in sides}
    blocks: list[dict[str, tuple[float, float]]] = []
    for begin in range(0, len(chosen), BLOCK):
        block = chosen[begin : begin + BLOCK]
        times: dict[str, tuple[float, float]] = {}
        for name, side in sides.items():
            if name == "default" and begin >= options.default_n:
                continue
            answer = side.relax(block)
            times[name] = (answer["wall_s"], answer["cpu_s"])
            answers[name].update(zip(block, pairs(answer), strict=True))
        blocks.append(times)
        print(
            f"{begin + len(block):4d} crystals: "
            + ", ".join(
                f"{name} {sum(b[name][0] for b in blocks if name in b):.1f} s "
                f"({sum(b[name][1] for b in blocks if name in b):.1f} of processor)"
                for name in sides
            ),
            flush=True,
        )
    whole = sides["ours"].relax(range(options.n))
    answers["ours"].update(enumerate(pairs(whole)))
    for side in sides.values():
        side.close()
    figures: dict[str, Any] = {
        "crystals": options.n,
        "atoms": int(sum(sides["ours"].about["atoms"])),
        "ours_all_s": round(whole["wall_s"], 1),
        "ours_crystals_per_s": round(options.n / whole["wall_s"], 2),
        "ours_peak_mb": round(whole["peak_mb"]),
        "ours_not_relaxed": sum(energy is None for energy, _ in answers["ours"].values()),
        "package_best_threads": threads,
        "default_threads": sides["default"].about["torch_threads"] if "default" in sides else None,
    }
    for name in sides:
        if name != "ours":
            figures[name] = compare(name, answers=answers, blocks=blocks)
    return figures


def pairs(answer: dict[str, Any]) -> list[tuple[float | None, int]]:
    """Final energy and number of evaluations of each crystal of an answer."""
    return [(energy, int(count)) for energy, count in answer["results"]]


def compare(
    name: str,
    *,
    answers: dict[str, dict[int, tuple[float | None, int]]],
    blocks: list[dict[str, tuple[float, float]]],
) -> dict[str, Any]:
    """Ratios of wall and processor time, and how the final energies agree, on what both sides relaxed."""
    both = [block for block in blocks if name in block]
    wall = [sum(block[side][0] for block in both) for side in (name, "ours")]
    cpu = [sum(block[side][1] for block in both) for side in (name, "ours")]
    gaps: list[float] = []
    for place, (energy, _) in answers[name].items():
        mine = answers["ours"][place][0]
        if energy is not None and mine is not None:
            gaps.append(1000 * (mine - energy))
    gap = np.array(gaps)
    return {
        "crystals": len(answers[name]),
        "not_relaxed": sum(energy is None for energy, _ in answers[name].values()),
        "wall_ratio": round(wall[0] / wall[1], 2),
        "cpu_ratio": round(cpu[0] / cpu[1], 2),
        "median_block_ratio": round(float(np.median([b[name][0] / b["ours"][0] for b in both])), 2),
        "evaluations": round(float(np.mean([count for _, count in answers[name].values()])), 1),
        "ours_evaluations": round(float(np.mean([answers["ours"][place][1] for place in answers[name]])), 1),
        "both_relaxed": len(gaps),
        "within_2_mev_per_atom": round(float((np.abs(gap) <= 2).mean()), 4),
        "not_higher_by_2_mev_per_atom": round(float((gap <= 2).mean()), 4),
        "median_gap_mev_per_atom": round(float(np.median(gap)), 3),
        "gaps_beyond_2_mev": sorted(round(float(g), 1) for g in gap if abs(g) > 2),
    }


def curves(*, options: argparse.Namespace) -> dict[str, list[tuple[float, ...]]]:
    """(batch cost, crystals per s, peak MB above the idle process) and (crystals, seconds each)."""
    places = list(range(min(options.n, options.curve_n)))
    by_batch: list[tuple[float, ...]] = []
    for cost in BATCH_COSTS:
        side = Side("ours", options=options, threads=options.threads, batch_cost=cost)
        answer = side.relax(places)
        side.close()
        grown = answer["peak_mb"] - side.about["idle_mb"]
        by_batch.append((cost, len(places) / answer["wall_s"], grown))
        print(
            f"batches of {cost:7d} bonds and angles: {by_batch[-1][1]:.2f} crystals/s, {grown:.0f} MB",
            flush=True,
        )
    by_number: list[tuple[float, ...]] = []
    side = Side("ours", options=options, threads=options.threads)
    count = 1
    order = np.random.default_rng(options.seed + 2).permutation(len(places))
    while count <= len(places):
        rounds = max(1, min(8, len(places) // count))
        seconds = sum(
            side.relax([int(p) for p in order[k * count : (k + 1) * count]])["wall_s"] for k in range(rounds)
        )
        by_number.append((count, seconds / (count * rounds)))
        print(f"{count:4d} crystals at once: {by_number[-1][1]:.3f} s each", flush=True)
        count *= 2
    side.close()
    return {"by_batch": by_batch, "by_number": by_number}


def plot(figures: dict[str, Any], *, path: Path) -> None:
    """Two panels: throughput and memory against the size of a batch; seconds a crystal against their number."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    library: Any = pyplot
    figure, (left, right) = library.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    cost, speed, memory = zip(*figures["by_batch"], strict=True)
    left.plot(cost, speed, "o-", color="#1f5fa8")
    left.set_xscale("log")
    left.set_ylim(bottom=0)
    left.set_xlabel("bonds and angles in a batch")
    left.set_ylabel("crystals per second", color="#1f5fa8")
    other = left.twinx()
    other.plot(cost, memory, "s--", color="#b3541e")
    other.set_ylim(bottom=0)
    other.set_ylabel("peak memory above idle (MB)", color="#b3541e")
    count, seconds = zip(*figures["by_number"], strict=True)
    right.plot(count, seconds, "o-", color="#1f5fa8", label="matsmith")
    right.set_xscale("log", base=2)
    right.set_ylim(bottom=0)
    right.set_xlabel("crystals relaxed at once")
    right.set_ylabel("seconds per crystal")
    figure.suptitle(f"CHGNet relaxation of perturbed prototypes, {figures['device']}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Race, curves, one table, and a plot when asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--package-n", type=int, default=48, help="how many of them the package relaxes")
    parser.add_argument("--default-n", type=int, default=24, help="how many it relaxes as a user gets it")
    parser.add_argument(
        "--curve-n", type=int, default=64, help="crystals behind each point of the curves; 0 leaves them out"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fmax", type=float, default=0.05)
    parser.add_argument("--max-steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of ours")
    parser.add_argument("--package-threads", type=int, default=0, help="0 tries them and takes the fastest")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, for all sides")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--plot", type=Path, help="write the picture of the curves here")
    options = parser.parse_args()
    figures = race(options=options)
    print(json.dumps(figures, indent=2), flush=True)
    if options.curve_n:
        name = (
            f"{options.threads} CPU thread{'s' if options.threads > 1 else ''}"
            if options.device == "cpu"
            else options.device
        )
        figures |= {"device": name, **curves(options=options)}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.plot and options.curve_n:
        plot(figures, path=options.plot)


if __name__ == "__main__":
    main()
