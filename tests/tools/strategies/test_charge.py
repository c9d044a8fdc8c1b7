"""Charge balance: known compounds of every kind against compositions that nobody has made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.elements import SYMBOLS, parse_formula
from matsmith.tools.strategies.charge import NEUTRAL, charge_score


@pytest.mark.parametrize(
    "formula", ["MgO", "Al2O3", "LiCoO2", "BaTiO3", "MgAl2O4", "NaCl", "GaAs", "Si3N4", "CaF2"]
)
def test_ionic_compounds_score_highest(formula: str) -> None:
    assert charge_score(parse_formula(formula)) > 0.8


@pytest.mark.parametrize("formula", ["Ni3Al", "Cu", "NbSn3", "FeCo"])
def test_metals_are_not_judged(formula: str) -> None:
    assert charge_score(parse_formula(formula)) == 1.0


@pytest.mark.parametrize("formula", ["Fe3O4", "Mn3O4", "Co3O4", "Ti3O5"])
def test_mixed_valence_counts_as_balanced(formula: str) -> None:
    assert NEUTRAL <= charge_score(parse_formula(formula)) < charge_score({"Mg": 1, "O": 1})


@pytest.mark.parametrize("formula", ["LaB6", "CaC6", "CaB6", "B4C", "Ti2N", "Fe3C", "K2S5", "Na2O2"])
def test_bonds_between_atoms_of_one_element_lower_the_score_and_do_not_refuse(formula: str) -> None:
    assert 0.2 < charge_score(parse_formula(formula)) < NEUTRAL


@pytest.mark.parametrize("formula", ["MgO3", "Al2O", "NaCl2", "CaF3", "LiCl3", "SrAlO3"])
def test_what_no_states_balance_scores_least(formula: str) -> None:
    assert charge_score(parse_formula(formula)) < 0.2


def test_a_rare_state_scores_less_than_a_common_one() -> None:
    assert charge_score({"Hf": 1, "O": 2}) > charge_score({"Tm": 1, "Hf": 1, "O": 3})


def test_only_the_ratio_counts() -> None:
    assert charge_score({"Al": 4, "O": 6}) == charge_score({"O": 3, "Al": 2})


@given(
    st.dictionaries(
        st.sampled_from(SYMBOLS[:94]), st.integers(min_value=1, max_value=12), min_size=1, max_size=4
    )
)
def test_the_score_is_between_none_and_one_for_any_composition(amounts: dict[str, int]) -> None:
    assert 0.0 <= charge_score(amounts) <= 1.0
