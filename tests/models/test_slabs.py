"""Slabs: equal faces, the bulk's composition, no dipole; and polar planes known as such."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.models.slabs import clean_slabs, conventional_cell, distinct_planes

MAGNESIA = {"Mg": 2.0, "O": -2.0}


@pytest.fixture(scope="module")
def rocksalt() -> Structure:
    structure = Structure.from_spacegroup(  # pyright: ignore[reportUnknownMemberType]
        "Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    return conventional_cell(structure.get_primitive_structure())


def test_the_simple_planes_of_a_cube(rocksalt: Structure) -> None:
    planes = distinct_planes(rocksalt, max_index=1)
    assert [tuple(sorted(map(abs, plane))) for plane in planes] == [(0, 0, 1), (0, 1, 1), (1, 1, 1)]


@pytest.mark.parametrize(("plane", "area"), [((1, 0, 0), 4.21**2 / 2), ((1, 1, 0), 4.21**2 / 2**0.5)])
def test_neutral_planes_of_magnesia(rocksalt: Structure, plane: tuple[int, int, int], area: float) -> None:
    found = clean_slabs(rocksalt, plane, charges=MAGNESIA, thickness_angstrom=8.0, max_atoms=100)
    assert not isinstance(found, str)
    slab = found[0]
    layers = len(slab.structure) / (slab.area_angstrom2 / area)
    assert slab.area_angstrom2 == pytest.approx(area * round(slab.area_angstrom2 / area), rel=1e-6)
    assert layers == pytest.approx(round(layers))
    amounts = slab.structure.composition.get_el_amt_dict()
    assert amounts["Mg"] == amounts["O"]
    assert slab.structure.lattice.c > 8.0 + 12.0


def test_the_polar_plane_is_named(rocksalt: Structure) -> None:
    assert (
        clean_slabs(rocksalt, (1, 1, 1), charges=MAGNESIA, thickness_angstrom=8.0, max_atoms=100) == "polar"
    )


def test_charges_alone_make_a_plane_polar(rocksalt: Structure) -> None:
    found = clean_slabs(rocksalt, (1, 1, 1), charges=None, thickness_angstrom=8.0, max_atoms=100)
    assert found != "polar"


def test_a_slab_beyond_the_size_is_named(rocksalt: Structure) -> None:
    assert (
        clean_slabs(rocksalt, (1, 0, 0), charges=MAGNESIA, thickness_angstrom=8.0, max_atoms=2) == "too_large"
    )
