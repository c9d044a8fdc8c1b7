"""Supercells for defects: far enough apart, no larger than needed, and the sites keep what they carry."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.models.supercells import image_distance_angstrom, site_marks, supercell_at_least


def fcc() -> Structure:
    return Structure(3.61 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), ["Cu"], [[0, 0, 0]])


@pytest.mark.parametrize(("distance", "atoms"), [(2.5, 1), (5.0, 8), (7.2, 27), (9.0, 64)])
def test_the_smallest_cell_that_is_wide_enough(distance: float, atoms: int) -> None:
    found = supercell_at_least(fcc(), distance_angstrom=distance, max_atoms=200)
    assert found is not None
    assert len(found) == atoms
    assert image_distance_angstrom(np.array(found.lattice.matrix)) >= distance


def test_a_long_cell_is_not_repeated_along_its_length() -> None:
    layered = Structure(Lattice.hexagonal(2.8, 14.0), ["Li", "Co"], [[0, 0, 0], [0, 0, 0.5]])
    found = supercell_at_least(layered, distance_angstrom=7.0, max_atoms=200)
    assert found is not None
    assert len(found) == 2 * 9


def test_too_few_atoms_allowed_gives_none() -> None:
    assert supercell_at_least(fcc(), distance_angstrom=9.0, max_atoms=30) is None


def test_sites_keep_their_marks() -> None:
    marked = Structure(Lattice.cubic(4.0), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    marked.add_site_property("kind", [7, 9])
    found = supercell_at_least(marked, distance_angstrom=7.0, max_atoms=50)
    assert found is not None
    marks = site_marks(found, "kind")
    assert [str(site.specie.symbol) for site, mark in zip(found, marks, strict=True) if mark == 7] == [
        "Cs"
    ] * 8


def test_the_nearest_image_may_stand_across_a_diagonal() -> None:
    skewed = np.array([[5.0, 0.0, 0.0], [-4.0, 5.0, 0.0], [0.0, 0.0, 9.0]])
    assert image_distance_angstrom(skewed) == pytest.approx(np.hypot(1.0, 5.0) if np.hypot(1, 5) < 5 else 5.0)
