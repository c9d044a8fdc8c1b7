"""Frameworks, layers, chains and molecules are told apart, whatever cell they are written in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.crystals import measured_crystals

LOOSE = {
    "graphite": 2,
    "hexagonal boron nitride": 2,
    "molybdenite": 2,
    "tellurium": 1,
    "grey selenium": 1,
}


@pytest.mark.parametrize("crystal", measured_crystals(), ids=lambda crystal: crystal.name.replace(" ", "_"))
def test_measured_crystals(crystal: object) -> None:
    from matsmith.knowledge.crystals import MeasuredCrystal

    assert isinstance(crystal, MeasuredCrystal)
    assert bonded_directions(crystal.structure().get_primitive_structure()) == LOOSE.get(crystal.name, 3)


def test_a_molecule_in_a_box_has_no_direction() -> None:
    box = Structure(Lattice.cubic(10), ["O", "H", "H"], [[0, 0, 0], [0.096, 0, 0], [-0.024, 0.093, 0]])
    assert bonded_directions(box) == 0


def test_the_loosest_piece_counts() -> None:
    # A framework of copper with a nitrogen molecule in the middle of a large hole.
    lattice = Lattice.cubic(14)
    grid = [(i / 6, j / 6, k / 6) for i in range(6) for j in range(6) for k in range(6)]
    copper = [p for p in grid if max(min(abs(x - 0.5), 1.0) for x in p) > 0.3]
    sites = [*copper, (0.46, 0.5, 0.5), (0.54, 0.5, 0.5)]
    assert bonded_directions(Structure(lattice, ["Cu"] * len(copper), copper)) == 3
    assert bonded_directions(Structure(lattice, ["Cu"] * len(copper) + ["N", "N"], sites)) == 0


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(["graphite", "tellurium", "silicon", "halite"]),
    shape=st.tuples(*[st.integers(1, 2)] * 3),
    shift=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_neither_cell_nor_origin_matters(
    name: str, shape: tuple[int, int, int], shift: tuple[float, float, float]
) -> None:
    crystal = next(crystal for crystal in measured_crystals() if crystal.name == name)
    structure = crystal.structure().get_primitive_structure()
    wanted = bonded_directions(structure)
    structure.translate_sites(list(range(len(structure))), list(shift))
    structure.make_supercell(list(shape))
    assert bonded_directions(structure) == wanted
