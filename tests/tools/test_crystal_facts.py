"""What a crystal tells as it stands, against rock salt, silicon and cells where images matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.crystal import Crystal
from matsmith.knowledge.crystals import find
from matsmith.tools.crystal_facts import closest_distance, density_of, is_broken, space_group_of


def known(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure())


def pair(distance: float) -> Crystal:
    """Mg and O so far from each other, across the edge of the cell."""
    return Crystal(
        lattice=((6.0, 0.0, 0.0), (0.0, 6.0, 0.0), (0.0, 0.0, 6.0)),
        species=("Mg", "O"),
        positions=((0.0, 0.0, 0.95), (0.0, 0.0, (0.95 + distance / 6) % 1)),
    )


def alone(*lattice: tuple[float, float, float]) -> Crystal:
    first, second, third = lattice
    return Crystal(lattice=(first, second, third), species=("Fe",), positions=((0.0, 0.0, 0.0),))


def test_rock_salt() -> None:
    salt = known("NaCl")
    assert space_group_of(salt) == 225
    assert density_of(salt) == pytest.approx(2.16, abs=0.02)
    assert closest_distance(salt) == pytest.approx(2.82, abs=0.01)
    assert not is_broken(salt)


def test_distances_count_an_atoms_own_images() -> None:
    assert closest_distance(alone((0.4, 0, 0), (0, 9, 0), (0, 0, 9))) == pytest.approx(0.4)
    assert closest_distance(alone((9, 0, 0), (0, 9, 0), (0, 0, 9))) == pytest.approx(9)


def test_a_skew_cell_has_its_nearest_image_far_along_its_vectors() -> None:
    # Three times the first vector off the second one: the shortest is b - 3 a, 1.0 Å long.
    assert closest_distance(alone((3.0, 0, 0), (9.0, 1.0, 0), (0, 0, 9))) == pytest.approx(1.0)


def test_atoms_that_come_too_close_make_a_broken_crystal() -> None:
    assert closest_distance(pair(1.9)) == pytest.approx(1.9)
    assert is_broken(pair(1.3))  # 0.7 of 1.41 + 0.66 Å is 1.45 Å
    assert not is_broken(pair(1.6))
    assert not is_broken(pair(1.3), nearest=0.6)


@given(turns=st.tuples(st.integers(-3, 3), st.integers(-3, 3)), distance=st.floats(1.2, 2.9))
def test_the_choice_of_the_cells_vectors_changes_no_distance(turns: tuple[int, int], distance: float) -> None:
    crystal = pair(distance)
    a, b, c = crystal.lattice
    skew = (b[0] + turns[0] * a[0], b[1] + turns[0] * a[1], b[2] + turns[0] * a[2])
    lean = (c[0] + turns[1] * a[0], c[1] + turns[1] * a[1], c[2] + turns[1] * a[2])
    # Both atoms lie on c: their places along it stay, and along a they follow.
    places = [(-turns[1] * z % 1.0, 0.0, z) for _, _, z in crystal.positions]
    same = Crystal(lattice=(a, skew, lean), species=crystal.species, positions=tuple(places))
    assert closest_distance(same) == pytest.approx(closest_distance(crystal), abs=1e-6)
