"""Measures how often each source of reference phases calls an unstable phase stable, and writes it down for the program.

    MATSMITH_DATA=DIR python benchmarks/stability_tiers.py [--per-size 1500] [--dry]

Truth is the energy above the whole Materials Project hull (`mp_energy_above_hull`, one row a formula, its lowest phase).
Each formula is judged by its DFT formation energy (`mp_formation_energy`, lowest row) against the tier's hull without any
phase of that formula. What is measured is therefore what the tier's missing and displaced phases do; the error of a
potential's energy comes on top and has its own sigma. The phases that ship stand on the table's basis by the fitted
offsets, and judge formulas of which every pair of elements was searched; ternaries computed on demand are not among them,
so that the rate for three and more elements is that of a first look. The tiers `dft_table` and `shipped` are measured; the Materials Project live is the truth itself.

The result goes to `src/matsmith/knowledge/tier_rates.json`, or only to the screen with --dry.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.core.settings import load_settings
from matsmith.knowledge.formulas import key_amounts, key_elements
from matsmith.knowledge.hull import ConvexHull
from matsmith.knowledge.matbench_files import DOWNLOADS
from matsmith.knowledge.references import (
    ON_HULL_EV_PER_ATOM,
    SHIPPED_ELEMENTS,
    known_tables,
    references_for,
)
from matsmith.knowledge.tier_rates import Tier

OUTPUT = Path(__file__).resolve().parents[1] / "src" / "matsmith" / "knowledge" / "tier_rates.json"
THRESHOLDS_EV = (0.0, 0.025, 0.05, 0.1)
SIZES = (2, 3, 4, 5, 6)
MEASURED: tuple[Tier, ...] = ("dft_table", "shipped")


def sample(truth: dict[str, float], *, per_size: int, seed: int, tier: Tier) -> list[str]:
    """Return up to `per_size` formulas of each number of elements that the tier covers, drawn with a seed."""
    covers = _shipped_cover() if tier == "shipped" else None
    random = np.random.default_rng(seed)
    chosen: list[str] = []
    for size in SIZES:
        pool = sorted(
            key
            for key in truth
            if len(elements := key_elements(key)) == size
            and (covers is None or all(frozenset(pair) in covers for pair in combinations(elements, 2)))
        )
        picked: list[int] = random.permutation(len(pool))[:per_size].tolist()
        chosen.extend(pool[index] for index in picked)
    return chosen


def _shipped_cover() -> frozenset[frozenset[str]]:
    """Return the pairs of common elements that were searched for the phases that ship."""
    from matsmith.knowledge.phases import searched_systems

    return frozenset(pair for pair in searched_systems() if pair <= SHIPPED_ELEMENTS)


def judge(formulas: Iterable[str], *, tier: Tier, energies: dict[str, float]) -> dict[str, float]:
    """Return each formula's energy above the tier's hull without its own phases, in eV/atom."""
    settings = load_settings()
    systems: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for formula in formulas:
        systems[tuple(key_elements(formula))].append(formula)
    above: dict[str, float] = {}
    for elements, members in systems.items():
        found = references_for(elements, data_dir=settings.data_dir, cache_dir=settings.cache_dir, only=tier)
        numbers = {phase.formula: number for number, phase in enumerate(found.phases)}
        hull = found.hull
        for formula in members:
            left = hull.without([numbers[formula]]) if formula in numbers else hull
            above[formula] = _above(left, formula, elements=found.elements, energy=energies[formula])
    return above


def _above(hull: ConvexHull, formula: str, *, elements: tuple[str, ...], energy: float) -> float:
    amounts = key_amounts(formula)
    row: NDArray[np.float64] = np.array([float(amounts[symbol]) for symbol in elements])
    return float(hull.energy_above_hull((row / row.sum())[None, :], [energy])[0])


def count(truth: dict[str, float], above: dict[str, float]) -> list[dict[str, Any]]:
    """Return what was called right and wrong, by threshold and number of elements."""
    counts: list[dict[str, Any]] = []
    for threshold in THRESHOLDS_EV:
        limit = threshold + ON_HULL_EV_PER_ATOM
        for size in SIZES:
            mine = [key for key in above if len(key_elements(key)) == size]
            unstable = [key for key in mine if truth[key] > limit]
            stable = [key for key in mine if truth[key] <= limit]
            if unstable:
                counts.append(
                    {
                        "threshold_ev_per_atom": threshold,
                        "n_elements": size,
                        "unstable": len(unstable),
                        "called_stable": sum(above[key] <= limit for key in unstable),
                        "stable": len(stable),
                        "called_unstable": sum(above[key] > limit for key in stable),
                    }
                )
    return counts


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--per-size", type=int, default=1500, help="formulas of each number of elements")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="print and do not write")
    arguments = parser.parse_args()
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    hull_table, energy_table = tables.table("mp_energy_above_hull"), tables.table("mp_formation_energy")
    energies = dict(zip(energy_table.keys, energy_table.lowest().tolist(), strict=True))
    truth = {
        key: value
        for key, value in zip(hull_table.keys, hull_table.lowest().tolist(), strict=True)
        if key in energies
    }
    published = next(entry.rows for entry in DOWNLOADS if entry.table == energy_table.source.name)
    print(
        f"{len(energy_table)} rows of formation energies, of {published} published; fewer rows, more false verdicts"
    )
    tiers: dict[str, Any] = {}
    for tier in MEASURED:
        try:
            chosen = sample(truth, per_size=arguments.per_size, seed=arguments.seed, tier=tier)
            above = judge(chosen, tier=tier, energies=energies)
        except DataError as error:
            print(f"{tier}: not measured: {error}")
            continue
        day = datetime.now(UTC).date().isoformat()
        tiers[tier] = {"date": day, "formulas": len(above), "counts": count(truth, above)}
        agree = np.mean([abs(max(above[key], 0.0) - truth[key]) <= 0.025 for key in above])
        print(f"{tier}: {len(above)} formulas; within 25 meV/atom of the truth: {agree:.3f}")
        print("  threshold eV/atom   elements   unstable   called stable   rate     stable   called unstable")
        for row in tiers[tier]["counts"]:
            print(
                f"  {row['threshold_ev_per_atom']:17.3f} {row['n_elements']:10d} {row['unstable']:10d} "
                f"{row['called_stable']:15d} {row['called_stable'] / row['unstable']:6.3f} "
                f"{row['stable']:10d} {row['called_unstable']:17d}"
            )
    if arguments.dry:
        return
    held = {
        "truth": "energy above the whole Materials Project hull, DFT, 0 K (mp_energy_above_hull)",
        "method": "lowest DFT formation energy of a formula against the tier's hull without that formula",
        "seed": arguments.seed,
        "formation_energy_rows": len(energy_table),
        "formation_energy_rows_published": published,
        "tiers": tiers,
    }
    OUTPUT.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    print(f"written to {OUTPUT.name}")


if __name__ == "__main__":
    main()
