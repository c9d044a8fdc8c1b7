"""Measures the search for competing phases on systems that nothing is known of but the phases that ship.

    python benchmarks/cold_system.py [Mg-Al-O ...] [--device cpu] [--threads 2]

Prints for each system how many decorations reached each stage, the seconds (on the wall and of all cores together), the
phases found with their height above the hull of all phases, and whether a compound that is known to exist is among them.
The potential's weights are loaded before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import cast

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.base import Deps
from matsmith.tools.competing_phases import CompetingPhasesArgs, run_many
from matsmith.tools.potential import potential

KNOWN = {"Mg-Al-O": "MgAl2O4", "Li-Fe-O": "LiFeO2", "Ca-Ti-O": "CaTiO3", "Ti-Al-C": "Ti2AlC"}
"""One compound that is known to exist in each system."""


def measure(system: str, *, settings: Settings) -> str:
    """Search one system and return its lines of the table."""
    deps = Deps(settings=settings)
    args = CompetingPhasesArgs(elements=tuple(system.split("-")))
    started = time.process_time()
    ((_, outcome),) = run_many([args], deps=deps)
    cpu_s = time.process_time() - started
    if outcome.failure is not None:
        return f"{system:10s} {outcome.failure.code}: {outcome.failure.message}"
    facts = outcome.facts
    heights = cast("dict[str, float]", facts["above_hull_ev_per_atom"])
    stages = [facts[key] for key in ("decorations", "charge_balanced", "relaxations", "relaxed_to_the_end")]
    wanted = KNOWN.get(system)
    verdict = ""
    if wanted is not None:
        key = reduced_key(wanted)
        verdict = f"{wanted} {abs(1000 * heights[key]):.0f} meV" if key in heights else f"{wanted} not found"
    rows = [
        " ".join(
            [
                f"{system:10s}",
                *(f"{stage!s:>6}" for stage in stages),
                f"{outcome.wall_s:8.1f} {cpu_s:8.1f}  ",
                verdict,
            ]
        )
    ]
    for formula, prototype, energy in cast("list[tuple[str, str, float]]", facts["phases"]):
        rows.append(
            f"    {formula:14s} {prototype:36s} {energy:10.4f} eV/atom {abs(1000 * heights[formula]):6.0f} meV/atom above hull"
        )
    return "\n".join(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="*", default=list(KNOWN))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args()
    settings = Settings(device=chosen.device, threads=chosen.threads)
    potential(settings)
    sys.stdout.write(
        "system     decor. charge  relax    end  wall s    cpu s   known compound above the hull\n"
    )
    started = time.perf_counter()
    for system in chosen.systems:
        sys.stdout.write(measure(system, settings=settings) + "\n")
        sys.stdout.flush()
    load = f", load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    sys.stdout.write(f"{time.perf_counter() - started:.1f} s in all{load}\n")


if __name__ == "__main__":
    main()
