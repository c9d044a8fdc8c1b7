"""Relaxation, expansion and heat capacity: the analysis on made series, and small real runs against known values."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]
from pydantic import ValidationError
from statistical_errors import statistical

from matsmith.core.record import Outcome
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.tools.lammps.heating import HeatingArgs
from matsmith.tools.lammps.protocols import expansion, heat_capacity, minimise
from matsmith.tools.lammps.protocols.expansion import expansion_at
from matsmith.tools.lammps.protocols.heat_capacity import heat_capacity_at
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.states import State, held
from matsmith.tools.lammps.statistics import Average
from matsmith.tools.lammps.structures import repeated

RunProtocol = Callable[..., Outcome]
Simulate = Callable[..., Simulation]


def test_expansion_is_the_slope_at_the_temperature() -> None:
    temperatures = np.linspace(100, 900, 9)
    lengths = 3.6 * (1 + 1.5e-5 * temperatures + 4e-9 * temperatures**2)
    sigma = np.full(9, 1e-5)
    noisy = lengths + np.random.default_rng(0).normal(scale=1e-5, size=9)
    found = expansion_at(400.0, temperatures_k=temperatures, lengths_angstrom=noisy, sigma_angstrom=sigma)
    exact = 3.6 * (1.5e-5 + 8e-9 * 400) / float(np.interp(400, temperatures, lengths))
    assert found.alpha_per_k == pytest.approx(exact, rel=0.01)
    assert abs(found.alpha_per_k - exact) < 4 * found.alpha_sigma_per_k
    assert found.misfit < 3


def test_points_off_the_curve_widen_the_error() -> None:
    temperatures, sigma = np.linspace(100, 900, 9), np.full(9, 1e-5)
    lengths = 3.6 * (1 + 1.5e-5 * temperatures)
    still = expansion_at(400.0, temperatures_k=temperatures, lengths_angstrom=lengths, sigma_angstrom=sigma)
    jumping = lengths + 5e-4 * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])
    found = expansion_at(400.0, temperatures_k=temperatures, lengths_angstrom=jumping, sigma_angstrom=sigma)
    assert found.misfit > 20
    assert found.alpha_sigma_per_k > 20 * still.alpha_sigma_per_k


def _state(temperature_k: float, *, slope_ev_per_k: float, fluctuation_ev_per_k: float) -> State:
    enthalpy = Average(
        mean=-3.5 + slope_ev_per_k * temperature_k, sigma=1e-5, samples=1000, inefficiency=2.0, resolved=True
    )
    made: Any = SimpleNamespace(
        temperature_k=temperature_k, enthalpy_ev=enthalpy, heat_capacity_ev_per_k=fluctuation_ev_per_k
    )
    return cast("State", made)


def test_heat_capacity_by_two_ways() -> None:
    classical = 3 * BOLTZMANN_EV_PER_K
    good = [
        _state(t, slope_ev_per_k=classical, fluctuation_ev_per_k=1.05 * classical) for t in (200, 300, 400)
    ]
    found = heat_capacity_at(300.0, states=good)
    assert found.slope_ev_per_k == pytest.approx(classical)
    assert found.agree
    bad = [_state(t, slope_ev_per_k=classical, fluctuation_ev_per_k=4 * classical) for t in (200, 300, 400)]
    assert not heat_capacity_at(300.0, states=bad).agree


@pytest.mark.parametrize("asked", [300.0, 600.0, 900.0])
def test_heat_capacity_is_the_slope_at_the_temperature_asked_for(asked: float) -> None:
    # c = 3k (1 + 2e-4 T), so that the mean over the ladder is that of 600 K.
    classical = 3 * BOLTZMANN_EV_PER_K
    states: list[State] = []
    for t in (300.0, 500.0, 700.0, 900.0):
        there = classical * (1 + 1e-4 * t)
        states.append(_state(t, slope_ev_per_k=there, fluctuation_ev_per_k=classical))
    found = heat_capacity_at(asked, states=states)
    exact = classical * (1 + 2e-4 * asked)
    assert found.slope_ev_per_k == pytest.approx(exact, rel=1e-6)
    # At an end of the ladder less is known than in its middle.
    middle = heat_capacity_at(600.0, states=states)
    assert found.sigma_ev_per_k >= middle.sigma_ev_per_k
    assert found.misfit == pytest.approx(0, abs=1e-3)


def test_edges_of_an_oblique_cell_are_its_own(simulate: Simulate) -> None:
    atoms = repeated(bulk("Mg", "hcp", a=3.2, c=5.2), (4, 4, 3))
    state = held(simulate(atoms), "hold", temperature_k=100, length_ps=1.0, shape="tri", start_k=200)
    edges = state.lengths_angstrom
    assert edges == pytest.approx(np.array(atoms.cell.lengths()), rel=0.02)
    assert edges[1] == pytest.approx(edges[0], rel=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperatures_k": [200, 300]},
        {"temperatures_k": [300, 300, 300]},
        {"temperatures_k": [400, 500, 600]},
        {"temperatures_k": [200, 300, 1e7]},
        {"temperature_k": 0},
        {"length_ps": 1e9},
        {"temperature_k": float("nan")},
        {"pressure_gpa": 1e6},
    ],
)
def test_absurd_temperatures_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HeatingArgs.model_validate({"element": "Cu", "temperature_k": 300, **wrong})


def test_without_temperatures_five_stand_about_the_answer() -> None:
    assert HeatingArgs(element="Cu", temperature_k=600).ladder_k == (400.0, 500.0, 600.0, 700.0, 800.0)
    assert min(HeatingArgs(element="Ar", temperature_k=20).ladder_k) == 10.0


def test_copper_relaxes_to_the_published_crystal(run_protocol: RunProtocol) -> None:
    found = run_protocol(minimise.TOOL, element="Cu", potential="cu_mishin1")
    # Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 3.615 Å, -3.54 eV.
    assert found.quantities["lattice_parameter"].value == pytest.approx(3.615, abs=0.001)
    assert found.quantities["potential_energy"].value == pytest.approx(-3.54, abs=0.002)
    assert found.crystal is not None
    assert found.crystal.formula == "Cu"
    squeezed = run_protocol(minimise.TOOL, element="Cu", potential="cu_mishin1", pressure_gpa=1.4)
    # A bulk modulus of 138 GPa gives about one per cent.
    ratio = squeezed.quantities["volume_per_atom"].value / found.quantities["volume_per_atom"].value
    assert ratio == pytest.approx(1 - 1.4 / 138.4, abs=0.001)


def test_argon_expands_and_holds_classical_heat(run_protocol: RunProtocol) -> None:
    asked = {
        "element": "Ar",
        "temperature_k": 30,
        "temperatures_k": [20, 30, 40],
        "size": 108,
        "length_ps": 24,
    }
    grown = run_protocol(expansion.TOOL, **asked)
    alpha = grown.quantities["thermal_expansion_at_temperature"]
    # Argon, classical: about 5e-4 1/K at 30 K.
    assert 3e-4 < alpha.value < 8e-4
    assert statistical(grown, "thermal_expansion_at_temperature") < 1e-4 < alpha.sigma
    assert grown.quantities["lattice_parameter"].value == pytest.approx(5.4, abs=0.12)
    assert "traces" in grown.facts
    assert any("classical" in each for each in grown.warnings)
    warm = run_protocol(heat_capacity.TOOL, **asked)
    # Three k an atom, and a little more by expansion, at constant pressure.
    assert 2.8 < cast("float", warm.facts["in_units_of_k_per_atom"]) < 3.9
    again = run_protocol(heat_capacity.TOOL, **asked)
    assert again.quantities == warm.quantities


def test_a_crystal_above_its_melting_point_is_a_typed_failure(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        expansion.TOOL,
        element="Ar",
        temperature_k=140,
        temperatures_k=[130, 140, 150],
        size=108,
        length_ps=40,
        pressure_gpa=0.1,
    )
    assert found.failure is not None
    assert found.failure.code in ("molten", "evaporated")
