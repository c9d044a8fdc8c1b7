"""Random crystals: the formula, the symmetry and the distances that were asked for, the same for a seed, never for ever."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import StructureError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.random_structures import (
    RandomCrystal,
    closest_distances,
    random_crystals,
    random_lattice,
)
from matsmith.models.wyckoff_positions import operations

SPINEL = {"Mg": 1, "Al": 2, "O": 4}


def _first(amounts: dict[str, int], count: int = 8, **fields: object) -> list[RandomCrystal]:
    options: dict[str, object] = {"volume_angstrom3": 11.0 * sum(amounts.values()), "atoms_max": 14, **fields}
    return list(islice(random_crystals(amounts, **options), count))  # pyright: ignore[reportArgumentType]


def test_formula_size_and_volume_are_as_asked() -> None:
    found = _first(SPINEL)
    assert len(found) == 8
    for made in found:
        amounts = made.crystal.amounts
        assert {symbol: n // amounts["Mg"] for symbol, n in amounts.items()} == SPINEL
        assert len(made.crystal.species) in (7, 14)
        # Log-normal about 8 % above what was expected, with a sigma of 15 %.
        assert 6.5 < made.crystal.volume_angstrom3 / len(made.crystal.species) < 20


def test_the_symmetry_is_at_least_that_of_the_group_drawn() -> None:
    for made in _first({"Ti": 1, "O": 2}, 15):
        crystal = made.crystal
        numbers = [SYMBOLS.index(symbol) + 1 for symbol in crystal.species]
        cell = (crystal.lattice, crystal.positions, numbers)
        found = spglib_or_none("get_symmetry", cell, tolerance_angstrom=0.01)
        group = operations(made.space_group)
        # In a primitive cell every operation of the group drawn stands once; chance may add more and never takes away.
        assert len(found["rotations"]) * group.centrings >= len(group.rotations)


def test_no_two_atoms_are_closer_than_their_radii_allow() -> None:
    closest = closest_distances(("Al", "Mg", "O"))
    assert closest["O", "O"] == pytest.approx(1.4 * 1.32)
    for made in _first(SPINEL):
        structure = made.crystal.to_pymatgen()
        for site, near in zip(structure, structure.get_all_neighbors(3.5), strict=True):
            for other in near:
                pair = (str(site.specie.symbol), str(other.specie.symbol))
                assert float(other.nn_distance) > closest[pair] - 1e-6


def test_the_same_seed_gives_the_same_crystals_one_by_one() -> None:
    first, again = _first(SPINEL, seed=(3,)), _first(SPINEL, seed=(3,))
    assert [m.crystal.canonical_hash for m in first] == [m.crystal.canonical_hash for m in again]
    assert [m.seed for m in first] == [m.seed for m in again]
    other = _first(SPINEL, seed=(4,))
    assert not {m.crystal.canonical_hash for m in first} & {m.crystal.canonical_hash for m in other}


def test_only_the_groups_named_are_drawn_from() -> None:
    assert {made.space_group for made in _first({"Mg": 1, "O": 1}, space_groups=(225, 136))} <= {225, 136}


def test_a_deadline_ends_it_and_so_do_the_trials() -> None:
    late = time.monotonic() - 1
    assert list(random_crystals(SPINEL, volume_angstrom3=66.0, atoms_max=14, deadline=late)) == []
    assert len(list(random_crystals(SPINEL, volume_angstrom3=66.0, atoms_max=14, trials=5))) <= 5
    # No room at all: every try is given up, none goes on for ever.
    assert list(random_crystals(SPINEL, volume_angstrom3=2.0, atoms_max=14, trials=20)) == []


@pytest.mark.parametrize(
    ("amounts", "atoms_max", "words"),
    [({}, 10, "positive amount"), ({"Mg": 0}, 10, "positive amount"), (SPINEL, 5, "has 7 atoms")],
)
def test_what_cannot_be_drawn_is_refused(amounts: dict[str, int], atoms_max: int, words: str) -> None:
    with pytest.raises(StructureError, match=words):
        next(random_crystals(amounts, volume_angstrom3=66.0, atoms_max=atoms_max))


@settings(max_examples=60, deadline=None)
@given(number=st.integers(1, 230), volume=st.floats(5, 2000), seed=st.integers(0, 2**32))
def test_a_lattice_has_its_volume_and_keeps_the_operations_lengths(
    number: int, volume: float, seed: int
) -> None:
    rows = random_lattice(number, volume_angstrom3=volume, random=np.random.default_rng(seed))
    assert abs(np.linalg.det(rows)) == pytest.approx(volume, rel=1e-9)
    metric = rows @ rows.T
    # x -> R x leaves lengths alone: R^T G R = G for every rotation of the group.
    for rotation in operations(number).rotations:
        assert np.allclose(rotation.T @ metric @ rotation, metric, atol=1e-6 * metric.max())
