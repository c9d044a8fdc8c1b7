from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.potentials.periodic_graph import (
    EVERY_ELEMENT,
    angle_pairs,
    assemble,
    check_cell,
    empty_layers,
    find_neighbours,
)

RADII = np.full(120, 0.01)


def random_crystal(seed: int) -> CrystalArrays:
    generator = np.random.default_rng(seed)
    lattice = 4.0 * np.eye(3) + 0.8 * generator.normal(size=(3, 3))
    n = int(generator.integers(1, 5))
    return CrystalArrays(
        numbers=np.full(n, 14), frac_coords=generator.random((n, 3)) * 3 - 1, lattice_angstrom=lattice
    )


def bonds_by_force(crystal: CrystalArrays, *, cutoff: float) -> list[float]:
    """Lengths of all pairs, each once, by going through every image."""
    reach = 12
    found: list[float] = []
    lattice, frac = crystal.lattice_angstrom, crystal.frac_coords
    shifts = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)))
    for i, j in itertools.product(range(crystal.n_atoms), repeat=2):
        length = np.linalg.norm((frac[i] - frac[j] - shifts) @ lattice, axis=1)
        found += [float(d) for d in length if 1e-8 < d < cutoff]
    return sorted(found)[::2]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_every_bond_is_found_once(seed: int) -> None:
    crystal = random_crystal(seed)
    neighbours = find_neighbours(crystal, reach_angstrom=4.0)
    vectors = (
        crystal.frac_coords[neighbours.i] - crystal.frac_coords[neighbours.j] - neighbours.image
    ) @ crystal.lattice_angstrom
    found = sorted(float(d) for d in np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(found, bonds_by_force(crystal, cutoff=4.0), atol=1e-8)


@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 0.1))
@settings(max_examples=40, deadline=None)
def test_a_list_that_says_it_covers_misses_no_bond(seed: int, size: float) -> None:
    crystal = random_crystal(seed)
    kept = find_neighbours(crystal, reach_angstrom=4.6)
    generator = np.random.default_rng(seed + 1)
    moved = CrystalArrays(
        numbers=crystal.numbers,
        frac_coords=crystal.frac_coords + 0.3 * size * generator.normal(size=crystal.frac_coords.shape),
        lattice_angstrom=crystal.lattice_angstrom @ (np.eye(3) + size * generator.normal(size=(3, 3))),
    )
    if kept.covers(moved, cutoff_angstrom=4.0):
        fresh = find_neighbours(moved, reach_angstrom=4.0)
        old = {
            (int(i), int(j), *map(int, image)) for i, j, image in zip(kept.i, kept.j, kept.image, strict=True)
        }
        new = {
            (int(i), int(j), *map(int, image))
            for i, j, image in zip(fresh.i, fresh.j, fresh.image, strict=True)
        }
        assert new <= old
    assert kept.covers(crystal, cutoff_angstrom=4.0)


@given(centre=st.lists(st.integers(0, 4), max_size=30))
def test_angles_are_all_ordered_pairs_at_a_centre(centre: list[int]) -> None:
    array = np.array(centre, dtype=np.int64)
    first, second = angle_pairs(array, n_atoms=5)
    expected = {(a, b) for a, b in itertools.permutations(range(len(centre)), 2) if centre[a] == centre[b]}
    assert {(int(a), int(b)) for a, b in zip(first, second, strict=True)} == expected
    assert len(first) == len(expected)


def test_a_crystal_does_not_see_its_neighbour_in_the_batch(mgo: Structure) -> None:
    crystal = CrystalArrays.from_structure(mgo)
    neighbours = find_neighbours(crystal, reach_angstrom=6.0)
    batch, refused = assemble(
        [crystal, crystal],
        [neighbours, neighbours],
        cutoff_angstrom=6.0,
        angle_cutoff_angstrom=3.0,
        radii_angstrom=RADII,
    )
    assert not refused
    assert (batch.atom_owner[batch.bond_i] == batch.atom_owner[batch.bond_j]).all()
    # Rocksalt with a = 4.21 Å: 6 + 12 + 8 + 6 + 24 + 24 + 12 neighbours within 6 Å; 6 + 12 within 3 Å.
    assert len(batch.bond_i) == 2 * (6 + 12 + 8 + 6 + 24 + 24 + 12)
    assert batch.n_short == 2 * (6 + 12)
    assert len(batch.first) == 4 * 18 * 17


def test_atoms_far_outside_the_cell_have_the_same_bonds_at_no_cost() -> None:
    near = random_crystal(7)
    moved = near.frac_coords + np.array([1_000_000.0, -3.0, 250.0])
    far = CrystalArrays(
        numbers=near.numbers, frac_coords=moved.copy(), lattice_angstrom=near.lattice_angstrom
    )
    far.frac_coords[0] -= [2_000_000.0, 0.0, 0.0]
    lengths: list[list[float]] = []
    for crystal in (near, far):
        found = find_neighbours(crystal, reach_angstrom=4.0)
        vectors = (
            crystal.frac_coords[found.i] - crystal.frac_coords[found.j] - found.image
        ) @ crystal.lattice_angstrom
        lengths.append(sorted(float(d) for d in np.linalg.norm(vectors, axis=1)))
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-6)


@pytest.mark.parametrize(
    ("lattice", "code"),
    [
        (np.eye(3) * 1e5, "isolated_atoms"),
        (np.eye(3) * 0.5, "collapsed"),
        (np.array([[10.0, 0, 0], [100.0, 1.0, 0], [0, 0, 3.0]]), "malformed"),
        (np.eye(3) * np.nan, "malformed"),
    ],
)
def test_cells_that_would_take_minutes_are_refused_first(lattice: np.ndarray[Any, Any], code: str) -> None:
    crystal = CrystalArrays(
        numbers=np.array([14, 14]),
        frac_coords=np.array([[0, 0, 0], [0.5, 0.5, 0.5]]),
        lattice_angstrom=lattice,
    )
    refusal = check_cell(crystal, covered=EVERY_ELEMENT)
    assert refusal is not None
    assert refusal.code == code


def test_empty_layers_tell_a_crystal_from_a_slab_and_a_molecule() -> None:
    def layers(a: float, b: float, c: float) -> int:
        crystal = CrystalArrays(
            numbers=np.array([6, 6]),
            frac_coords=np.array([[0.0, 0.0, 0.0], [1.4 / a, 0.0, 0.0]]),
            lattice_angstrom=np.diag([a, b, c]),
        )
        return empty_layers(crystal, thickness_angstrom=6.0)

    assert [layers(3, 3, 3), layers(3, 3, 12), layers(3, 12, 12), layers(12, 12, 12)] == [0, 1, 2, 3]
    # A cell of 7 Å whose two atoms leave gaps of 5.6 Å at most along one direction.
    assert layers(7, 5, 5) == 0
