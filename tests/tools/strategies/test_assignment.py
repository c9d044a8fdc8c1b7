"""Which prototype a formula takes, and which element goes where, on compounds whose structure is known."""

from __future__ import annotations

import pytest

from matsmith.core.elements import parse_formula
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish
from matsmith.knowledge.prototypes import by_name, prototypes
from matsmith.tools.strategies.assignment import penalty, placements, pool

_TYPES = {
    "SrTiO3": "AB3C_cP5_221_a_c_b",
    "ZnCr2O4": "A2BC4_cF56_227_d_a_e",
    "LiCoO2": "ABC2_hR4_166_a_b_c",
    "CuGaSe2": "ABC2_tI16_122_a_b_d",
    "Ti2AlC": "ABC2_hP8_194_d_a_f",
    "ZrNiSn": "ABC_cF12_216_b_c_a",
    "YVO4": "A4BC_tI24_141_h_b_a",
    "LaGaO3": "AB3C_oP20_62_c_cd_a",
    "FeTiO3": "AB3C_hR10_148_c_f_c",
}


def _whole(formula: str) -> dict[str, int]:
    return {symbol: round(amount) for symbol, amount in parse_formula(formula).items()}


@pytest.mark.parametrize("formula", list(_TYPES))
def test_the_real_type_stands_among_the_first_two(formula: str) -> None:
    found = placements(_whole(formula), prototypes(atoms_max=20))
    names = list(dict.fromkeys(placement.prototype.name for placement in found))
    assert _TYPES[formula] in names[:2]


def test_the_big_cation_goes_where_the_big_cation_is() -> None:
    best = placements(_whole("BaSnO3"), [by_name("AB3C_cP5_221_a_c_b")])[0]
    assert dict(zip(best.prototype.slots, best.symbols, strict=True)) == {"Ca": "Ba", "O": "O", "Ti": "Sn"}


def test_equivalent_fillings_are_given_once() -> None:
    assert len(placements(_whole("MgO"), [by_name("AB_cF8_225_a_b")])) == 1
    assert len(placements(_whole("LaNiO3"), [by_name("AB3C_cP5_221_a_c_b")])) == 2


def test_another_stoichiometry_finds_nothing() -> None:
    assert placements(_whole("Mg3O7"), prototypes(atoms_max=20)) == []


def test_the_own_compound_has_the_least_penalty() -> None:
    spinel = by_name("A2BC4_cF56_227_d_a_e")
    own = penalty(spinel, spinel.slots)
    assert own < penalty(spinel, ("In", "Cd", "S"))
    assert own < penalty(spinel, ("Mg", "Al", "O"))


def test_a_decorated_crystal_has_the_formula() -> None:
    crystal = placements(_whole("ZnCr2O4"), prototypes(atoms_max=20))[0].crystal()
    assert crystal.amounts == {"Zn": 2, "Cr": 4, "O": 8}


def test_the_pool_follows_the_wish() -> None:
    cubic = pool(DesignSpec(structure=StructureWish(space_groups=[227], atoms_max=14)))
    assert cubic
    assert {p.space_group for p in cubic} == {227}
    spinels = pool(
        DesignSpec(structure=StructureWish(prototype="spinel"), chemistry=Chemistry(elements_min=3))
    )
    assert [p.compound for p in spinels] == ["MgAl2O4"]
    assert pool(DesignSpec(structure=StructureWish(prototype="garnet"))) == ()
