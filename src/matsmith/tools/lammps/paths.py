"""Lowest paths between two states of one cell: the nudged elastic band, its images evaluated by the simulator.

The band of `models/nudged_elastic_band.py` moves all images; each of its steps is one start of the simulator, which evaluates them one after
the other. LAMMPS' own band wants a process for every image, which two cores share badly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from matsmith.models.potentials.interface import ArrayPotential, CrystalArrays, Evaluation, Refusal
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.structures import symbols_of

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    from matsmith.models.nudged_elastic_band import BandSettings, Path
    from matsmith.tools.lammps.protocol import Md
    from matsmith.tools.lammps.simulation import Simulation


@dataclass(eq=False)
class _Driven:
    """What the band asks of a potential, answered by the simulator for the images of one cell."""

    simulation: Simulation
    atoms: Atoms
    batch_cost: int = 1_000_000_000

    def new_state(self, crystal: CrystalArrays) -> None:
        """Nothing is kept between steps."""
        del crystal

    def cost(self, crystal: CrystalArrays, state: None) -> int:
        """All images fit into one batch."""
        del state
        return crystal.n_atoms

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[None], *, magnetic_moments: bool = False
    ) -> list[Evaluation | Refusal]:
        """Energies and forces of the images, in one start."""
        del states, magnetic_moments
        images: list[Atoms] = []
        for crystal in crystals:
            image = self.atoms.copy()
            image.set_scaled_positions(crystal.frac_coords)
            images.append(image)
        return [*self.simulation.evaluate(images, name="band")]


def lowest_path(
    md: Md,
    name: str,
    first: Atoms,
    last: Atoms,
    *,
    energies_ev: tuple[float, float],
    settings: BandSettings,
) -> Path:
    """The lowest path between two relaxed states of one cell, atoms in the same order; raises `DynamicsError` where it is refused."""
    from matsmith.models.nudged_elastic_band import bands
    from matsmith.tools.potential import potential

    plain = first.copy()
    plain.arrays.pop("momenta", None)
    if md.choice.learned:
        model: ArrayPotential = potential(md.deps.settings)
    else:
        # The band calls three of a potential's functions, which are all that the simulator answers here.
        driven = _Driven(simulation=md.simulation(name, plain), atoms=plain)
        model = cast("ArrayPotential", driven)
    pair = (structure_of(first), energies_ev[0], structure_of(last), energies_ev[1])
    _, found = next(iter(bands([pair], potential=model, settings=settings)))
    if isinstance(found, Refusal):
        raise DynamicsError(found.code, found.message, hint="Start from other ends of the path.")
    return found


def structure_of(atoms: Atoms) -> Structure:
    """Atoms as a pymatgen structure."""
    from pymatgen.core import Lattice, Structure

    cell = np.asarray(atoms.cell.array, dtype=np.float64)
    positions = np.asarray(atoms.get_positions(), dtype=np.float64)
    return Structure(Lattice(cell), symbols_of(atoms), positions, coords_are_cartesian=True)
