"""In how many directions the bonds of a crystal go on for ever: 3 for a framework, 2 for layers, 1 for chains, 0 for molecules.

Layers, chains and molecules are held together by dispersion, which PBE and potentials trained on it lack: their volumes come
out too large and their bulk moduli too small. Two atoms count as bonded when closer than 1.25 times the sum of their
covalent radii (Cordero et al. 2008, Dalton Trans., 2832): metals stay frameworks (lead 1.20, relaxed 1.22), tellurium's
chains stay apart (1.26). Hydrogen counts with 0.5 Å, as it may be an anion. The counting of directions follows Larsen,
Pandey, Strange and Jacobsen 2019, Phys. Rev. Mater. 3, 034003.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

BOND_FACTOR = 1.25
_SMALLEST_RADIUS_ANGSTROM = 0.5


def bonded_directions(structure: Structure) -> int:
    """The smallest number of directions, 0 to 3, in which any bonded piece of the crystal extends.

    >>> from pymatgen.core import Lattice, Structure
    >>> bonded_directions(Structure(Lattice.cubic(3.61), ["Cu"] * 4, [[0, 0, 0], [0, .5, .5], [.5, 0, .5], [.5, .5, 0]]))
    3
    """
    bonds = _bonds(structure)
    place: dict[int, tuple[int, int, int]] = {}
    fewest = 3
    for start in range(len(structure)):
        if start in place:
            continue
        place[start] = (0, 0, 0)
        waiting = deque([start])
        loops: list[tuple[int, int, int]] = []
        while waiting:
            atom = waiting.popleft()
            here = place[atom]
            for other, image in bonds[atom]:
                there = (here[0] + image[0], here[1] + image[1], here[2] + image[2])
                known = place.get(other)
                if known is None:
                    place[other] = there
                    waiting.append(other)
                elif known != there:
                    loops.append((there[0] - known[0], there[1] - known[1], there[2] - known[2]))
        fewest = min(fewest, int(np.linalg.matrix_rank(np.array(loops))) if loops else 0)
    return fewest


def _bonds(structure: Structure) -> list[list[tuple[int, tuple[int, int, int]]]]:
    """For every atom, its bonded neighbours and the cell image each stands in."""
    from ase.data import covalent_radii

    radii = [
        max(float(covalent_radii[_atomic_number(site.specie)]), _SMALLEST_RADIUS_ANGSTROM)
        for site in structure
    ]
    reach = 2 * BOND_FACTOR * max(radii)
    bonds: list[list[tuple[int, tuple[int, int, int]]]] = [[] for _ in radii]
    centres, others, images, distances = structure.get_neighbor_list(reach)
    for i, j, image, distance in zip(centres, others, images, distances, strict=True):
        if distance < BOND_FACTOR * (radii[int(i)] + radii[int(j)]):
            bonds[int(i)].append((int(j), (round(image[0]), round(image[1]), round(image[2]))))
    return bonds


def _atomic_number(species: Any) -> int:
    return int(species.Z)
