"""Every wish of a spec refuses what it should, in one sentence, and lets the rest through."""

from __future__ import annotations

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish
from matsmith.knowledge.prototypes import by_common_name, decorate
from matsmith.tools.strategies.chemistry_filter import (
    COVERED_BY_POTENTIAL,
    conforms,
    conforms_chemistry,
    permitted_elements,
    primitive_atoms,
)


def _rocksalt(metal: str, anion: str) -> Crystal:
    return Crystal.from_pymatgen(decorate(by_common_name("rocksalt")[0], {"Na": metal, "Cl": anion}))


def _spec(**chemistry: object) -> DesignSpec:
    return DesignSpec(chemistry=Chemistry.model_validate(chemistry))


def test_the_potential_covers_89_elements() -> None:
    assert len(COVERED_BY_POTENTIAL) == 89
    assert not {"Po", "At", "Rn", "Fr", "Ra", "Am"} & COVERED_BY_POTENTIAL


def test_radioactive_elements_come_only_when_they_are_named() -> None:
    assert not {"U", "Tc", "Pu"} & permitted_elements(_spec())
    assert "U" in permitted_elements(_spec(required=["U"]))
    assert "Th" in permitted_elements(_spec(formula="ThO2"))
    assert "Bi" in permitted_elements(_spec())


def test_flags_narrow_the_elements() -> None:
    both = permitted_elements(_spec(earth_abundant=True, non_toxic=True))
    assert {"O", "Si", "Al", "Fe", "Mg", "Ti"} <= both
    assert not {"Pb", "Cd", "As", "Pt", "In", "Be"} & both


def test_excluded_and_allowed() -> None:
    assert permitted_elements(_spec(allowed=["Fe", "Ni", "Al"], excluded=["Al"])) == {"Fe", "Ni"}


@pytest.mark.parametrize(
    ("chemistry", "words"),
    [
        ({"excluded": ["Mg"]}, "Mg, which is excluded"),
        ({"allowed": ["Ca", "O"]}, "not among the allowed"),
        ({"required": ["Li"]}, "lacks Li"),
        ({"any_of": [["N", "C"]]}, "none of"),
        ({"elements_min": 3}, "2 elements"),
        ({"formula": "MgO2"}, "not MgO2"),
    ],
)
def test_a_refusal_names_the_wish(chemistry: dict[str, object], words: str) -> None:
    reason = conforms(_spec(**chemistry), _rocksalt("Mg", "O"), space_group=225)
    assert reason is not None
    assert words in reason
    assert reason.endswith(".")


def test_what_fits_passes() -> None:
    spec = _spec(required=["O"], any_of=[["Mg", "Ca"]], formula="Mg2O2", charge_neutral=True)
    assert conforms(spec, _rocksalt("Mg", "O"), space_group=None) is None


def test_charge_neutrality_is_asked_only_when_wished() -> None:
    assert conforms(_spec(), _rocksalt("Na", "O"), space_group=225) is None
    assert conforms(_spec(charge_neutral=True), _rocksalt("Na", "O"), space_group=225) is not None


def test_atoms_are_counted_in_the_primitive_cell() -> None:
    structure = _rocksalt("Mg", "O").to_pymatgen()
    structure.make_supercell([2, 2, 2])
    big = Crystal.from_pymatgen(structure)
    assert primitive_atoms(big) == 2
    assert conforms(DesignSpec(structure=StructureWish(atoms_max=4)), big, space_group=225) is None
    reason = conforms(DesignSpec(structure=StructureWish(atoms_min=3)), big, space_group=225)
    assert reason is not None
    assert "2 atoms" in reason


def test_the_space_group_is_found_where_it_is_not_given() -> None:
    cubic = DesignSpec(structure=StructureWish(space_groups=list(range(195, 231))))
    assert conforms(cubic, _rocksalt("Mg", "O"), space_group=None) is None
    strained = _rocksalt("Mg", "O").to_pymatgen()
    strained.apply_strain([0.05, 0.0, 0.0])
    assert conforms(cubic, Crystal.from_pymatgen(strained), space_group=None) is not None


@pytest.mark.parametrize(
    ("prototype", "fits", "fails"),
    [
        ("perovskite", {"Sr": 1, "Ti": 1, "O": 3}, {"Mg": 1, "O": 1}),
        ("spinel", {"Mg": 2, "Al": 4, "O": 8}, {"Sr": 1, "Ti": 1, "O": 3}),
        ("Laves phase", {"Mg": 1, "Zn": 2}, {"Mg": 1, "Zn": 1}),
        ("garnet", {"Y": 3, "Al": 5, "O": 12}, {"Y": 1, "Al": 1, "O": 3}),
    ],
)
def test_a_prototype_asks_for_its_stoichiometry(
    prototype: str, fits: dict[str, int], fails: dict[str, int]
) -> None:
    spec = DesignSpec(structure=StructureWish(prototype=prototype))
    assert conforms_chemistry(spec, fits) is None
    assert conforms_chemistry(spec, fails) is not None
