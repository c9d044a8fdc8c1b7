"""Tabulated Gibbs energies: known entropies and enthalpies, thermodynamic identities, continuity, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import DataError
from matsmith.knowledge.thermochemistry.species import (
    Species,
    all_species,
    best_solid,
    gas,
    species_of,
    within,
)

ALL = all_species()


@pytest.mark.parametrize(
    # Standard entropies at 298.15 K and 1 bar, J/(mol K): CODATA key values (Cox, Wagman and Medvedev 1989).
    ("name", "entropy"),
    [
        ("O2", 205.152),
        ("N2", 191.609),
        ("H2", 130.680),
        ("H2O", 188.835),
        ("CO2", 213.785),
        ("CO", 197.660),
        ("SO2", 248.223),
        ("Cl2", 223.081),
    ],
)
def test_gases_have_their_entropy(name: str, entropy: float) -> None:
    assert 1000 * gas(name).entropy(298.15) == pytest.approx(entropy, abs=0.03)


@pytest.mark.parametrize(
    # Enthalpies of formation in kJ/mol and entropies in J/(mol K): CODATA, and NBS for NiO.
    ("formula", "enthalpy", "entropy"),
    [
        ("MgO", -601.6, 26.95),
        ("Al2O3", -1675.7, 50.92),
        ("SiO2", -910.7, 41.46),
        ("CaO", -634.92, 38.1),
        ("NiO", -239.7, 37.99),
        ("ZnO", -350.46, 43.65),
    ],
)
def test_solids_have_their_enthalpy_and_entropy(formula: str, enthalpy: float, entropy: float) -> None:
    solid = best_solid(formula, 298.15)
    assert solid is not None
    assert solid.enthalpy(298.15) == pytest.approx(enthalpy, abs=0.7)
    assert 1000 * solid.entropy(298.15) == pytest.approx(entropy, abs=0.3)


@given(st.sampled_from(ALL), st.floats(0.02, 0.98))
def test_gibbs_energy_falls_with_temperature_by_the_entropy(species: Species, share: float) -> None:
    interval = max(species.intervals, key=lambda one: one.high_k - one.low_k)
    temperature = interval.low_k + share * (interval.high_k - interval.low_k)
    step = 0.01
    slope = (species.gibbs(temperature + step) - species.gibbs(temperature - step)) / (2 * step)
    assert slope == pytest.approx(-species.entropy(temperature), rel=1e-3, abs=1e-4)


def test_elements_are_the_zero_of_enthalpy() -> None:
    for symbol in ("Fe", "Al", "Si", "Mg", "C"):
        solid = best_solid(symbol, 298.15)
        assert solid is not None
        assert solid.enthalpy(298.15) == pytest.approx(0.0, abs=0.02)


def test_a_gas_follows_its_pressure() -> None:
    oxygen = gas("O2")
    drop = oxygen.gibbs(1000.0) - oxygen.gibbs(1000.0, pressure_bar=1e-10)
    assert drop == pytest.approx(8.314462618e-3 * 1000 * 23.02585, rel=1e-6)
    solid = best_solid("MgO", 1000.0)
    assert solid is not None
    assert solid.gibbs(1000.0, pressure_bar=1e-10) == solid.gibbs(1000.0)


def test_the_stable_form_changes_with_temperature() -> None:
    cold, hot = best_solid("SiO2", 500.0), best_solid("SiO2", 1800.0)
    assert cold is not None
    assert hot is not None
    assert (cold.name, hot.name) == ("SiO2(a-qz)", "SiO2(b-crt)")


def test_beyond_the_table_a_curve_goes_on_with_the_heat_capacity_of_its_edge() -> None:
    (solid,) = species_of("CaCO3")
    edge = solid.high_k
    assert not solid.covers(edge + 100)
    heat = solid.intervals[-1].heat_capacity(edge)
    assert solid.enthalpy(edge + 100) - solid.enthalpy(edge) == pytest.approx(100 * heat)


def test_what_is_not_tabulated_is_said() -> None:
    with pytest.raises(DataError, match="no gas 'XeF9'"):
        gas("XeF9")
    with pytest.raises(DataError, match="0 K"):
        gas("O2").gibbs(0.0)
    assert best_solid("LaNiO3", 300.0) is None


def test_substances_of_some_elements() -> None:
    names = {species.name for species in within({"Mg", "O"}, phases=("solid", "gas"))}
    assert {"MgO(cr)", "Mg(cr)", "O2", "MgO"} <= names
    assert not any("Al" in name for name in names)
