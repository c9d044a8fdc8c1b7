"""What is told of a crystal as it stands: space group, density, how close its atoms come, whether it is broken."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.space_group import spglib_or_none

TOO_CLOSE = 0.7
"""Sums of covalent radii nearer than which two atoms make a crystal a broken one."""
_SYMMETRY_ANGSTROM = 0.1
_G_PER_CM3 = 1.66053906660
_IMAGES = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=np.float64)


def space_group_of(crystal: Crystal) -> int:
    """Number of the space group within 0.1 Å; 1 where spglib finds none."""
    cell = (crystal.lattice, crystal.positions, [SYMBOLS.index(symbol) + 1 for symbol in crystal.species])
    found = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    return 1 if found is None else int(found.number)


def density_of(crystal: Crystal) -> float:
    """Density in g/cm³."""
    from pymatgen.core import Composition

    return float(Composition(crystal.amounts).weight) * _G_PER_CM3 / crystal.volume_angstrom3


def closest_distance(crystal: Crystal, *, between: tuple[str, str] | None = None) -> float:
    """The shortest distance in Å between two atoms or an atom and its image, of all or `between` two elements."""
    cell = np.array(crystal.lattice)
    frac = np.array(crystal.positions)
    gap = frac[:, None, :] - frac[None, :, :]
    gap -= np.round(gap)
    distance = np.linalg.norm((gap[:, :, None, :] + _IMAGES) @ cell, axis=-1)
    places = np.arange(len(frac))
    distance[places, places, len(_IMAGES) // 2] = np.inf
    if between is not None:
        first, second = (np.array(crystal.species) == symbol for symbol in between)
        distance = distance[np.ix_(first, second)]
    return float(distance.min())


def is_broken(crystal: Crystal) -> bool:
    """Whether two atoms stand closer than `TOO_CLOSE` of the sum of their covalent radii."""
    from ase.data import covalent_radii

    radius = {symbol: float(covalent_radii[SYMBOLS.index(symbol) + 1]) for symbol in crystal.elements}
    closest = closest_distance(crystal)
    if closest >= TOO_CLOSE * 2 * max(radius.values()):
        return False
    return any(
        closest_distance(crystal, between=(a, b)) < TOO_CLOSE * (radius[a] + radius[b])
        for a, b in combinations_with_replacement(crystal.elements, 2)
    )
