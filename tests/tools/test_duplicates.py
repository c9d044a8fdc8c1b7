"""One crystal in many descriptions is one group; different crystals stay apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.crystal import Crystal
from matsmith.knowledge.prototypes import by_common_name, decorate
from matsmith.tools.duplicates import merge


def _crystal(name: str, **assignment: str) -> Crystal:
    return Crystal.from_pymatgen(decorate(by_common_name(name)[0], assignment))


ROCKSALT = _crystal("rocksalt", Na="Mg", Cl="O")
PEROVSKITE = _crystal("cubic perovskite", Ca="Sr", Ti="Ti", O="O")


def test_a_supercell_is_the_same() -> None:
    structure = PEROVSKITE.to_pymatgen()
    structure.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 2]])
    assert merge([PEROVSKITE, Crystal.from_pymatgen(structure)]) == [0, 0]


def test_a_rotation_and_another_order_of_atoms_are_the_same() -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    rows = (np.array(PEROVSKITE.lattice) @ turn.T).tolist()
    turned = Crystal(
        lattice=(tuple(rows[0]), tuple(rows[1]), tuple(rows[2])),
        species=PEROVSKITE.species[::-1],
        positions=PEROVSKITE.positions[::-1],
    )
    assert merge([PEROVSKITE, turned]) == [0, 0]


@pytest.mark.parametrize("strain", [[0.01, 0.0, 0.0], [0.01, 0.01, 0.01], [0.01, -0.01, 0.0]])
def test_a_strain_of_one_percent_is_the_same(strain: list[float]) -> None:
    structure = PEROVSKITE.to_pymatgen()
    structure.apply_strain(strain)
    assert merge([PEROVSKITE, Crystal.from_pymatgen(structure)]) == [0, 0]


def test_another_structure_of_the_formula_is_not_the_same() -> None:
    others = [_crystal("CsCl", Cs="Mg", Cl="O"), _crystal("wurtzite", Zn="Mg", S="O")]
    assert merge([ROCKSALT, *others, ROCKSALT]) == [0, 1, 2, 0]


def test_another_ordering_is_not_the_same() -> None:
    swapped = _crystal("cubic perovskite", Ca="Ti", Ti="Sr", O="O")
    assert merge([PEROVSKITE, swapped]) == [0, 1]


def test_a_much_larger_volume_is_another_phase() -> None:
    structure = ROCKSALT.to_pymatgen()
    structure.apply_strain([0.06, 0.06, 0.06])
    assert merge([ROCKSALT, Crystal.from_pymatgen(structure)]) == [0, 1]


def test_other_elements_are_not_the_same_and_groups_are_numbered_as_they_come() -> None:
    assert merge([]) == []
    other = _crystal("rocksalt", Na="Ca", Cl="O")
    assert merge([other, ROCKSALT, other, PEROVSKITE, ROCKSALT]) == [0, 1, 0, 2, 1]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(min_value=0.0, max_value=1.0, exclude_max=True), min_size=3, max_size=3))
def test_a_shift_of_the_origin_is_the_same(shift: list[float]) -> None:
    structure = PEROVSKITE.to_pymatgen()
    structure.translate_sites(range(len(structure)), shift)
    assert merge([PEROVSKITE, Crystal.from_pymatgen(structure)]) == [0, 0]
