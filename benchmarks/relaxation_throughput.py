"""Relaxations per second of matsmith against the optimiser of the chgnet package, on the same crystals in one run.

Crystals: the AFLOW prototypes of pymatgen with 2 to 20 atoms, strained by 2 % and shaken by 0.05 Å, in rounds with new seeds until there are `--n`.
Both sides stop at a largest force of `--fmax`. The package (FIRE, Frechet cell filter, magnetic moments off) adds the virial per atom
to what it compares with that force; ours holds the stress under 0.1 GPa besides. The package is given each thread setting in turn on
a few crystals and runs with the fastest. Crystals are taken in blocks, ours and theirs by turns, so that a
machine that slows down slows both.

    python benchmarks/relaxation_throughput.py --n 256
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gzip
import json
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pymatgen.analysis.prototypes
import torch
from pymatgen.core import Structure

from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.potentials.interface import Evaluation
from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, Relaxed, relax

BLOCK = 8


def perturbed_prototypes(*, count: int, seed: int, potential: BatchedCHGNet) -> list[Structure]:
    """Crystals that the potential accepts, in an order drawn by the seed."""
    folder = Path(pymatgen.analysis.prototypes.__file__).parent
    with gzip.open(folder / "aflow_prototypes.json.gz", "rt") as stream:
        cells = [Structure.from_dict(entry["snl"]) for entry in json.load(stream)]
    cells = [cell for cell in cells if 2 <= len(cell) <= 20 and cell.is_ordered]
    generator = np.random.default_rng(seed)
    chosen: list[Structure] = []
    while len(chosen) < count:
        shaken: list[Structure] = []
        for number in generator.permutation(len(cells)):
            cell = cells[int(number)].copy()
            cell.remove_oxidation_states()
            strain = np.eye(3) + 0.02 * generator.normal(size=(3, 3))
            cell = Structure(cell.lattice.matrix @ strain, cell.species, cell.frac_coords)
            moved = cell.cart_coords + 0.05 * generator.normal(size=(len(cell), 3))
            shaken.append(Structure(cell.lattice, cell.species, moved, coords_are_cartesian=True))
        answers = potential.evaluate_each(shaken, forces=False, stress=False)
        chosen += [s for s, answer in zip(shaken, answers, strict=True) if isinstance(answer, Evaluation)]
    return chosen[:count]


def relax_with_package(
    optimiser: Any, structures: list[Structure], *, fmax: float, steps: int
) -> list[tuple[float, int]]:
    """Final energy in eV per atom and number of evaluations."""
    results: list[tuple[float, int]] = []
    for structure in structures:
        answer = optimiser.relax(
            structure.copy(), fmax=fmax, steps=steps, verbose=False, assign_magmoms=False
        )
        trajectory = answer["trajectory"]  # the start, every step, and the last once more
        results.append((float(trajectory.energies[-1]) / len(structure), len(trajectory) - 1))
    return results


def best_threads(optimiser: Any, structures: list[Structure], *, fmax: float) -> int:
    """The thread setting with which the package relaxes these crystals fastest, ten steps each."""
    seconds: dict[int, float] = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        torch.set_num_threads(threads)
        relax_with_package(optimiser, structures[:1], fmax=fmax, steps=2)
        begin = time.perf_counter()
        relax_with_package(optimiser, structures, fmax=fmax, steps=10)
        seconds[threads] = time.perf_counter() - begin
    return min(seconds, key=lambda key: seconds[key])


def main() -> None:
    """Run both sides and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fmax", type=float, default=0.05)
    parser.add_argument("--max-steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of ours")
    parser.add_argument("--package-threads", type=int, default=0, help="0 tries them and takes the fastest")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")

    from chgnet.model.dynamics import StructOptimizer

    potential = BatchedCHGNet()
    optimiser: Any = StructOptimizer(use_device="cpu", on_isolated_atoms="ignore")
    structures = perturbed_prototypes(count=options.n, seed=options.seed, potential=potential)
    threads = options.package_threads or best_threads(optimiser, structures[:4], fmax=options.fmax)
    settings = RelaxationSettings(force_tolerance_ev_per_angstrom=options.fmax, max_steps=options.max_steps)

    ours: dict[int, Relaxed | RelaxationFailure] = {}
    theirs: list[tuple[float, int]] = []
    ours_s = theirs_s = ours_cpu_s = theirs_cpu_s = 0.0
    for begin in range(0, len(structures), BLOCK):
        block = structures[begin : begin + BLOCK]
        torch.set_num_threads(options.threads)
        clock, cpu = time.perf_counter(), time.process_time()
        ours.update({begin + k: result for k, result in relax(block, potential=potential, settings=settings)})
        ours_s += time.perf_counter() - clock
        ours_cpu_s += time.process_time() - cpu
        torch.set_num_threads(threads)
        clock, cpu = time.perf_counter(), time.process_time()
        theirs += relax_with_package(optimiser, block, fmax=options.fmax, steps=options.max_steps)
        theirs_s += time.perf_counter() - clock
        theirs_cpu_s += time.process_time() - cpu
        print(
            f"{begin + len(block):5d}  ours {ours_s:8.1f} s   package {theirs_s:8.1f} s   ratio {theirs_s / ours_s:.2f}",
            flush=True,
        )

    pairs = [(ours[k], theirs[k]) for k in range(len(structures))]
    converged = [(a, b) for a, b in pairs if isinstance(a, Relaxed) and b[1] <= options.max_steps]
    gaps = np.array([a.energy_ev_per_atom - b[0] for a, b in converged])
    figures = {
        "crystals": len(structures),
        "atoms": sum(len(s) for s in structures),
        "ours_s": round(ours_s, 2),
        "package_s": round(theirs_s, 2),
        "speed_ratio": round(theirs_s / ours_s, 2),
        "ours_cpu_s": round(ours_cpu_s, 2),
        "package_cpu_s": round(theirs_cpu_s, 2),
        "cpu_ratio": round(theirs_cpu_s / ours_cpu_s, 2),
        "package_threads": threads,
        "ours_threads": options.threads,
        "ours_failures": dict(Counter(a.code for a, _ in pairs if isinstance(a, RelaxationFailure))),
        "package_unconverged": sum(b[1] > options.max_steps for _, b in pairs),
        "both_converged": len(converged),
        "ours_mean_evaluations": round(float(np.mean([a.steps for a, _ in converged])), 1),
        "package_mean_evaluations": round(float(np.mean([b[1] for _, b in converged])), 1),
        "within_2_mev_per_atom": round(float((np.abs(gaps) <= 2e-3).mean()), 4),
        "not_higher_than_2_mev_per_atom": round(float((gaps <= 2e-3).mean()), 4),
        "median_gap_mev_per_atom": round(1e3 * float(np.median(gaps)), 3),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
