from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.structures import (
    Prototype,
    cell_of,
    cell_widths,
    conventional,
    from_data,
    is_restricted,
    lattice_cell,
    oriented_cell,
    repeated,
    restricted,
    supercell_near,
    symbols_of,
    to_data,
    usual_lattice,
)

FloatArray = NDArray[np.float64]


def _random_atoms(seed: int, *, n: int = 6) -> Atoms:
    generator = np.random.default_rng(seed)
    cell = np.diag([6.0, 7.0, 8.0]) + generator.uniform(-2.5, 2.5, (3, 3))
    if seed % 2:
        cell[2] = -cell[2]
    atoms = Atoms(
        ["Cu", "Ni"] * (n // 2), cell=cell, scaled_positions=generator.uniform(-0.5, 1.5, (n, 3)), pbc=True
    )
    atoms.set_velocities(generator.normal(size=(n, 3)))
    return atoms


def _distances(atoms: Atoms) -> FloatArray:
    return np.sort(np.asarray(atoms.get_all_distances(mic=True)), axis=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_restricted_frame_is_the_same_crystal_turned(seed: int) -> None:
    given_atoms = _random_atoms(seed)
    turned, rotation = restricted(given_atoms)
    assert is_restricted(turned)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(_distances(turned), _distances(given_atoms), atol=1e-8)
    np.testing.assert_allclose(turned.get_velocities(), given_atoms.get_velocities() @ rotation.T, atol=1e-10)
    cell = cell_of(turned)
    assert abs(cell[1, 0]) <= cell[0, 0] / 2 + 1e-9
    assert abs(cell[2, 0]) <= cell[0, 0] / 2 + 1e-9
    assert abs(cell[2, 1]) <= cell[1, 1] / 2 + 1e-9
    # the new vectors are whole combinations of the old ones, as they were turned
    matrix = cell @ np.linalg.inv(cell_of(given_atoms) @ rotation.T)
    np.testing.assert_allclose(matrix, np.rint(matrix), atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_data_file_gives_back_what_it_was_made_of(seed: int) -> None:
    atoms, _ = restricted(_random_atoms(seed))
    back = from_data(to_data(atoms, ("Cu", "Ni")), ("Cu", "Ni"))
    np.testing.assert_allclose(cell_of(back), cell_of(atoms), atol=1e-12)
    np.testing.assert_allclose(back.get_positions(), atoms.get_positions(), atol=1e-12)
    np.testing.assert_allclose(back.get_velocities(), atoms.get_velocities(), atol=1e-12)
    assert symbols_of(back) == symbols_of(atoms)


def test_a_right_angled_cell_has_no_tilts_unless_they_are_wanted() -> None:
    copper = bulk("Cu", a=3.6, cubic=True)
    assert "xy xz yz" not in to_data(copper, ("Cu",))
    assert "0 0 0 xy xz yz" in to_data(copper, ("Cu",), triclinic=True)


def test_folded_positions_are_unfolded_by_their_images() -> None:
    text = to_data(bulk("Cu", a=4.0, cubic=True), ("Cu",)).replace("1 1 0 0 0", "1 1 0 0 0 1 -1 0")
    text = "\n".join(
        line + " 0 0 0" if line[:2] in ("2 ", "3 ", "4 ") and len(line.split()) == 5 else line
        for line in text.splitlines()
    )
    np.testing.assert_allclose(from_data(text, ("Cu",)).get_positions()[0], [4.0, -4.0, 0.0])


@pytest.mark.parametrize(
    ("prototype", "directions", "n"),
    [
        ("fcc", ((1, 0, 0), (0, 1, 0), (0, 0, 1)), 4),
        ("fcc", ((1, -1, 0), (1, 1, -2), (1, 1, 1)), 6),
        ("bcc", ((1, 1, 1), (-1, 1, 0), (-1, -1, 2)), 6),
        ("diamond", ((1, -1, 0), (1, 1, -2), (1, 1, 1)), 12),
        ("hcp", ((1, 0, 0), (0, 1, 0), (0, 0, 1)), 4),
    ],
)
def test_oriented_cells_are_the_same_lattice_in_its_shortest_periods(
    prototype: Prototype, directions: tuple[tuple[int, int, int], ...], n: int
) -> None:
    made = oriented_cell(prototype, "Cu", a=3.6, directions=directions)
    assert len(made) == n
    widths = np.linalg.norm(cell_of(made), axis=1)
    np.testing.assert_allclose(cell_of(made), widths[:, None] * np.eye(3), atol=1e-9)
    plain = lattice_cell(prototype, "Cu", 3.6)
    assert made.get_volume() / len(made) == pytest.approx(plain.get_volume() / len(plain))
    whole, other = repeated(made, (3, 3, 3)), repeated(plain, (3, 3, 3))
    np.testing.assert_allclose(_distances(whole)[0, 1:9], _distances(other)[0, 1:9], atol=1e-8)


def test_directions_that_are_not_at_right_angles_are_refused() -> None:
    with pytest.raises(DynamicsError) as caught:
        oriented_cell("fcc", "Cu", a=3.6, directions=((1, 0, 0), (1, 1, 0), (0, 0, 1)))
    assert caught.value.code == "bad_directions"


def test_supercells_come_near_to_what_is_aimed_at_and_are_wide_enough() -> None:
    cell = bulk("Cu", a=3.6, cubic=True)
    assert len(supercell_near(cell, atoms_aimed=500)) == 500
    flat = Atoms("Cu", cell=[3.0, 3.0, 12.0], pbc=True)
    widths = cell_widths(supercell_near(flat, atoms_aimed=64))
    assert widths.max() / widths.min() < 1.4
    assert cell_widths(supercell_near(cell, atoms_aimed=4, least_width_angstrom=11.0)).min() >= 11.0


def test_a_million_atoms_are_refused_before_they_are_made() -> None:
    with pytest.raises(DynamicsError, match="memory"):
        supercell_near(bulk("Cu", a=3.6, cubic=True), atoms_aimed=10**6)


def test_a_primitive_cell_becomes_its_cube_and_an_orthogonal_one_stays() -> None:
    assert len(conventional(bulk("Cu", a=3.6))) == 4
    cube = bulk("Cu", a=3.6, cubic=True)
    assert conventional(cube) is cube


@pytest.mark.parametrize(
    ("symbol", "prototype", "a"), [("Cu", "fcc", 3.61), ("Fe", "bcc", 2.87), ("Si", "diamond", 5.43)]
)
def test_usual_lattices(symbol: str, prototype: str, a: float) -> None:
    assert usual_lattice(symbol)[:2] == (prototype, a)


def test_an_element_without_a_simple_crystal_asks_for_a_structure() -> None:
    with pytest.raises(DynamicsError) as caught:
        usual_lattice("Ga")
    assert caught.value.code == "no_simple_lattice"
    assert "structure" in caught.value.hint


def test_a_cell_without_volume_is_refused() -> None:
    with pytest.raises(DynamicsError) as caught:
        restricted(Atoms("Cu", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True))
    assert caught.value.code == "bad_cell"
