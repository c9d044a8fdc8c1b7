"""Conductivities from profiles and currents whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matsmith.core.errors import ToolError
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.heat_transport import WATT_PER_METRE_KELVIN, endless, flow_of, fluctuation_of


def _profiles(gradient_k_per_angstrom: float, *, noise_k: float, drift_k: float = 0.0) -> FloatArray:
    """Temperatures (24, 20) that rise from the first bin of a cell of 100 Å to the middle one and fall again."""
    away = np.minimum(np.arange(20), 20 - np.arange(20)) * 5.0
    rng = np.random.default_rng(0)
    rows = 300.0 + gradient_k_per_angstrom * away[None] + rng.normal(scale=noise_k, size=(24, 20))
    return rows + drift_k * np.linspace(0, 1, 24)[:, None] * away[None] / 50.0


def test_fourier_s_law_is_found_again() -> None:
    times = np.linspace(0, 50, 40)
    found = flow_of(
        _profiles(0.8, noise_k=1.0),
        exchanged_ev=0.3 * times,
        times_ps=times,
        length_angstrom=100.0,
        area_angstrom2=400.0,
    )
    exact = 0.3 / (2 * 400.0) / 0.8 * WATT_PER_METRE_KELVIN
    assert found.conductivity_w_per_m_k == pytest.approx(exact, rel=0.02)
    assert abs(found.conductivity_w_per_m_k - exact) < 4 * found.sigma_w_per_m_k
    assert found.steady
    assert found.span_k == pytest.approx(0.8 * 30, rel=0.05)


def test_a_profile_that_still_steepens_is_not_steady() -> None:
    times = np.linspace(0, 50, 40)
    found = flow_of(
        _profiles(0.8, noise_k=0.3, drift_k=20.0),
        exchanged_ev=0.3 * times,
        times_ps=times,
        length_angstrom=100.0,
        area_angstrom2=400.0,
    )
    assert not found.steady


def test_a_current_that_forgets_exponentially_gives_its_integral() -> None:
    step, memory, spread = 0.02, 0.4, 3.0
    rng = np.random.default_rng(1)
    decay = math.exp(-step / memory)
    currents = np.empty((60000, 3))
    currents[0] = spread * rng.normal(size=3)
    kicks = spread * math.sqrt(1 - decay**2) * rng.normal(size=currents.shape)
    for place in range(1, len(currents)):
        currents[place] = decay * currents[place - 1] + kicks[place]
    found = fluctuation_of(
        currents, step_ps=step, volume_angstrom3=20000.0, temperature_k=90.0, longest_ps=6.0
    )
    exact = WATT_PER_METRE_KELVIN * spread**2 * memory / (20000.0 * BOLTZMANN_EV_PER_K * 90.0**2)
    assert found.conductivity_w_per_m_k == pytest.approx(exact, rel=0.1)
    assert abs(found.conductivity_w_per_m_k - exact) < 4 * found.sigma_w_per_m_k
    assert found.resolved
    assert 3 * memory < found.plateau_ps < 6.0
    assert found.correlation[0] == 1.0
    assert found.correlation[round(memory / step)] == pytest.approx(math.exp(-1), abs=0.05)


def test_longer_cells_lead_to_the_endless_crystal() -> None:
    lengths = np.array([50.0, 100.0, 150.0])
    values = 1 / (1 / 8.0 + 10.0 / lengths)
    found = endless(lengths, values, 0.02 * values)
    assert found is not None
    assert found.conductivity_w_per_m_k == pytest.approx(8.0)
    assert found.sigma_w_per_m_k > 0
    assert endless(lengths, np.array([1.0, 2.5, 5.0]), np.array([0.1, 0.1, 0.1])) is None


def test_too_short_runs_are_refused() -> None:
    with pytest.raises(ToolError):
        fluctuation_of(
            np.ones((50, 3)), step_ps=0.02, volume_angstrom3=1.0, temperature_k=90.0, longest_ps=6.0
        )
    with pytest.raises(ToolError):
        flow_of(
            _profiles(0.8, noise_k=0.3)[:, :8],
            exchanged_ev=np.arange(9.0),
            times_ps=np.arange(9.0),
            length_angstrom=100.0,
            area_angstrom2=400.0,
        )
