"""How many random crystals it takes until one relaxes to the known structure, and what screening says about them.

    python benchmarks/random_search.py --trials 120 --seconds 75

For each compound random crystals are drawn as the strategy `random` draws them (the search is told the formula, and that the cell has
at most as many atoms as the known one or eight), screened and relaxed in batches by the tools of a run, in the order they were
drawn. Found means that pymatgen's StructureMatcher takes a relaxed crystal for the known one, itself relaxed by the same
potential. The prototypes serve for the expected volume alone; no structure is taken from them. A line ends when the structure is found,
the trials are used up, or the seconds are. Last, how far relaxing lowers the screened energy: the scatter that a run has to
allow for when it chooses what to relax.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from itertools import islice
from statistics import median, quantiles

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.models.random_structures import random_crystals
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool
from matsmith.tools.strategies.random_crystals import formula_volume
from matsmith.tools.strategies.sources import structures_of

COMPOUNDS = (
    "MgO",
    "CsCl",
    "ZnS",
    "CaF2",
    "TiO2",
    "Mg2Si",
    "NiAs",
    "SrTiO3",
    "LiCoO2",
    "FeS2",
    "Al2O3",
    "MgAl2O4",
)
BATCH = 20


@dataclass
class Found:
    """What a search of one compound came to."""

    drawn: int = 0
    first: int | None = None
    drawing_s: float = 0.0
    seconds: float = 0.0
    failed: int = 0
    lowest_ev_per_atom: float = float("inf")
    gains_ev_per_atom: list[float] = field(default_factory=list[float])


def search(
    formula: str, *, trials: int, seconds: float, settings: Settings, seed: int
) -> tuple[Found, float, int]:
    """Search one compound; with it the known form's relaxed energy in eV/atom and the atoms of its cell."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    key = reduced_key(formula)
    known = structures_of(key)[0].crystal
    _, relaxed = screened_and_relaxed([known], settings=settings)
    reference = relaxed[0]
    if reference is None:
        raise SystemExit(f"the known form of {formula} does not relax")
    target, matcher = reference[0].to_pymatgen(), StructureMatcher()
    atoms = len(known.species)
    stream = random_crystals(
        key_amounts(key),
        volume_angstrom3=formula_volume(key),
        atoms_max=max(8, atoms),
        seed=(seed,),
        trials=100_000,
    )
    found = Found()
    begun = time.perf_counter()
    while found.first is None and found.drawn < trials and time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        drawn = [made.crystal for made in islice(stream, BATCH)]
        found.drawing_s += time.perf_counter() - started
        screened, ends = screened_and_relaxed(drawn, settings=settings)
        for before, end in zip(screened, ends, strict=True):
            found.drawn += 1
            if end is None or before is None:
                found.failed += 1
                continue
            crystal, energy = end
            found.gains_ev_per_atom.append(before - energy)
            found.lowest_ev_per_atom = min(found.lowest_ev_per_atom, energy)
            if found.first is None and matcher.fit(crystal.to_pymatgen(), target):
                found.first = found.drawn
    found.seconds = time.perf_counter() - begun
    return found, reference[1], atoms


def screened_and_relaxed(
    crystals: list[Crystal], *, settings: Settings
) -> tuple[list[float | None], list[tuple[Crystal, float] | None]]:
    """Screened energies in eV/atom, and relaxed crystals with theirs; None where a tool refused."""
    screen, relax = get_tool("screen"), get_tool("relax")
    inputs = {str(place): crystal for place, crystal in enumerate(crystals)}
    screened: list[float | None] = [None] * len(crystals)
    ready: dict[str, Crystal] = {}
    batch = [screen.args.model_validate({"structure": name}) for name in inputs]
    for index, outcome in screen.run_many(batch, deps=Deps(settings=settings, inputs=inputs)):
        energy = outcome.facts.get("screened_energy_ev_per_atom")
        if outcome.crystal is not None and isinstance(energy, float):
            screened[index], ready[str(index)] = energy, outcome.crystal
    ends: list[tuple[Crystal, float] | None] = [None] * len(crystals)
    names = list(ready)
    batch = [relax.args.model_validate({"structure": name}) for name in names]
    for index, outcome in relax.run_many(batch, deps=Deps(settings=settings, inputs=ready)):
        if outcome.failure is None and outcome.crystal is not None:
            ends[int(names[index])] = (outcome.crystal, outcome.quantities["energy"].value)
    return screened, ends


def main() -> None:
    """Search every compound and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=120, help="random crystals a compound at most")
    parser.add_argument("--seconds", type=float, default=75.0, help="time a compound may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compounds", nargs="*", default=COMPOUNDS)
    options = parser.parse_args()
    settings = load_settings()
    gains: list[float] = []
    hits = 0
    print(
        f"{'compound':10} {'atoms':>5} {'trials':>7} {'found at':>9} {'failed':>7} {'seconds':>8} {'drawing s':>10} {'lowest - known, meV/atom':>25}"
    )
    for formula in options.compounds:
        found, reference, atoms = search(
            formula, trials=options.trials, seconds=options.seconds, settings=settings, seed=options.seed
        )
        gains += found.gains_ev_per_atom
        hits += found.first is not None
        at = str(found.first) if found.first is not None else "not found"
        above = 1000 * (found.lowest_ev_per_atom - reference)
        print(
            f"{formula:10} {atoms:5d} {found.drawn:7d} {at:>9} {found.failed:7d} {found.seconds:8.1f} {found.drawing_s:10.1f} {above:25.1f}",
            flush=True,
        )
    print(f"found: {hits} of {len(options.compounds)}")
    if len(gains) > 10:
        low, _, high = quantiles(gains, n=4)
        print(
            f"relaxing lowers the screened energy by {median(gains):.2f} eV/atom in the median, "
            f"quartiles {low:.2f} and {high:.2f} ({len(gains)} crystals)"
        )


if __name__ == "__main__":
    main()
