"""Decomposition, windows and reactions against measured temperatures and oxygen buffers; what is refused."""

from __future__ import annotations

import math

import pytest

from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError, UsageError
from matsmith.knowledge.thermochemistry.atmosphere import NAMED, Atmosphere, named
from matsmith.knowledge.thermochemistry.descriptor import gibbs_above_enthalpy
from matsmith.knowledge.thermochemistry.entropy import BOLTZMANN_EV_PER_K, mixing_entropy
from matsmith.knowledge.thermochemistry.equilibrium import UnbalancedAtmosphere, decomposition
from matsmith.knowledge.thermochemistry.formation import SolidGibbs, tabulated
from matsmith.knowledge.thermochemistry.reaction import read_reaction
from matsmith.knowledge.thermochemistry.transitions import (
    DecompositionTemperature,
    NeverStable,
    decomposition_temperature,
    state_at,
    window,
)


def solid(formula: str) -> SolidGibbs:
    found = tabulated(parse_formula(formula))
    assert found is not None
    return found


@pytest.mark.parametrize(
    # Measured, K: Baker 1962 (CaCO3), Halstead and Moore 1957 (Ca(OH)2), Otto 1966 (Ag2O), CRC Handbook (CuO, Co3O4 in air).
    ("formula", "gases", "measured"),
    [
        ("CaCO3", {}, 1170.0),
        ("Ca(OH)2", {}, 785.0),
        ("Ag2O", {}, 462.0),
        ("CuO", NAMED["dry air"], 1300.0),
        ("Co3O4", NAMED["dry air"], 1173.0),
    ],
)
def test_solids_decompose_where_they_were_seen_to(
    formula: str, gases: dict[str, float], measured: float
) -> None:
    found = decomposition_temperature(solid(formula), pressures_bar=gases)
    assert isinstance(found, DecompositionTemperature)
    assert found.temperature_k == pytest.approx(measured, abs=60)
    assert 5 < found.sigma_k < 100


def test_the_reaction_is_balanced_and_told() -> None:
    found = decomposition_temperature(solid("CaCO3"), pressures_bar={})
    assert isinstance(found, DecompositionTemperature)
    assert found.state.equation("CaCO3") == "CaCO3 -> CO2(g) + CaO(cr)"
    for symbol, amount in parse_formula("CaCO3").items():
        total = sum(count * one.amounts.get(symbol, 0.0) for one, count in found.state.products)
        assert total == pytest.approx(amount)


def test_salt_melts_where_it_melts() -> None:
    found = decomposition_temperature(solid("NaCl"), pressures_bar={})
    assert isinstance(found, DecompositionTemperature)
    assert found.state.melts
    assert found.temperature_k == pytest.approx(1074, abs=3)
    assert found.sigma_k == pytest.approx(0.01 * found.temperature_k)


def test_a_solid_that_takes_up_gas_when_cold_is_stable_from_some_temperature() -> None:
    found = decomposition_temperature(solid("Mn2O3"), pressures_bar=NAMED["dry air"])
    assert isinstance(found, DecompositionTemperature)
    assert 400 < found.stable_from_k < found.temperature_k
    metal = decomposition_temperature(solid("FeO"), pressures_bar=NAMED["dry air"], high_k=800.0)
    assert isinstance(metal, NeverStable)


@pytest.mark.parametrize(
    # log10 of the oxygen pressure of the pair at 1000 K by Frost 1991, Rev. Mineral. 25, 1.
    ("formula", "measured", "within"),
    [("NiO", -24930 / 1000 + 9.36, 0.3), ("Fe2O3", -25700.6 / 1000 + 14.558, 1.1)],
)
def test_oxygen_windows_end_where_buffers_stand(formula: str, measured: float, within: float) -> None:
    found = window(solid(formula), Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 1.0}))
    assert found is not None
    assert found.low == pytest.approx(measured, abs=within)
    assert found.high is None


def test_windows_are_in_the_order_of_ellingham() -> None:
    around = Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 1.0})
    lows: list[float] = []
    for formula in ("MgO", "Al2O3", "NiO", "Fe2O3", "CuO"):
        found = window(solid(formula), around)
        assert found is not None
        assert found.low is not None
        lows.append(found.low)
    assert lows == sorted(lows)


def test_one_window_ends_where_the_next_begins() -> None:
    around = Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 1.0})
    magnetite, hematite = window(solid("Fe3O4"), around), window(solid("Fe2O3"), around)
    assert magnetite is not None
    assert hematite is not None
    assert magnetite.high is not None
    assert magnetite.high == pytest.approx(hematite.low, abs=1e-3)


def test_the_excess_is_convex_in_the_logarithm_of_oxygen() -> None:
    places = [-30.0, -20.0, -10.0, 0.0]
    excess = [
        state_at(
            solid("Fe3O4"), Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 10.0**p})
        ).excess_kj_per_mol
        for p in places
    ]
    for left, middle, right in zip(excess, excess[1:], excess[2:], strict=False):
        assert middle <= 0.5 * (left + right) + 1e-6


def test_the_excess_scales_with_the_formula() -> None:
    around = Atmosphere(temperature_k=1200.0, pressures_bar={"O2": 1e-10})
    one = solid("CuO")
    double = SolidGibbs(amounts={s: 2 * n for s, n in one.amounts.items()}, source="", measured=True)
    assert state_at(double, around).excess_kj_per_mol == pytest.approx(
        2 * state_at(one, around).excess_kj_per_mol
    )
    assert state_at(double, around).excess_ev_per_atom == pytest.approx(
        state_at(one, around).excess_ev_per_atom
    )


