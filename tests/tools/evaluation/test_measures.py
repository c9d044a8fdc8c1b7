"""Validity against known cases, and fingerprints that do not depend on how a crystal is written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.knowledge.crystals import find
from matsmith.tools.evaluation.measures import (
    average_minimum_distances,
    composition_method,
    composition_profile,
    is_composition_valid,
    is_structure_valid,
)


def known(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure())


def test_a_structure_is_valid_where_nothing_touches_and_the_cell_has_room() -> None:
    wire = Crystal(lattice=((0.4, 0, 0), (0, 9, 0), (0, 0, 9)), species=("Fe",), positions=((0, 0, 0),))
    assert not is_structure_valid(wire, smallest_angstrom=0.4)
    flat = Crystal(lattice=((9, 0, 0), (0, 9, 0), (0, 0, 0.001)), species=("Fe",), positions=((0, 0, 0),))
    assert not is_structure_valid(flat, smallest_angstrom=9)
    assert is_structure_valid(known("NaCl"), smallest_angstrom=2.82)


@pytest.mark.parametrize(
    ("formula", "valid"),
    [
        ("NaCl", True),
        ("BaTiO3", True),
        ("CuAu", True),
        ("Fe", True),
        ("NaCl2", False),
        ("Mg3O", False),
        ("LaB6", False),
    ],
)
def test_compositions_are_balanced_by_the_pinned_table(formula: str, valid: bool) -> None:
    assert is_composition_valid(formula) is valid


@pytest.mark.parametrize("table", ["icsd24", "smact14"])
@pytest.mark.parametrize(
    ("formula", "valid"), [("RfO2", False), ("Og", True), ("OgTs", False), ("UO2", True)]
)
def test_elements_that_nobody_has_charges_of_are_no_crash(formula: str, *, valid: bool, table: str) -> None:
    assert is_composition_valid(formula, table=table) is valid


def test_the_tables_are_those_that_were_pinned() -> None:
    told = composition_method()
    assert "icsd24 0c6229579793" in told
    assert "not the pinned" not in told


def test_mean_distances_of_simple_crystals() -> None:
    copper = known("Cu")
    found = average_minimum_distances(copper, neighbours=18)
    assert found is not None
    nearest = 3.615 / np.sqrt(2)
    np.testing.assert_allclose(found[:12], nearest, rtol=1e-3)
    np.testing.assert_allclose(found[12:], 3.615, rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.integers(0, 5))
def test_fingerprints_do_not_depend_on_the_description(shift: list[float], seed: int) -> None:
    crystal = known("TiO2")
    plain = crystal.to_pymatgen()
    moved = Structure(plain.lattice, plain.species, np.array(plain.frac_coords) + shift)
    moved.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1 + seed % 2]])
    order = np.random.default_rng(seed).permutation(len(moved))
    other = Crystal.from_pymatgen(Structure.from_sites([moved[int(place)] for place in order]))
    first, second = average_minimum_distances(crystal), average_minimum_distances(other)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first, second, atol=1e-6)
    np.testing.assert_allclose(composition_profile(crystal), composition_profile(other), atol=1e-9)


def test_scaled_distances_know_no_volume_and_like_elements_lie_near() -> None:
    structure = known("NaCl").to_pymatgen()
    structure.scale_lattice(structure.volume * 2)
    scaled = average_minimum_distances(Crystal.from_pymatgen(structure), scaled=True)
    own = average_minimum_distances(known("NaCl"), scaled=True)
    assert own is not None
    assert scaled is not None
    np.testing.assert_allclose(own, scaled, rtol=1e-6)

    def apart(a: str, b: str) -> float:
        cell = Lattice.cubic(3)
        one, two = (
            composition_profile(Crystal.from_pymatgen(Structure(cell, [symbol], [[0, 0, 0]])))
            for symbol in (a, b)
        )
        return float(np.abs(one - two).sum())

    assert apart("K", "Rb") < apart("K", "Cl")
    assert apart("Fe", "Fe") == 0
