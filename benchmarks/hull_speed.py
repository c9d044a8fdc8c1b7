"""Times the energy above hull of many queries against pymatgen's phase diagram, the build included.

    python benchmarks/hull_speed.py [--queries 2000] [--pymatgen-queries 200]

Phases are random compositions with random energies; every query is a new composition. Both give the same energies to 1e-9
eV/atom, which is checked before any time is printed. pymatgen is slow: its rate is taken on a part of the queries, spread over all
of them, and scaled up. Wanted, the build of the hull included: 100 times with 4 elements, 30 times with 6, 500 phases each.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from matsmith.knowledge.hull import ConvexHull

ELEMENTS = ("Li", "Na", "K", "Fe", "O", "S")
CASES = ((2, 100), (3, 300), (4, 500), (6, 500))
WANTED = {4: 100.0, 6: 30.0}


def measure(*, width: int, phases: int, queries: int, slow_queries: int, seed: int) -> dict[str, float]:
    """Return seconds for build and queries of both, for one random system."""
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    random = np.random.default_rng(seed)
    amounts = (
        random.integers(0, 9, size=(phases, width))
        + np.eye(width, dtype=int)[random.integers(0, width, phases)]
    )
    fractions = amounts / amounts.sum(axis=1, keepdims=True)
    # A bowl with noise: about as many phases are stable as in the systems of a real database.
    energies = -2.0 * (1 - (fractions**2).sum(axis=1)) + random.normal(0.1, 0.15, phases)
    energies = np.asarray(np.where(fractions.max(axis=1) == 1, abs(energies), energies), dtype=np.float64)
    points = random.dirichlet(np.ones(width), queries)
    elements = ELEMENTS[:width]

    start = time.process_time()
    hull = ConvexHull.build(elements, fractions, energies)
    built = time.process_time()
    ours = hull.energy_above_hull(points, np.zeros(queries))
    done = time.process_time()

    entries: list[Any] = [
        PDEntry(Composition(dict(zip(elements, map(int, row), strict=True))), float(energy * row.sum()))
        for row, energy in zip(amounts, energies, strict=True)
    ]
    slow_start = time.process_time()
    diagram = PhaseDiagram([*entries, *(PDEntry(Composition(symbol), 0.0) for symbol in elements)])
    slow_built = time.process_time()
    asked = min(slow_queries, queries)
    places = np.linspace(0, queries - 1, asked).astype(int)
    theirs = [
        -diagram.get_hull_energy_per_atom(Composition(dict(zip(elements, map(float, row), strict=True))))
        for row in points[places]
    ]
    slow_done = time.process_time()
    difference = float(abs(ours[places] - np.array(theirs)).max())
    if difference > 1e-9:
        raise SystemExit(f"the energies differ by {difference} eV/atom")
    all_queries_s = (slow_done - slow_built) * queries / asked
    return {
        "build_s": built - start,
        "query_s": done - built,
        "pymatgen_build_s": slow_built - slow_start,
        "pymatgen_query_s": all_queries_s,
        "facets": float(len(hull.planes)),
        "ratio": (slow_built - slow_start + all_queries_s) / (done - start),
        "difference_ev": difference,
    }


def main() -> None:
    """Print one line for each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--pymatgen-queries", type=int, default=200, help="how many of them pymatgen answers")
    arguments = parser.parse_args()
    measure(width=3, phases=20, queries=10, slow_queries=10, seed=1)  # imports are not part of the time
    print(
        f"{arguments.queries} queries; processor seconds; the ratio is pymatgen's build and queries over ours"
    )
    print(
        "elements phases facets   build   query   pymatgen build   pymatgen query   ratio   difference eV/atom"
    )
    for width, phases in CASES:
        found = measure(
            width=width,
            phases=phases,
            queries=arguments.queries,
            slow_queries=arguments.pymatgen_queries,
            seed=0,
        )
        wanted = WANTED.get(width)
        said = (
            ""
            if wanted is None
            else f"   wanted {wanted:.0f}: {'met' if found['ratio'] >= wanted else 'missed'}"
        )
        print(
            f"{width:8d} {phases:6d} {found['facets']:6.0f} {found['build_s']:7.3f} {found['query_s']:7.3f} "
            f"{found['pymatgen_build_s']:16.3f} {found['pymatgen_query_s']:16.3f} {found['ratio']:7.0f} "
            f"{found['difference_ev']:20.1e}{said}",
            flush=True,
        )


if __name__ == "__main__":
    main()