def test_extra_competitors_count() -> None:
    around = Atmosphere(temperature_k=1000.0, pressures_bar={})
    oxide = solid("MgO")
    gibbs = oxide.gibbs_kj_per_mol(1000.0)
    alone = decomposition(oxide.amounts, gibbs_kj_per_mol=gibbs, atmosphere=around)
    rival = [({"Mg": 2.0, "O": 2.0}, "own formula", gibbs - 500), ({"Mg": 1.0, "O": 2.0}, "MgO2", -5000.0)]
    joined = decomposition(oxide.amounts, gibbs_kj_per_mol=gibbs, atmosphere=around, extra=rival)
    assert alone.excess_kj_per_mol < 0 < joined.excess_kj_per_mol
    assert "MgO2" in joined.equation("MgO")
    assert "own formula" not in joined.equation("MgO")


def test_gases_that_react_with_each_other_are_refused() -> None:
    around = Atmosphere(temperature_k=1000.0, pressures_bar={"O2": 0.2, "H2": 1.0, "H2O": 0.01})
    with pytest.raises(UnbalancedAtmosphere, match="react with each other"):
        state_at(solid("MgO"), around)


@pytest.mark.parametrize("temperature", [0.0, 150.0, 5000.0, math.nan])
def test_temperatures_beyond_the_tables_are_refused(temperature: float) -> None:
    with pytest.raises(UsageError, match="200 to 4000 K"):
        Atmosphere(temperature_k=temperature, pressures_bar={})


@pytest.mark.parametrize("pressure", [0.0, -1.0, 1e9, math.inf])
def test_pressures_that_cannot_be_held_are_refused(pressure: float) -> None:
    with pytest.raises(UsageError, match="cannot be held"):
        Atmosphere(temperature_k=300.0, pressures_bar={"O2": pressure})


def test_an_atmosphere_without_a_name_lists_the_names() -> None:
    with pytest.raises(UsageError, match="Named are air"):
        named("phlogiston", temperature_k=300.0)


def test_named_atmospheres_can_be_held() -> None:
    for name in NAMED:
        state_at(solid("MgO"), named(name, temperature_k=1000.0))


def test_a_reaction_is_balanced() -> None:
    reaction = read_reaction("Fe2O3 + CO -> Fe3O4 + CO2", temperature_k=298.15)
    assert reaction.text == "Fe2O3(cr) + 0.3333 CO(g) -> 0.6667 Fe3O4(cr) + 0.3333 CO2(g)"
    assert reaction.enthalpy(298.15) * 3 == pytest.approx(-47.2, abs=4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CaCO3", "is no reaction"),
        ("CaCO3 -> ", "is no reaction"),
        ("CaCO3 -> CaO", "cannot be balanced"),
        ("CaCO3 -> CaO + ?", "is no substance"),
        ("LaNiO3 -> La2O3 + Ni", "hold no LaNiO3"),
        ("C + O2 -> CO + CO2", "more than one way"),
    ],
)
def test_what_is_no_reaction_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        read_reaction(text, temperature_k=298.15)


def test_written_numbers_decide_where_there_is_a_choice() -> None:
    reaction = read_reaction("3 C + 2 O2 -> 2 CO + CO2", temperature_k=298.15)
    assert reaction.enthalpy(298.15) * 3 == pytest.approx(2 * -110.53 - 393.51, abs=0.5)


def test_the_descriptor_is_close_to_the_tables_and_ends_where_it_was_fitted() -> None:
    magnesia = solid("MgO")
    value = gibbs_above_enthalpy({"Mg": 1, "O": 1}, volume_angstrom3_per_atom=9.35, temperature_k=1000.0)
    table = (magnesia.gibbs_kj_per_mol(1000.0) + 601.6) / 2 / 96.485
    assert value == pytest.approx(table, abs=0.05)
    with pytest.raises(SpecError, match="fitted between"):
        gibbs_above_enthalpy({"Mg": 1, "O": 1}, volume_angstrom3_per_atom=9.35, temperature_k=2500.0)
    with pytest.raises(SpecError, match="compounds"):
        gibbs_above_enthalpy({"Mg": 1}, volume_angstrom3_per_atom=9.35, temperature_k=500.0)
    with pytest.raises(SpecError, match="volume"):
        gibbs_above_enthalpy({"Mg": 1, "O": 1}, volume_angstrom3_per_atom=0.0, temperature_k=500.0)


def test_the_entropy_of_mixing() -> None:
    half = mixing_entropy([(1, {"Cu": 0.5, "Au": 0.5})])
    assert half == pytest.approx(BOLTZMANN_EV_PER_K * math.log(2))
    assert mixing_entropy([(3, {"Mg": 1.0}), (1, {"O": 1.0})]) == pytest.approx(0.0)
    vacant = mixing_entropy([(1, {"Li": 0.5})])
    assert vacant == pytest.approx(2 * BOLTZMANN_EV_PER_K * math.log(2))
    for wrong in ([(1.0, {"Cu": 0.7, "Au": 0.5})], [(0.0, {"Cu": 1.0})], [(1.0, dict[str, float]())]):
        with pytest.raises(SpecError):
            mixing_entropy(wrong)
