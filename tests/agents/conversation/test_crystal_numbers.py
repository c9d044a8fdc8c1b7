from __future__ import annotations

import pytest

from matsmith.agents.conversation.crystal_numbers import cell_facts, numbers_of
from matsmith.agents.conversation.structures import cell_table, find_by_formula
from matsmith.core.crystal import Crystal

HALF = 2.128
PRIMITIVE = Crystal(
    lattice=((0, HALF, HALF), (HALF, 0, HALF), (HALF, HALF, 0)),
    species=("Mg", "O"),
    positions=((0, 0, 0), (0.5, 0.5, 0.5)),
)


def test_a_primitive_cell_tells_its_lattice_parameter_too() -> None:
    told = cell_facts(PRIMITIVE)
    assert told["atoms"] == 2
    assert told["a_b_c_angstrom"] == pytest.approx([HALF * 2**0.5] * 3, abs=1e-4)
    assert told["conventional_cell"] == {"a_b_c_angstrom": [2 * HALF] * 3, "angles_degrees": [90.0] * 3}
    assert any(
        unit == "angstrom" and value == pytest.approx(2 * HALF) for value, unit in numbers_of(PRIMITIVE)
    )
    assert ("conventional a, b, c (Å)", "4.2560", "4.2560", "4.2560") in cell_table(PRIMITIVE).rows


def test_a_conventional_cell_is_told_once() -> None:
    cube = Crystal(
        lattice=((3, 0, 0), (0, 3, 0), (0, 0, 3)),
        species=("Cs", "Cl"),
        positions=((0, 0, 0), (0.5, 0.5, 0.5)),
    )
    assert "conventional_cell" not in cell_facts(cube)


def test_a_name_beside_the_formula_finds_the_measured_crystal_of_that_name() -> None:
    (first, *_) = find_by_formula("TiO2", prototype="rutile")
    assert first.source.startswith("measured crystal")
    (decorated,) = find_by_formula("ZrN", prototype="wurtzite")[:1]
    assert "not relaxed" in decorated.source
