"""The bend of a cooling curve where it is known, and argon quenched for real."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocols import glass
from matsmith.tools.lammps.protocols.glass import GlassArgs, transition_of

RunProtocol = Callable[..., Outcome]


def test_the_bend_is_found_where_it_is() -> None:
    temperatures = np.linspace(1500, 300, 300)
    volume = 15.0 + 5e-4 * np.minimum(temperatures - 700, 0) + 1.4e-3 * np.maximum(temperatures - 700, 0)
    noisy = volume + np.random.default_rng(0).normal(scale=0.02, size=300)
    found = transition_of(temperatures, noisy)
    assert found.temperature_k == pytest.approx(700, abs=30)
    assert abs(found.temperature_k - 700) < 4 * found.sigma_k
    assert found.clear
    assert found.slope_below == pytest.approx(5e-4, rel=0.2)
    assert found.slope_above == pytest.approx(1.4e-3, rel=0.1)


def test_a_straight_curve_has_no_bend() -> None:
    temperatures = np.linspace(1500, 300, 300)
    noisy = 15 + 1e-3 * temperatures + np.random.default_rng(0).normal(scale=0.02, size=300)
    assert not transition_of(temperatures, noisy).clear
    with pytest.raises(DynamicsError, match="too short"):
        transition_of(temperatures[:10], noisy[:10])


def test_quenching_goes_downwards() -> None:
    with pytest.raises(ValidationError):
        GlassArgs(element="Ar", from_k=100, to_k=200)


def test_argon_quenched_fast_enough_is_a_glass(run_protocol: RunProtocol) -> None:
    found = run_protocol(
        glass.TOOL,
        element="Ar",
        from_k=95,
        to_k=15,
        rate_k_per_ps=20.0,
        size=108,
        length_ps=6,
        cutoff_angstrom=8,
    )
    assert found.failure is None
    # Between the melt and the crystal at no pressure.
    assert 1.4 < found.quantities["glass_density"].value < 1.72
    assert 11 < found.quantities["coordination_number"].value < 15
    assert found.facts["crystalline"] is False
    assert any("laboratory" in each for each in found.warnings)
