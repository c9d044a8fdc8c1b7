"""Harmonic thermodynamics: exact limits, known solids, and what takes no part."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import UsageError
from matsmith.models.vibrational import BOLTZMANN_EV_PER_K, PLANCK_EV_PER_THZ, Spectrum

GAS_CONSTANT = 8.314462618


def einstein(frequency_thz: float) -> Spectrum:
    """A solid whose atoms all swing with one frequency."""
    return Spectrum(frequencies_thz=np.full((2, 6), frequency_thz), weights=np.array([1.0, 3.0]))


@settings(deadline=None)
@given(st.floats(0.5, 40), st.floats(5, 2000))
def test_the_einstein_solid_is_exact(frequency: float, temperature: float) -> None:
    x = PLANCK_EV_PER_THZ * frequency / (BOLTZMANN_EV_PER_K * temperature)
    solid = einstein(frequency)
    if x < 600:
        heat = 3 * GAS_CONSTANT * x**2 * math.exp(-x) / (1 - math.exp(-x)) ** 2
        assert solid.heat_capacity_j_per_mol_atoms_k(temperature) == pytest.approx(heat, rel=1e-6, abs=1e-9)
    free = 3 * (
        PLANCK_EV_PER_THZ * frequency / 2 + BOLTZMANN_EV_PER_K * temperature * math.log1p(-math.exp(-x))
    )
    assert solid.free_energy_ev_per_atom(temperature) == pytest.approx(free, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.2, 30), min_size=3, max_size=12), st.floats(20, 1500))
def test_entropy_is_the_slope_of_the_free_energy(frequencies: list[float], temperature: float) -> None:
    solid = Spectrum(
        frequencies_thz=np.array(frequencies[: len(frequencies) // 3 * 3])[None], weights=np.ones(1)
    )
    step = 0.01 * temperature
    slope = (
        solid.free_energy_ev_per_atom(temperature - step) - solid.free_energy_ev_per_atom(temperature + step)
    ) / (2 * step)
    assert solid.entropy_j_per_mol_atoms_k(temperature) == pytest.approx(
        96485.33212 * slope, rel=2e-3, abs=1e-4
    )


def test_hot_solids_follow_dulong_and_petit_and_cold_ones_have_nothing() -> None:
    solid = einstein(8.0)
    assert solid.heat_capacity_j_per_mol_atoms_k(5000) == pytest.approx(3 * GAS_CONSTANT, rel=1e-3)
    assert solid.heat_capacity_j_per_mol_atoms_k(0) == 0
    assert solid.entropy_j_per_mol_atoms_k(0) == 0
    assert solid.free_energy_ev_per_atom(0) == pytest.approx(1.5 * 8 * PLANCK_EV_PER_THZ)


def test_imaginary_and_still_modes_take_no_part() -> None:
    whole = einstein(8.0)
    spoilt = whole.frequencies_thz.copy()
    spoilt[0, 0], spoilt[1, 1] = -3.0, 0.001
    other = Spectrum(frequencies_thz=spoilt, weights=whole.weights)
    assert other.free_energy_ev_per_atom(300) == pytest.approx(whole.free_energy_ev_per_atom(300))
    assert other.imaginary_share(0.3) == pytest.approx(1 / 24)
    assert other.imaginary_share(3.5) == 0
    assert other.lowest_thz == -3.0
    with pytest.raises(UsageError, match="real frequency"):
        Spectrum(frequencies_thz=np.full((1, 3), -1.0), weights=np.ones(1)).free_energy_ev_per_atom(300)


def test_states_sum_up_to_all_modes() -> None:
    generator = np.random.default_rng(0)
    solid = Spectrum(frequencies_thz=generator.uniform(1, 10, size=(20, 9)), weights=np.ones(20))
    grid, states = solid.density_of_states(points=2000)
    assert float(np.trapezoid(states, grid)) == pytest.approx(9, rel=1e-3)


def test_stiffer_atoms_swing_less() -> None:
    # An Einstein solid far above its temperature: <u²> = 3 k T / (m omega²).
    mass, frequency, temperature = 63.546, 3.0, 2000.0
    omega = 2 * math.pi * frequency * 1e12
    classical = 3 * 1.380649e-23 * temperature / (mass * 1.66053906660e-27 * omega**2) * 1e20
    found = einstein(frequency).mean_square_displacement_angstrom2(temperature, mass_g_per_mol=mass)
    assert found == pytest.approx(classical, rel=1e-3)
    assert einstein(6.0).mean_square_displacement_angstrom2(temperature, mass_g_per_mol=mass) < found / 3
    assert einstein(6.0).mean_square_displacement_angstrom2(0, mass_g_per_mol=mass) > 0


def test_misshapen_spectra_are_refused() -> None:
    with pytest.raises(UsageError, match="shape"):
        Spectrum(frequencies_thz=np.ones((2, 4)), weights=np.ones(2))
    with pytest.raises(UsageError, match="weight"):
        Spectrum(frequencies_thz=np.ones((2, 3)), weights=np.ones(3))
