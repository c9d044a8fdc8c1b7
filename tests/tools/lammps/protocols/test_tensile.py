"""Stress-strain curves: what is read off made ones, and a short test of aluminium."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from pydantic import ValidationError

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocols import tensile
from matsmith.tools.lammps.protocols.tensile import TensileArgs, read_curve

RunProtocol = Callable[..., Outcome]


def test_a_made_curve_is_read_as_it_was_made() -> None:
    strain = np.linspace(0, 0.2, 8001)
    # 100 GPa to 5 GPa, then hardening to 6 GPa at 12 %, then falling to nothing.
    stress = np.minimum(100 * strain, 5 + (strain - 0.05) / 0.07)
    stress = np.where(strain > 0.12, 6 * (1 - (strain - 0.12) / 0.04).clip(0), stress)
    noise = np.random.default_rng(0).normal(scale=0.05, size=len(strain))
    curve = read_curve(strain, stress + noise)
    assert curve.youngs_gpa == pytest.approx(100, abs=4)
    assert abs(curve.youngs_gpa - 100) < 4 * curve.youngs_sigma_gpa
    assert curve.proof_gpa == pytest.approx(5.0, abs=0.15)
    assert curve.strength_gpa == pytest.approx(6.0, abs=0.1)
    assert curve.strength_strain == pytest.approx(0.12, abs=0.004)
    assert curve.yielded


def _correlated(count: int, *, memory: float, seed: int) -> FloatArray:
    """Noise of unit scatter whose neighbours are alike."""
    shocks = np.random.default_rng(seed).normal(size=count)
    noise = np.empty(count)
    noise[0] = shocks[0]
    for place in range(1, count):
        noise[place] = memory * noise[place - 1] + math.sqrt(1 - memory**2) * shocks[place]
    return noise


def test_the_error_of_the_strength_knows_that_rows_are_alike() -> None:
    strain = np.linspace(0, 0.1, 4800)
    stress = 80 * strain * (1 - 2 * strain)
    noises = [_correlated(4800, memory=0.9, seed=seed) for seed in range(8)]
    told = [read_curve(strain, stress + 0.05 * noise).strength_sigma_gpa for noise in noises]
    # What means over 40 rows scatter by: nineteen rows count as one.
    real = [0.05 * np.std(noise.reshape(120, 40).mean(axis=1)) for noise in noises]
    assert np.mean(told) == pytest.approx(float(np.mean(real)), rel=0.3)


def test_the_largest_of_noisy_means_is_told_to_be_too_large() -> None:
    strain = np.linspace(0, 0.2, 4800)
    found: list[float] = []
    for seed in range(8):
        # Up to 5 GPa and flat from there: the strength is 5 GPa.
        stress = np.minimum(100 * strain, 5.0) + np.random.default_rng(seed).normal(scale=0.5, size=4800)
        curve = read_curve(strain, stress)
        excess = curve.strength_gpa - 5.0
        assert 0 < excess < curve.strength_bias_gpa + 2 * curve.strength_sigma_gpa
        found.append(excess / curve.strength_bias_gpa)
    assert 0.5 < np.mean(found) < 1.2


def test_a_curve_that_only_rises_has_no_yield() -> None:
    strain = np.linspace(0, 0.1, 4001)
    curve = read_curve(strain, 80 * strain)
    assert curve.proof_gpa is None
    assert not curve.yielded


def test_too_few_points_are_refused() -> None:
    with pytest.raises(DynamicsError) as refusal:
        read_curve(np.linspace(0, 0.1, 20), np.linspace(0, 8, 20))
    assert refusal.value.code == "too_few_points"


@pytest.mark.parametrize(
    "values", [{"direction": (0, 0, 0)}, {"rate_per_s": 1e13}, {"strain": 9}, {"temperature_k": -5}]
)
def test_absurd_arguments_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TensileArgs.model_validate({"element": "Al", **values})


def test_aluminium_is_drawn(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(
        tensile.TOOL,
        element="Al",
        potential="al_mm",
        size=100,
        temperature_k=20,
        rate_per_s=2e10,
        strain=0.06,
        warm_ps=1,
    )
    assert outcome.failure is None, outcome.failure
    assert 20 < outcome.quantities["youngs_modulus_along_direction"].value < 110
    strength = outcome.quantities["tensile_strength"].value
    assert strength > 1000
    # Force over the cross-section at first, which has narrowed: the stress in the specimen is larger.
    ratio = 1000 * cast("float", outcome.facts["true_stress_at_strength_gpa"]) / strength
    assert 1.01 < ratio < 1.12
    assert any("upper bounds" in warning for warning in outcome.warnings)
    # Drawn along x alone: across it the stress stays small beside that along it.
    assert cast("float", outcome.facts["mean_transverse_stress_gpa"]) < 1.0
