from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.models.lbfgs import LimitedMemoryBFGS, cell_length_angstrom, displaced, symmetric_exponential
from matsmith.models.potentials.interface import CrystalArrays


def crystal() -> CrystalArrays:
    return CrystalArrays(
        numbers=np.array([11, 17]),
        frac_coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]),
        lattice_angstrom=4.0 * np.eye(3),
    )


@given(values=st.lists(st.floats(-0.5, 0.5), min_size=9, max_size=9))
@settings(deadline=None)
def test_exponential_of_strain(values: list[float]) -> None:
    half = np.array(values).reshape(3, 3)
    strain = half + half.T
    exponential: Any = scipy.linalg.expm(strain)  # pyright: ignore[reportUnknownVariableType]
    np.testing.assert_allclose(symmetric_exponential(strain), exponential, rtol=1e-10, atol=1e-12)


def test_traceless_strain_keeps_the_volume_and_the_fractions() -> None:
    before = crystal()
    step = np.zeros(15)
    step[6:] = np.diag([0.1, -0.04, -0.06]).ravel()
    after = displaced(before, step)
    assert after.volume_angstrom3 == pytest.approx(64.0, rel=1e-12)
    np.testing.assert_allclose(after.frac_coords, before.frac_coords)
    assert after.lattice_angstrom[0, 0] == pytest.approx(4 * np.exp(0.1 / cell_length_angstrom(2)))


def test_displacements_are_in_angstrom() -> None:
    step = np.zeros(15)
    step[3] = 0.1
    np.testing.assert_allclose(displaced(crystal(), step).frac_coords[1], [0.525, 0.5, 0.5])


def minimise(stiffness: np.ndarray[tuple[int, ...], np.dtype[np.float64]], *, steps: int) -> float:
    """Distance of atom 1 from the middle after so many steps in a harmonic well around it."""
    start = crystal()
    optimiser = LimitedMemoryBFGS(
        crystal=CrystalArrays(
            numbers=start.numbers,
            frac_coords=start.frac_coords + np.array([[0, 0, 0], [0.05, -0.04, 0.03]]),
            lattice_angstrom=start.lattice_angstrom,
        )
    )
    trial = optimiser.crystal
    for _ in range(steps):
        gap = (trial.frac_coords[1] - 0.5) * 4.0
        gradient = np.zeros(15)
        gradient[3:6] = stiffness * gap
        if not optimiser.accept(
            trial, objective_ev=float(0.5 * stiffness @ gap**2), gradient=gradient, slack_ev=0.0
        ):
            optimiser.reject()
        trial = optimiser.propose()
    return float(np.linalg.norm((optimiser.crystal.frac_coords[1] - 0.5) * 4.0))


def test_reaches_the_bottom_of_a_stretched_bowl() -> None:
    assert minimise(np.array([80.0, 2.0, 15.0]), steps=25) < 1e-4


def test_a_step_that_climbs_is_taken_back() -> None:
    optimiser = LimitedMemoryBFGS(crystal=crystal())
    gradient = np.zeros(15)
    gradient[3] = 1.0
    assert optimiser.accept(optimiser.crystal, objective_ev=0.0, gradient=gradient, slack_ev=1e-3)
    first = optimiser.propose()
    assert not optimiser.accept(first, objective_ev=1.0, gradient=gradient, slack_ev=1e-3)
    optimiser.reject()
    second = optimiser.propose()
    full, half = (abs(float(c.frac_coords[1, 0]) - 0.5) for c in (first, second))
    assert half == pytest.approx(full / 2, rel=1e-6)
    assert optimiser.objective_ev == 0.0
    assert not optimiser.accept(second, objective_ev=float("nan"), gradient=gradient, slack_ev=1e-3)
