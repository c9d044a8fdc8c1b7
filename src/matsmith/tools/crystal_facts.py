"""What is told of a crystal as it stands: space group, density, how close its atoms come, whether it is broken, how far its atoms moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.space_group import spglib_or_none

TOO_CLOSE = 0.7
"""Sums of covalent radii nearer than which two atoms make a crystal a broken one."""
_SYMMETRY_ANGSTROM = 0.1
_G_PER_CM3 = 1.66053906660
_LOOKS_ANGSTROM = (0.5, 1.5, 4.0)


def space_group_of(crystal: Crystal) -> int:
    """Number of the space group within 0.1 Å; 1 where spglib finds none."""
    cell = (crystal.lattice, crystal.positions, [SYMBOLS.index(symbol) + 1 for symbol in crystal.species])
    found = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    return 1 if found is None else int(found.number)


def density_of(crystal: Crystal) -> float:
    """Density in g/cm³."""
    from pymatgen.core import Composition

    return float(Composition(crystal.amounts).weight) * _G_PER_CM3 / crystal.volume_angstrom3


def closest_distance(crystal: Crystal) -> float:
    """The shortest distance in Å between two atoms, or an atom and its own image."""
    structure = crystal.to_pymatgen()
    # Tightly packed nonsense has thousands of neighbours within 4 Å: look near first.
    for radius in _LOOKS_ANGSTROM:
        distances = structure.get_neighbor_list(radius)[3]
        if len(distances):
            return float(np.min(distances))
    # An atom's own image lies no farther than the shortest edge.
    return float(np.min(structure.get_neighbor_list(min(structure.lattice.abc) + 0.01)[3]))


def is_broken(crystal: Crystal, *, nearest: float = TOO_CLOSE) -> bool:
    """Whether two atoms stand closer than `nearest` sums of their covalent radii."""
    from ase.data import covalent_radii

    radii = np.array([covalent_radii[SYMBOLS.index(symbol) + 1] for symbol in crystal.species])
    reach = 2 * float(radii.max()) * nearest
    first, second, _, distances = crystal.to_pymatgen().get_neighbor_list(reach)
    return bool((distances < nearest * (radii[first] + radii[second])).any())


def ways_angstrom(
    before: NDArray[np.float64], after: NDArray[np.float64], lattice: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each atom went, (n,) in Å, between fractional coordinates (n, 3) of the same atoms in order, by the shortest images in a lattice (3, 3).

    The drift of all atoms together is taken off; what the cell itself stretches does not count.
    """
    steps: NDArray[np.float64] = after - before
    # Atoms near a half cell may step either way: the drift is found on the circle.
    drift = np.angle(np.exp(2j * np.pi * steps).mean(axis=0)) / (2 * np.pi)
    steps = steps - drift
    steps = steps - np.round(steps)
    steps = steps - steps.mean(axis=0)
    return np.linalg.norm(steps @ lattice, axis=1)
