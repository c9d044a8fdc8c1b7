"""Diffusivities of walks whose own is known, bounds where nothing moves, Arrhenius' law, and a host that melts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.models.diffusion_statistics import (
    FEWEST_HOPS,
    Diffusion,
    arrhenius,
    diffusion,
    displacement,
    host_motion,
    nearest_distances_angstrom,
    pooled,
    relative_positions,
)
from matsmith.models.potentials.interface import FloatArray
from matsmith.models.trajectories import Trajectory

FRAME_FS = 20.0


def walk(
    frames: int, ions: int, *, hop: float, rate_per_fs: float, shake: float = 0.2, seed: int = 0
) -> FloatArray:
    """Ions that hop by `hop` in any direction at a rate, and vibrate: D = rate · hop² / 6."""
    generator = np.random.default_rng(seed)
    count = generator.poisson(rate_per_fs * FRAME_FS, size=(frames, ions))
    steps = np.zeros((frames, ions, 3))
    for frame, ion in np.argwhere(count > 0):
        directions = generator.standard_normal((count[frame, ion], 3))
        steps[frame, ion] = (hop * directions / np.linalg.norm(directions, axis=1, keepdims=True)).sum(axis=0)
    return np.cumsum(steps, axis=0) + shake * generator.standard_normal((frames, ions, 3))


def measured(positions: FloatArray, *, hop: float = 2.5) -> Diffusion:
    moved = displacement(positions, frame_fs=FRAME_FS)
    return diffusion(moved, ions=positions.shape[1], hop_angstrom=hop, temperature_k=1000.0)


def test_a_walk_gives_its_own_diffusivity_within_its_error() -> None:
    rate = 1e-3  # one hop a picosecond
    true = rate * 2.5**2 / 6 * 0.1
    errors: list[float] = []
    for seed in range(30):
        found = measured(walk(500, 24, hop=2.5, rate_per_fs=rate, seed=seed))
        assert found.resolved
        errors.append((found.value_cm2_per_s - true) / found.sigma_cm2_per_s)
        assert found.hops == pytest.approx(24 * 10, rel=0.8)
    assert abs(np.mean(errors)) < 0.5
    assert 0.4 < np.std(errors) < 1.6


def test_ions_that_only_vibrate_get_a_bound_that_holds() -> None:
    found = measured(walk(500, 24, hop=2.5, rate_per_fs=0.0))
    assert not found.resolved
    assert found.hops < 1
    # Three hops at most, in one case of twenty more: 3 a² / 6 N t.
    assert found.bound_cm2_per_s == pytest.approx(3.0 * 2.5**2 / (6 * 24 * 10_000) * 0.1, rel=0.5)


def test_the_bound_lies_above_the_truth_nearly_always() -> None:
    rate = 4e-6  # about one hop of all 24 ions in ten picoseconds
    true = rate * 2.5**2 / 6 * 0.1
    found = [measured(walk(500, 24, hop=2.5, rate_per_fs=rate, seed=seed)) for seed in range(40)]
    assert sum(each.bound_cm2_per_s >= true for each in found) >= 36
    assert sum(each.resolved for each in found) <= 2


def test_more_trajectories_narrow_the_error() -> None:
    walks = [walk(300, 12, hop=2.5, rate_per_fs=1e-3, seed=seed) for seed in range(8)]
    one = measured(walks[0])
    moved = pooled([displacement(each, frame_fs=FRAME_FS) for each in walks])
    eight = diffusion(moved, ions=96, hop_angstrom=2.5, temperature_k=1000.0)
    assert eight.relative < one.relative
    assert eight.hops > 4 * one.hops


@given(shift=st.floats(-50, 50), drift=st.floats(-0.05, 0.05))
@settings(max_examples=20, deadline=None)
def test_a_drift_of_everything_is_no_diffusion(shift: float, drift: float) -> None:
    still = np.random.default_rng(2).normal(scale=0.1, size=(60, 6, 3)) + np.arange(6)[None, :, None] * 3.0
    moving = still + shift + drift * np.arange(60)[:, None, None]
    trajectory = Trajectory(
        numbers=np.array([3, 3, 8, 8, 8, 8]),
        lattice_angstrom=20.0 * np.eye(3),
        positions_angstrom=moving,
        frame_fs=FRAME_FS,
        temperature_k=300.0,
        mean_temperature_k=300.0,
        drift_ev_per_atom_per_ps=0.0,
    )
    frame = np.flatnonzero(trajectory.numbers == 8)
    held = displacement(relative_positions(trajectory, frame)[:, :2], frame_fs=FRAME_FS)
    assert float(held.mean_square_angstrom2.max()) < 0.3


def point(temperature_k: float, value: float, relative: float) -> Diffusion:
    return Diffusion(
        temperature_k=temperature_k,
        value_cm2_per_s=value,
        sigma_cm2_per_s=relative * value,
        bound_cm2_per_s=2 * value,
        hops=10 * FEWEST_HOPS,
        linear_share=0.9,
    )


@given(activation=st.floats(0.05, 1.5), ln_prefactor=st.floats(-12, -3))
def test_the_law_is_found_again(activation: float, ln_prefactor: float) -> None:
    points = [
        point(t, float(np.exp(ln_prefactor - activation / (8.617333262e-5 * t))), 0.1)
        for t in (700.0, 900.0, 1200.0)
    ]
    law = arrhenius(points)
    assert law.activation_ev == pytest.approx(activation, abs=1e-6)
    assert law.ln_prefactor == pytest.approx(ln_prefactor, abs=1e-5)
    inside, outside = law.at(900.0), law.at(300.0)
    assert inside[0] == pytest.approx(points[1].value_cm2_per_s, rel=1e-5)
    # Extrapolation costs.
    assert outside[1] > 3 * inside[1]


def test_points_off_the_line_widen_the_error() -> None:
    true = [1e-5, 3e-5, 6e-5]
    straight = arrhenius([point(t, v, 0.05) for t, v in zip((800, 1000, 1200), true, strict=True)])
    bent = arrhenius([point(t, v, 0.05) for t, v in zip((800, 1000, 1200), [1e-5, 9e-5, 6e-5], strict=True)])
    assert bent.activation_sigma_ev > 5 * straight.activation_sigma_ev


def test_a_melt_drifts_and_a_hot_crystal_does_not() -> None:
    lattice = 8.0 * np.eye(3)
    grid = np.stack(np.meshgrid(*[np.arange(4) * 2.0] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    numbers = np.full(64, 8)
    hot = grid + np.random.default_rng(3).normal(scale=0.15, size=(200, 64, 3))
    (solid,) = host_motion(hot, numbers=numbers, lattice_angstrom=lattice, host=["O"])
    assert solid.swing == pytest.approx(0.15 * np.sqrt(3) / 1.8, rel=0.25)
    assert solid.drift < 0.05
    walked = hot + np.cumsum(np.random.default_rng(4).normal(scale=0.08, size=(200, 64, 3)), axis=0)
    (melt,) = host_motion(walked, numbers=numbers, lattice_angstrom=lattice, host=["O"])
    assert melt.drift > 0.35


def test_ions_that_run_between_the_atoms_of_a_wide_host_do_not_make_it_a_melt() -> None:
    # As in α-AgI: iodine 4.4 Å apart swings widely about its places, silver comes as near as 2.6 Å.
    draw = np.random.default_rng(5)
    lattice = 13.2 * np.eye(3)
    grid = np.stack(np.meshgrid(*[np.arange(3) * 4.4] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    frame = grid + draw.normal(scale=0.4, size=(200, 27, 3)) + np.linspace(0, 1, 200)[:, None, None] * draw.normal(scale=0.7, size=(27, 3))  # fmt: skip
    ions = grid + np.array([2.6, 0.0, 0.0]) + np.cumsum(draw.normal(scale=0.3, size=(200, 27, 3)), axis=0)
    both, numbers = np.concatenate([frame, ions], axis=1), np.array([53] * 27 + [47] * 27)
    (iodine,) = host_motion(both, numbers=numbers, lattice_angstrom=lattice, host=["I"])
    assert 0.1 < iodine.drift < 0.35
    alone = host_motion(frame, numbers=numbers[:27], lattice_angstrom=lattice, host=["I"])
    assert alone == [iodine]


def test_an_element_alone_has_no_host() -> None:
    numbers, lattice = np.full(2, 29), 3.6 * np.eye(3)
    assert host_motion(np.zeros((8, 2, 3)), numbers=numbers, lattice_angstrom=lattice, host=[]) == []


def test_nearest_distances_see_images() -> None:
    positions = np.array([[0.1, 0.0, 0.0], [7.9, 4.0, 4.0], [0.0, 4.0, 4.0]])
    np.testing.assert_allclose(
        nearest_distances_angstrom(positions, 8.0 * np.eye(3))[1:], [0.1, 0.1], atol=1e-9
    )
    np.testing.assert_allclose(nearest_distances_angstrom(np.zeros((1, 3)), 3.0 * np.eye(3)), [3.0])
