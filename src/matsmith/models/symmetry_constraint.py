"""Projection of forces and stress onto what the space group of a crystal allows, so that a relaxation keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matsmith.core.errors import StructureError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.potentials.interface import CrystalArrays, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class SymmetryConstraint:
    """Operations of one crystal: Cartesian rotations (g, 3, 3) acting on columns, and where each takes every atom (g, n)."""

    rotations: FloatArray
    images: IntArray

    def project_forces(self, forces: FloatArray) -> FloatArray:
        """Average of the forces (n, 3) over the group."""
        turned = np.einsum("gab,nb->gna", self.rotations, forces)
        total = np.zeros_like(forces)
        for image, part in zip(self.images, turned, strict=True):
            total[image] += part
        return total / len(self.rotations)

    def project_tensor(self, tensor: FloatArray) -> FloatArray:
        """Average of a second-rank tensor (3, 3) over the group."""
        turned = np.einsum("gab,bc,gdc->ad", self.rotations, tensor, self.rotations)
        return np.asarray(turned / len(self.rotations), dtype=np.float64)


def symmetrised(
    crystal: CrystalArrays, *, tolerance_angstrom: float
) -> tuple[CrystalArrays, SymmetryConstraint]:
    """The crystal made exactly symmetric under the group found within the tolerance, and that group.

    Raises StructureError when no group is found.
    """
    cell: Any = (crystal.lattice_angstrom, crystal.frac_coords, crystal.numbers)
    found: Any = spglib_or_none("get_symmetry", cell, tolerance_angstrom=tolerance_angstrom)
    if found is None:
        raise StructureError(
            "spglib finds no symmetry of this cell.", hint="Check the cell, or relax without symmetry."
        )
    rotations = np.asarray(found["rotations"], dtype=np.float64)
    translations = np.asarray(found["translations"], dtype=np.float64)
    metric = crystal.lattice_angstrom @ crystal.lattice_angstrom.T
    mean = np.einsum("gba,bc,gcd->ad", rotations, metric, rotations) / len(rotations)
    inverse = np.linalg.inv(crystal.lattice_angstrom)
    values, vectors = np.linalg.eigh(inverse @ mean @ inverse.T)
    lattice = crystal.lattice_angstrom @ ((vectors * np.sqrt(values)) @ vectors.T)

    moved = np.einsum("gab,nb->gna", rotations, crystal.frac_coords) + translations[:, None, :]
    images = np.empty(moved.shape[:2], dtype=np.int64)
    total = np.zeros_like(crystal.frac_coords)
    same = crystal.numbers[:, None] == crystal.numbers[None, :]
    for g in range(len(moved)):
        places: FloatArray = moved[g]
        gap: FloatArray = places[:, None, :] - crystal.frac_coords[None, :, :]
        gap -= np.round(gap)
        distance = np.where(same, ((gap @ lattice) ** 2).sum(axis=2), np.inf)
        images[g] = distance.argmin(axis=1)
        total[images[g]] += gap[np.arange(len(places)), images[g]]
    frac = crystal.frac_coords + total / len(rotations)
    columns = lattice.T
    cartesian = columns @ rotations @ np.linalg.inv(columns)
    exact = CrystalArrays(numbers=crystal.numbers, frac_coords=frac, lattice_angstrom=lattice)
    return exact, SymmetryConstraint(rotations=cartesian, images=images)
