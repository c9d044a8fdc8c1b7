"""Paths between points of symmetry: they belong to the crystal and not to the cell that it is written in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.bandstructure import HighSymmKpath

from matsmith.knowledge.crystals import find
from matsmith.models.phonon_bands import band_path


def primitive(formula: str) -> Structure:
    return find(formula)[0].structure().get_primitive_structure()


@pytest.mark.parametrize("formula", ["MgO", "Si", "TiO2", "Al2O3", "ZnO", "Fe"])
@pytest.mark.parametrize("change", [np.eye(3), np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])])
def test_points_have_the_length_they_have_in_the_standard_cell(formula: str, change: Any) -> None:
    start = primitive(formula)
    lattice = Lattice(np.array(change) @ np.array(start.lattice.matrix))
    structure = Structure(lattice, start.species, start.cart_coords, coords_are_cartesian=True)
    path = band_path(structure)
    assert path is not None
    own: Any = HighSymmKpath(structure, symprec=0.01)
    standard = np.array(own.prim.lattice.reciprocal_lattice.matrix)
    reciprocal = np.array(structure.lattice.reciprocal_lattice.matrix)
    assert path[0][0][0] == "Γ"
    for piece, names in zip(path, own.kpath["path"], strict=True):
        for (_, point), name in zip(piece, names, strict=True):
            wanted = np.linalg.norm(np.array(own.kpath["kpoints"][name]) @ standard)
            assert np.linalg.norm(point @ reciprocal) == pytest.approx(wanted, rel=2e-3, abs=1e-6)


def test_a_cell_that_is_not_primitive_has_no_path() -> None:
    doubled = primitive("MgO") * (2, 1, 1)
    assert band_path(doubled) is None
