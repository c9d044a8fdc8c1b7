"""Space groups of crystals that everyone knows, of their supercells, and of a cell that has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool
from matsmith.tools.symmetry import SymmetryArgs


def _facts(crystal: Crystal, settings: Settings, *, tolerance: float = 0.05) -> dict[str, object]:
    outcome = get_tool("symmetry").run(
        SymmetryArgs(structure="c", tolerance_angstrom=tolerance),
        deps=Deps(settings=settings, inputs={"c": crystal}),
    )
    assert outcome.failure is None
    return dict(outcome.facts)


@pytest.mark.parametrize(
    ("formula", "name", "number", "symbol", "system", "atoms"),
    [
        ("MgO", "periclase", 225, "Fm-3m", "cubic", 2),
        ("C", "diamond", 227, "Fd-3m", "cubic", 2),
        ("TiO2", "rutile", 136, "P4_2/mnm", "tetragonal", 6),
        ("Al2O3", "corundum", 167, "R-3c", "trigonal", 10),
        ("ZnO", "zincite", 186, "P6_3mc", "hexagonal", 4),
    ],
)
def test_textbook_crystals(
    plain: Settings, formula: str, name: str, number: int, symbol: str, system: str, atoms: int
) -> None:
    entry = next(entry for entry in find(formula) if entry.name == name)
    facts = _facts(Crystal.from_pymatgen(entry.structure()), plain)
    assert facts["space_group_number"] == number == entry.space_group
    assert facts["space_group_symbol"] == symbol
    assert facts["crystal_system"] == system
    assert facts["atoms_in_primitive_cell"] == atoms


def test_a_supercell_has_the_same_primitive_cell(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    structure = rocksalt("Mg").to_pymatgen()
    structure.make_supercell([2, 2, 1])
    facts = _facts(Crystal.from_pymatgen(structure), plain)
    assert (facts["space_group_number"], facts["atoms_in_primitive_cell"]) == (225, 2)


def test_the_tolerance_decides_about_small_shifts(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    crystal = rocksalt("Mg")
    # 0.01 of the diagonal of the primitive cell: 0.073 Å along [111], which leaves a rhombohedral polar group.
    moved = crystal.model_copy(update={"positions": ((0.0, 0.0, 0.0), (0.51, 0.51, 0.51))})
    assert _facts(moved, plain, tolerance=0.3)["space_group_number"] == 225
    assert _facts(moved, plain, tolerance=0.01)["space_group_number"] == 160


def test_atoms_on_top_of_each_other_are_a_typed_failure(plain: Settings) -> None:
    crystal = Crystal(
        lattice=((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0)),
        species=("O", "O"),
        positions=((0.0, 0.0, 0.0), (0.001, 0.0, 0.0)),
    )
    outcome = get_tool("symmetry").run(
        SymmetryArgs(structure="c", tolerance_angstrom=0.05), deps=Deps(settings=plain, inputs={"c": crystal})
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "no_symmetry"
