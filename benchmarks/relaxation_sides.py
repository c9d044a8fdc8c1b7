"""One side of the relaxation benchmark in a process of its own: reads blocks of crystals to relax, answers with times.

    echo '[0, 1, 2]' | python benchmarks/relaxation_sides.py --side ours --count 16

Each line that comes in is a JSON list of places in the list of perturbed prototypes; each line that goes out holds wall and
processor seconds and, for every crystal, its final energy in eV per atom (null: failed) and its number of evaluations.
Sides: `ours`; `package`, the chgnet package with the thread setting given; `default`, the package as a user gets it
(no thread setting at all, magnetic moments assigned).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

SIDES = ("ours", "package", "default")
Answer = list[tuple[float | None, int]]


def perturbed_prototypes(*, count: int, seed: int, potential: BatchedCHGNet) -> list[Structure]:
    """AFLOW prototypes of 2 to 20 atoms, strained by 2 % and shaken by 0.05 Å, that the potential accepts.

    Drawn in rounds with new perturbations until there are `count`; the same seed gives the same crystals.
    """
    import pymatgen.analysis.prototypes
    from pymatgen.core import Structure

    from matsmith.models.potentials.interface import Evaluation

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


def relax_ours(potential: BatchedCHGNet, structures: list[Structure], *, fmax: float, steps: int) -> Answer:
    """All of them in shared batches."""
    from matsmith.models.relaxation import RelaxationSettings, Relaxed, relax

    settings = RelaxationSettings(force_tolerance_ev_per_angstrom=fmax, max_steps=steps)
    found: Answer = [(None, 0)] * len(structures)
    for place, result in relax(structures, potential=potential, settings=settings):
        if isinstance(result, Relaxed):
            found[place] = (result.energy_ev_per_atom, result.steps)
    return found


def relax_with_package(
    optimiser: Any, structures: list[Structure], *, fmax: float, steps: int, moments: bool
) -> Answer:
    """One after the other, as the package does it (FIRE, Frechet cell filter)."""
    found: Answer = []
    for structure in structures:
        answer = optimiser.relax(
            structure.copy(), fmax=fmax, steps=steps, verbose=False, assign_magmoms=moments
        )
        trajectory = answer["trajectory"]  # the start, every step, and the last once more
        evaluations = len(trajectory) - 1
        energy = float(trajectory.energies[-1]) / len(structure) if evaluations <= steps else None
        found.append((energy, evaluations))
    return found


def main() -> None:
    """Answer lines until the input ends."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", choices=SIDES, required=True)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fmax", type=float, default=0.05)
    parser.add_argument("--max-steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its default")
    parser.add_argument("--batch-cost", type=int, default=0, help="of ours; 0 takes the default")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # the package says on its output which weights it loads
    import torch

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    if options.threads:
        torch.set_num_threads(options.threads)
    potential = BatchedCHGNet(device=options.device, batch_cost=options.batch_cost or None)
    structures = perturbed_prototypes(count=options.count, seed=options.seed, potential=potential)
    optimiser: Any = None
    if options.side != "ours":
        from chgnet.model.dynamics import StructOptimizer

        optimiser = StructOptimizer(use_device=options.device, on_isolated_atoms="ignore")
        relax_with_package(optimiser, structures[:1], fmax=options.fmax, steps=2, moments=False)
    else:
        relax_ours(potential, structures[:1], fmax=options.fmax, steps=2)
    idle_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ready = {
        "ready": options.side,
        "torch_threads": torch.get_num_threads(),
        "openblas": os.environ.get("OPENBLAS_NUM_THREADS", "unset"),
        "atoms": [len(structure) for structure in structures],
        "idle_mb": idle_mb,
    }
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        places: list[int] = json.loads(line)
        block = [structures[place] for place in places]
        wall, cpu = time.perf_counter(), time.process_time()
        if options.side == "ours":
            found = relax_ours(potential, block, fmax=options.fmax, steps=options.max_steps)
        else:
            found = relax_with_package(
                optimiser,
                block,
                fmax=options.fmax,
                steps=options.max_steps,
                moments=options.side == "default",
            )
        answer = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "results": found,
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
