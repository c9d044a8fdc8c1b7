"""What holds in every crystal that the diffusion model makes, and what it costs: element rules, motifs, seeds, slabs, space groups, steering.

    python benchmarks/diffusion_constraints.py --count 64

For each wish: the share of crystals that obey it (checked on the crystals alone, by distances, species and spglib), the share whose atoms keep seven tenths
of the sum of their covalent radii, and crystals a second on the given threads. Obeying is by construction and must be 100 %; being sound is the
model's doing. Last, what selection by the composition model of the bulk modulus does to the predicted mean, and what strength of noise does to a seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.settings import load_settings
from matsmith.tools.crystal_facts import is_broken
from matsmith.tools.crystal_model import crystal_model, crystals_of, usual_sampling
from matsmith.tools.crystal_wishes import CrystalWishes, motif_called, requests_of, seed_of, steering_of

PEROVSKITE = Crystal(
    lattice=((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0)),
    species=("Ba", "Ti", "O", "O", "O"),
    positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
)
NEIGHBOURS = {"kagome": 4, "honeycomb": 3, "triangular": 6, "lieb": 4, "square": 4}
THICKNESS_A, VACUUM_A = 5.0, 15.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A line of the table: what is asked and how a crystal is checked."""

    name: str
    wishes: CrystalWishes
    obeys: Callable[[Crystal], bool]


