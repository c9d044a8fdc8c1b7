"""A measured crystal is recognised by its structure, whatever the cell it comes in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.base import Deps
from matsmith.tools.known_crystal import KnownCrystalArgs
from matsmith.tools.registry import get_tool


def _asked(crystal: Crystal, settings: Settings) -> Outcome:
    deps = Deps(settings=settings, inputs={"c": crystal})
    return get_tool("known_crystal").run(KnownCrystalArgs(structure="c"), deps=deps)


def test_periclase_and_what_was_measured_on_it(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    outcome = _asked(rocksalt("Mg"), plain)
    assert outcome.facts["name"] == "periclase"
    modulus = outcome.quantities["bulk_modulus"]
    assert modulus.value == pytest.approx(161, abs=2)
    assert modulus.truth is Truth.EXPERIMENT_300K
    assert 0 < modulus.sigma < 10
    assert outcome.quantities["density"].value == pytest.approx(3.585, abs=0.02)
    assert outcome.quantities["energy_above_hull"].value == 0.0
    assert outcome.method is not None
    assert outcome.method.reference


def test_a_supercell_and_a_strained_cell_are_the_same_crystal(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    supercell = rocksalt("Mg").to_pymatgen()
    supercell.make_supercell([2, 1, 2])
    strained = rocksalt("Mg").to_pymatgen()
    strained.apply_strain([0.01, -0.01, 0.0])
    for structure in (supercell, strained):
        assert _asked(Crystal.from_pymatgen(structure), plain).facts["name"] == "periclase"


def test_another_structure_of_the_formula_is_not_listed(
    plain: Settings, caesium_chloride_magnesia: Crystal
) -> None:
    outcome = _asked(caesium_chloride_magnesia, plain)
    assert outcome.failure is not None
    assert outcome.failure.code == "not_listed"
    assert "MgO" in outcome.failure.message


def test_a_formula_that_was_never_measured(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    failure = _asked(rocksalt("Hf", anion="Rb"), plain).failure
    assert failure is not None
    assert failure.code == "not_listed"


def test_polymorphs_are_told_apart(plain: Settings) -> None:
    for entry in find("C"):
        outcome = _asked(Crystal.from_pymatgen(entry.structure()), plain)
        assert outcome.facts["name"] == entry.name


def test_a_metastable_form_is_not_called_stable(plain: Settings) -> None:
    diamond = next(entry for entry in find("C") if entry.name == "diamond")
    outcome = _asked(Crystal.from_pymatgen(diamond.structure()), plain)
    assert outcome.quantities["bulk_modulus"].value == pytest.approx(443, abs=5)
    assert outcome.facts["stable_at_ambient"] is False
    assert "energy_above_hull" not in outcome.quantities


@pytest.mark.parametrize(
    ("formula", "name", "value"),
    [
        ("Al2O3", "hardness", 20.6),
        ("BeO", "hardness", 14.7),
        ("MgO", "hardness", 7.4),
        ("Ge", "thermal_conductivity", 60.0),
        ("C", "debye_temperature", 2230.0),
    ],
)
def test_what_was_measured_beside(plain: Settings, formula: str, name: str, value: float) -> None:
    entries = find(formula)
    entry = next((one for one in entries if one.name == "diamond"), entries[0])
    quantity = _asked(Crystal.from_pymatgen(entry.structure()), plain).quantities[name]
    assert quantity.value == pytest.approx(value, rel=0.1)
    assert 0 < quantity.sigma <= 0.15 * quantity.value
    assert quantity.truth is Truth.EXPERIMENT_300K
