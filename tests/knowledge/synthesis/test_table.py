"""Published reactions by composition, and equations that balance."""

from __future__ import annotations

import pytest
from mined_reactions import REACTIONS

from matsmith.core.elements import parse_formula
from matsmith.core.reactions import precursor_amounts
from matsmith.knowledge.synthesis.balance import balanced_equation
from matsmith.knowledge.synthesis.mined import clean
from matsmith.knowledge.synthesis.table import SynthesisTable, reported_temperature

TABLE = SynthesisTable(clean(REACTIONS, route="solid state"))


def test_the_composition_itself_is_found_however_written() -> None:
    assert [one.reaction.doi for one in TABLE.of("Ba2Ti2O6")] == [
        one.reaction.doi for one in TABLE.of("TiBaO3")
    ]
    assert len(TABLE.of("BaTiO3")) == 3
    assert TABLE.of("SrTiO3") == []


def test_the_nearest_are_like_it_and_of_different_papers() -> None:
    near = TABLE.nearest("Ba0.95Sr0.05TiO3", count=4)
    assert near[0].formula in ("BaTiO3", "Ba0.9Sr0.1TiO3")
    assert near[0].distance < near[-1].distance
    assert len({one.reaction.doi for one in near}) == 4
    # Ca lies nearer to Sr than to Li on the scale.
    assert TABLE.nearest("CaTiO3", count=1)[0].formula != "LiFePO4"


def test_a_reported_temperature_is_the_median_over_papers() -> None:
    found = reported_temperature(TABLE, "BaTiO3", "calcination")
    assert found is not None
    assert (found.temperature_c, found.papers) == (1050.0, 3)
    assert (found.lowest_c, found.highest_c) == (1000.0, 1100.0)
    one = reported_temperature(TABLE, "BaTiO3", "sintering")
    assert one is not None
    assert one.papers == 1
    assert one.sigma_c > found.sigma_c
    assert reported_temperature(TABLE, "LiFePO4", "calcination") is None


@pytest.mark.parametrize(
    ("target", "precursors", "expected"),
    [
        ("BaTiO3", ["BaCO3", "TiO2"], "BaCO3 + TiO2 -> BaTiO3 + CO2"),
        ("Li7La3Zr2O12", ["Li2CO3", "La2O3", "ZrO2"], "3.5 Li2CO3 + 1.5 La2O3 + 2 ZrO2 -> Li7La3Zr2O12 + 3.5 CO2"),
        ("LiCoO2", ["Li2CO3", "Co3O4"], "0.5 Li2CO3 + 0.3333 Co3O4 + 0.0833 O2 -> LiCoO2 + 0.5 CO2"),
        ("MgO", ["Mg(NO3)2·6H2O"], "Mg(NO3)2·6H2O -> MgO + 6 H2O + 2 NO2 + 0.5 O2"),
    ],
)  # fmt: skip
def test_equations(target: str, precursors: list[str], expected: str) -> None:
    assert balanced_equation(target, precursors) == expected


def test_every_equation_conserves_atoms() -> None:
    for target, precursors in (
        ("LiFePO4", ["Li2CO3", "FeC2O4·2H2O", "NH4H2PO4"]),
        ("La0.8Sr0.2MnO3", ["La2O3", "SrCO3", "MnO2"]),
        ("LiMn2O4", ["LiNO3", "Mn(CH3COO)2·4H2O"]),
    ):
        equation = balanced_equation(target, precursors)
        assert equation is not None
        sides = [_atoms(side) for side in equation.split(" -> ")]
        for symbol in set(sides[0]) | set(sides[1]):
            assert sides[0].get(symbol, 0.0) == pytest.approx(sides[1].get(symbol, 0.0), abs=2e-3)


def _atoms(side: str) -> dict[str, float]:
    total: dict[str, float] = {}
    for term in side.split(" + "):
        count, _, name = term.rpartition(" ")
        for symbol, amount in (precursor_amounts(name, with_water=True) or parse_formula(name)).items():
            total[symbol] = total.get(symbol, 0.0) + float(count or 1) * amount
    return total


def test_what_cannot_be_balanced_is_none() -> None:
    assert balanced_equation("BaTiO3", ["BaCO3", "ZrO2"]) is None
    assert balanced_equation("BaTiO3", ["barium salt", "TiO2"]) is None