def has_motif(crystal: Crystal, *, atoms: int, neighbours: int) -> bool:
    """Whether the first so many atoms, all of one element, have that many nearest neighbours of equal distance in their plane."""
    cell, frac = np.array(crystal.lattice), np.array(crystal.positions)[:atoms]
    shifts = np.array([(i, j, 0) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    if len(set(crystal.species[:atoms])) > 1:
        return False
    first = np.sort(np.linalg.norm(((frac - frac[0])[:, None] + shifts).reshape(-1, 3) @ cell, axis=1))[1:]
    return bool(first[neighbours - 1] < 1.01 * first[0] and first[neighbours] > 1.2 * first[0])


def has_group(crystal: Crystal, number: int) -> bool:
    """Whether spglib finds this space group within 0.001 Å."""
    from matsmith.core.elements import SYMBOLS
    from matsmith.core.space_group import spglib_or_none

    cell = (crystal.lattice, crystal.positions, [SYMBOLS.index(symbol) + 1 for symbol in crystal.species])
    found = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=1e-3)
    return found is not None and int(found.number) == number


def keeps_sites(crystal: Crystal, *, sites: list[int]) -> bool:
    """Whether these sites of the perovskite are where and what they were."""
    there, here = np.array(PEROVSKITE.positions)[sites], np.array(crystal.positions)[sites]
    gap = here - there - np.round(here - there)
    same = all(crystal.species[site] == PEROVSKITE.species[site] for site in sites)
    return same and bool(np.abs(gap).max() < 1e-4) and abs(crystal.volume_angstrom3 - 64.0) < 0.1


def is_slab(crystal: Crystal) -> bool:
    """Whether all atoms lie within the thickness and the rest of an upright cell is empty."""
    cell, frac = np.array(crystal.lattice), np.array(crystal.positions)
    height = float(np.linalg.norm(cell[2]))
    upright = float(np.abs(cell[:2] @ cell[2]).max()) < 0.05
    thick = float(np.ptp(frac[:, 2])) * height
    return upright and thick <= THICKNESS_A + 0.01 and abs(height - THICKNESS_A - VACUUM_A) < 0.01


def table() -> list[Wish]:
    """Every wish of the benchmark."""
    from matsmith.models.diffusion.motifs import Slab

    found = [
        Wish(
            name="only Li, P and S, each at least once",
            wishes=CrystalWishes(required=("Li", "P", "S"), others=False),
            obeys=lambda crystal: set(crystal.species) == {"Li", "P", "S"},
        ),
        Wish(
            name="Li and O and others, neither Co nor F",
            wishes=CrystalWishes(required=("Li", "O"), excluded=("Co", "F")),
            obeys=lambda crystal: (
                {"Li", "O"} <= set(crystal.species) and not {"Co", "F"} & set(crystal.species)
            ),
        ),
        Wish(
            name="formula LiCoO2",
            wishes=CrystalWishes(formula="LiCoO2"),
            obeys=lambda crystal: crystal.formula == "LiCoO2",
        ),
        Wish(
            name="8 atoms of Mg, Al, O",
            wishes=CrystalWishes(allowed=("Mg", "Al", "O"), others=False, atoms=8),
            obeys=lambda crystal: len(crystal.species) == 8 and set(crystal.species) <= {"Mg", "Al", "O"},
        ),
        Wish(
            name="doping: BaTiO3 with Ba free, Ti, O and the cell kept",
            wishes=CrystalWishes(
                allowed=("Ca", "Sr", "Ba", "Pb", "K", "La"),
                others=False,
                seed=seed_of(PEROVSKITE, keep=["Ti", "O"], keep_cell=True, free=True),
            ),
            obeys=lambda crystal: keeps_sites(crystal, sites=[1, 2, 3, 4]),
        ),
        Wish(
            name=f"slab of {THICKNESS_A:g} Å with {VACUUM_A:g} Å of vacuum, Mo and S",
            wishes=CrystalWishes(
                required=("Mo", "S"), others=False, atoms=6, slab=Slab(THICKNESS_A, VACUUM_A)
            ),
            obeys=is_slab,
        ),
    ]
    for name, count in NEIGHBOURS.items():
        motif = motif_called(name)
        found.append(
            Wish(
                name=f"{name} of Fe or Sn in 6 atoms",
                wishes=CrystalWishes(required=("Fe", "Sn"), others=False, atoms=6, motif=motif),
                obeys=lambda crystal, atoms=motif.atoms, count=count: has_motif(
                    crystal, atoms=atoms, neighbours=count
                ),
            )
        )
    for formula, number in (("NaCl", 225), ("BaTiO3", 221), ("LiCoO2", 166), ("TiO2", 136), ("ZrO2", 14)):
        found.append(
            Wish(
                name=f"{formula} in space group {number}",
                wishes=CrystalWishes(formula=formula, space_group=number),
                obeys=lambda crystal, number=number: has_group(crystal, number),
            )
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=64, help="crystals a line")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", type=Path, default=None)
    given = parser.parse_args()
    import torch

    from matsmith.models.diffusion.sampling import generate

    torch.set_num_threads(given.threads)
    model = crystal_model(load_settings(), given.weights)
    print(f"weights {model.sha256[:12]}, {given.count} crystals a line, {given.threads} threads")
    print(f"{'wish':58} {'obey':>6} {'sound':>6} {'a second':>9}")
    settings = replace(usual_sampling(), batch=given.count)
    for line in table():
        random = np.random.default_rng(0)
        requests = requests_of(line.wishes, model.card, count=given.count, random=random)
        began = time.perf_counter()
        crystals = crystals_of(generate(model, requests, settings=settings, seed=0))
        speed = len(crystals) / (time.perf_counter() - began)
        obey = sum(map(line.obeys, crystals)) / len(crystals)
        sound = sum(not is_broken(crystal) for crystal in crystals) / len(crystals)
        print(f"{line.name:58} {obey:6.0%} {sound:6.0%} {speed:9.1f}", flush=True)

    from matsmith.models.predictors.library import predict_formulas

    print("\nbulk modulus that the composition model predicts of crystals of any elements, GPa")
    for wanted in (None, 50.0, 150.0, 250.0):
        requests = requests_of(
            CrystalWishes(), model.card, count=given.count, random=np.random.default_rng(0)
        )
        steering = None if wanted is None else steering_of("bulk_modulus", wanted)
        crystals = crystals_of(generate(model, requests, settings=settings, seed=0, steering=steering))
        formulas = [crystal.formula for crystal in crystals]
        values = [row["bulk_modulus"].value for row in predict_formulas(["bulk_modulus"], formulas)]
        told = "not steered" if wanted is None else f"steered to {wanted:g}"
        print(
            f"{told:20} mean {np.mean(values):6.1f}, middle half {np.quantile(values, 0.25):.0f} to "
            f"{np.quantile(values, 0.75):.0f}, {len(set(formulas))} formulas",
            flush=True,
        )

    print("\nBaTiO3 with noise put on and taken off: root mean square displacement over all atoms, Å")
    for strength in (0.1, 0.2, 0.4, 0.6, 0.8):
        wishes = CrystalWishes(seed=seed_of(PEROVSKITE, strength=strength))
        requests = requests_of(wishes, model.card, count=given.count, random=np.random.default_rng(0))
        moved: list[float] = []
        for crystal in crystals_of(generate(model, requests, settings=settings, seed=0)):
            gap = np.array(crystal.positions) - np.array(PEROVSKITE.positions)
            gap -= np.round(gap)
            gap -= gap.mean(axis=0)
            moved.append(float(np.sqrt(((gap @ np.array(crystal.lattice)) ** 2).sum(1).mean())))
        print(f"strength {strength:.1f}   {np.median(moved):.2f}", flush=True)


if __name__ == "__main__":
    main()
