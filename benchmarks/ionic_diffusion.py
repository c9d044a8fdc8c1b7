"""Molecular dynamics: what a step costs beside ASE's with CHGNet's own calculator, and silver's diffusivity in α-AgI.

    python benchmarks/ionic_diffusion.py                 # both
    python benchmarks/ionic_diffusion.py --only speed    # milliseconds a step and atom, by turns in one process
    python benchmarks/ionic_diffusion.py --length-ps 20  # longer trajectories; a run that was ended goes on

The reference is the conductivity of α-AgI, 1.3 S/cm at 420 K and 2.6 S/cm at 828 K (Tubandt and Lorenz, Z. Phys. Chem. 87, 513
(1914); review: S. Hull, Rep. Prog. Phys. 67, 1233 (2004)), turned into a diffusivity by Nernst and Einstein with the density of ions in
the measured cell. Ions that move together make the true tracer diffusivity smaller, by a Haven ratio of about 0.6.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings, load_settings
from matsmith.models.dynamics import Dynamics, Replica, Scheme
from matsmith.tools.base import Deps
from matsmith.tools.potential import default_potential
from matsmith.tools.registry import get_tool

EDGE_ANGSTROM = 5.07
MEASURED_S_PER_CM = {420.0: 1.31, 828.0: 2.64}
TEMPERATURES_K = (450.0, 600.0, 750.0)


def silver_iodide() -> Structure:
    """The cube of α-AgI with its two silver ions on two of the tetrahedra."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.5, 0], [0.75, 0, 0.5]]
    return Structure(Lattice.cubic(EDGE_ANGSTROM), ["I", "I", "Ag", "Ag"], places)


def einstein_cm2_per_s(conductivity_s_per_cm: float, temperature_k: float) -> float:
    """The diffusivity that a conductivity of single ions stands for: σ k T / n e²."""
    per_cm3 = 2 / (EDGE_ANGSTROM * 1e-8) ** 3
    return conductivity_s_per_cm * 1.380649e-23 * temperature_k / (per_cm3 * 1.602176634e-19**2)


def measured_cm2_per_s(temperature_k: float) -> float:
    """The diffusivity of the measured conductivities at a temperature between or near theirs, straight in ln(σT) over 1/T."""
    (low, at_low), (high, at_high) = MEASURED_S_PER_CM.items()
    share = (1 / low - 1 / temperature_k) / (1 / low - 1 / high)
    product = (low * at_low) ** (1 - share) * (high * at_high) ** share
    return einstein_cm2_per_s(product / temperature_k, temperature_k)


def speed(settings: Settings, *, steps: int, turns: int) -> None:
    """Print milliseconds a step and atom of both, by turns: ours with one and with three replicas, ASE's with one."""
    cell = silver_iodide() * (2, 2, 2)
    potential = default_potential(settings)

    def ours(count: int) -> tuple[Callable[[int], None], int]:
        replicas = [Replica.at_temperature(cell, temperature_k=450.0 + 150 * k, seed=k) for k in range(count)]
        dynamics = Dynamics(replicas, potential=potential, scheme=Scheme(time_step_fs=2.0))
        return dynamics.advance, count * len(cell)

    runs: dict[str, tuple[Callable[[int], None], int]] = {
        "ASE with CHGNet's calculator": (_ase(cell), len(cell)),
        "ours, one crystal": ours(1),
        "ours, three temperatures": ours(3),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, (advance, atoms) in runs.items():
            wall, processor = time.perf_counter(), time.process_time()
            advance(steps)
            scale = 1000 / (steps * atoms)
            spent = ((time.perf_counter() - wall) * scale, (time.process_time() - processor) * scale)
            if turn:  # the first is for warming up
                taken[name].append(spent)
    base = float(np.median([each[0] for each in taken["ASE with CHGNet's calculator"]]))
    print(f"{len(cell)} atoms, {turns} turns of {steps} steps; medians")
    for name, found in taken.items():
        wall, processor = (float(np.median([each[k] for each in found])) for k in (0, 1))
        print(f"  {name:32} {wall:7.2f} ms/step/atom ({processor:.2f} of processor), {base / wall:.2f} times")


def _ase(cell: Structure) -> Callable[[int], None]:
    from ase import units
    from ase.md.langevin import Langevin
    from chgnet.model.dynamics import CHGNetCalculator  # pyright: ignore[reportMissingTypeStubs]
    from pymatgen.io.ase import AseAtomsAdaptor

    adaptor: Any = AseAtomsAdaptor
    atoms: Any = adaptor.get_atoms(cell)
    atoms.calc = CHGNetCalculator(use_device="cpu")
    motion: Any = Langevin(atoms, 2.0 * units.fs, temperature_K=450, friction=0.01 / units.fs)
    return lambda steps: motion.run(steps)


def silver(settings: Settings, *, length_ps: float | None) -> None:
    """Print silver's diffusivities beside what the measured conductivities stand for."""
    tool = get_tool("diffusivity")
    crystal = Crystal.from_pymatgen(silver_iodide())
    for at_k in TEMPERATURES_K:
        args = tool.args.model_validate(
            {
                "structure": "a",
                "ion": "Ag",
                "relax": False,
                "temperatures_k": TEMPERATURES_K,
                "length_ps": length_ps,
                "at_k": at_k,
            }
        )
        outcome = tool.run(args, deps=Deps(settings=settings, inputs={"a": crystal}, note=print))
        if outcome.failure is not None:
            print(f"{at_k:g} K: {outcome.failure.code}: {outcome.failure.message}")
            continue
        for name, quantity in outcome.quantities.items():
            print(f"{at_k:g} K: {name} {quantity.value:.3g} {quantity.unit} (one sigma {quantity.sigma:.2g})")
        rows = outcome.facts["temperatures"]
        for row in rows if isinstance(rows, list) else []:
            print(f"   {row}")
        reference = measured_cm2_per_s(at_k)
        value = outcome.quantities["diffusivity"].value
        print(
            f"{at_k:g} K: by the conductivity {reference:.2e} cm²/s; ours {value:.2e}, {value / reference:.2f} times"
        )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["speed", "silver"])
    parser.add_argument("--length-ps", type=float, default=None)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=None, help="where unfinished trajectories are kept")
    given = parser.parse_args()
    settings = load_settings().model_copy(update={"threads": given.threads, "device": "cpu"})
    if given.cache is not None:
        settings = settings.model_copy(update={"cache_dir": given.cache})
    if given.only != "silver":
        speed(settings, steps=given.steps, turns=given.turns)
    if given.only != "speed":
        silver(settings, length_ps=given.length_ps)


if __name__ == "__main__":
    main()
