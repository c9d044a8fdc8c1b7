"""Supercells for defects: the smallest ones whose images stand far enough apart, and how far they stand."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.models.potentials.interface import FloatArray, IntArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

_NEAR = np.array([n for n in product((-1, 0, 1), repeat=3) if any(n)], dtype=np.float64)
_MOST_REPEATS = 8


def image_distance_angstrom(lattice_angstrom: FloatArray) -> float:
    """Distance from an atom to its nearest periodic image, for lattice rows (3, 3) that are reduced.

    >>> image_distance_angstrom(np.diag([4.0, 5.0, 6.0]))
    4.0
    """
    return float(np.linalg.norm(_NEAR @ lattice_angstrom, axis=1).min())


def supercell_at_least(structure: Structure, *, distance_angstrom: float, max_atoms: int) -> Structure | None:
    """The supercell with fewest atoms whose images stand at least so far apart; None when it needs too many atoms.

    Multiples of the reduced and of the conventional cell are tried, so that cubic crystals get cubic cells. Properties of the
    sites are kept.
    """
    rows = np.array(structure.lattice.matrix, dtype=np.float64)
    best: tuple[int, float, IntArray] | None = None
    for start in starts(structure):
        lengths = np.linalg.norm(start @ rows, axis=1)
        volume = round(abs(float(np.linalg.det(start))))
        # A multiple below what the edge needs can never reach the distance.
        fewest = [max(1, int(np.ceil(distance_angstrom / length - 1e-6))) for length in lengths]
        for repeats in product(*(range(n, min(n + 2, _MOST_REPEATS) + 1) for n in fewest)):
            atoms = len(structure) * volume * int(np.prod(repeats))
            matrix = start * np.array(repeats, dtype=np.int64)[:, None]
            distance = image_distance_angstrom(matrix @ rows)
            if atoms > max_atoms or distance < distance_angstrom - 1e-6:
                continue
            if best is None or (atoms, -distance) < best[:2]:
                best = (atoms, -distance, matrix)
    if best is None:
        return None
    made = structure.copy()
    made.make_supercell(best[2].tolist())
    return made


def site_marks(structure: Structure, name: str) -> list[int]:
    """A whole number that every site carries as a property."""
    properties: list[Any] = [site.properties for site in structure]
    return [int(each[name]) for each in properties]


def starts(structure: Structure) -> list[IntArray]:
    """Integer matrices that make the reduced and the conventional cell of a primitive one."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    rows = np.array(structure.lattice.matrix)
    reduced = np.array(structure.lattice.get_lll_reduced_lattice().matrix)
    analyzer = SpacegroupAnalyzer(structure, symprec=0.01)
    dataset: Any = analyzer.get_symmetry_dataset()
    # Columns of the dataset's matrix give the given cell in terms of the standardised one.
    conventional = np.linalg.inv(np.array(dataset.transformation_matrix)).T
    found: list[IntArray] = []
    for matrix in (reduced @ np.linalg.inv(rows), conventional):
        whole = np.round(matrix)
        if float(np.abs(matrix - whole).max()) < 1e-3 and abs(float(np.linalg.det(whole))) > 0.5:
            found.append(whole.astype(np.int64))
    return found or [np.eye(3, dtype=np.int64)]
