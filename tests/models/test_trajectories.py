"""A run that was killed goes on as if it had not been; damaged and foreign checkpoints are begun anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from matsmith.models.dynamics import Replica
from matsmith.models.potentials.interface import ArrayPotential, Refusal
from matsmith.models.potentials.registry import entry_of, load
from matsmith.models.trajectories import Trajectory, TrajectorySettings, trajectories

SETTINGS = TrajectorySettings(time_step_fs=2.0, equilibration_fs=200.0, length_fs=400.0)


class Killed(RuntimeError):
    """Stands for the signal."""


@pytest.fixture(scope="module")
def metals() -> ArrayPotential:
    return load(entry_of("emt"), device="cpu")


def replicas() -> list[Replica]:
    half = 3.61 / 2
    copper = Structure([[0, half, half], [half, 0, half], [half, half, 0]], ["Cu"], [[0, 0, 0]])
    cell = copper * (2, 1, 1)
    return [Replica.at_temperature(cell, temperature_k=t, seed=int(t)) for t in (300.0, 700.0)]


def positions(found: list[Trajectory | Refusal]) -> list[np.ndarray]:
    assert all(isinstance(each, Trajectory) for each in found)
    return [each.positions_angstrom for each in found if isinstance(each, Trajectory)]


def test_a_killed_run_goes_on_bit_for_bit(metals: ArrayPotential, tmp_path: Path) -> None:
    whole = trajectories(replicas(), potential=metals, settings=SETTINGS)
    file = tmp_path / "deep" / "run.npz"
    told: list[int] = []

    def kill(done: int, total: int) -> None:
        told.append(done)
        assert total == 300
        if done == 200:
            raise Killed

    with pytest.raises(Killed):
        trajectories(
            replicas(), potential=metals, settings=SETTINGS, checkpoint=file, fingerprint="a", tell=kill
        )
    resumed = trajectories(
        replicas(),
        potential=metals,
        settings=SETTINGS,
        checkpoint=file,
        fingerprint="a",
        tell=lambda done, total: told.append(done),
    )
    assert told == [100, 200, 300]
    for one, other in zip(positions(whole), positions(resumed), strict=True):
        assert one.shape == (20, 2, 3)
        np.testing.assert_array_equal(one, other)
    # A finished run answers without a step.
    again = trajectories(
        replicas(),
        potential=metals,
        settings=SETTINGS,
        checkpoint=file,
        fingerprint="a",
        tell=lambda done, total: told.append(done),
    )
    assert told == [100, 200, 300]
    np.testing.assert_array_equal(positions(again)[0], positions(whole)[0])


@pytest.mark.parametrize("harm", ["cut", "text", "foreign", "absent"])
def test_a_checkpoint_that_does_not_serve_is_begun_anew(
    metals: ArrayPotential, tmp_path: Path, harm: str
) -> None:
    file = tmp_path / "run.npz"
    short = TrajectorySettings(time_step_fs=2.0, equilibration_fs=0.0, length_fs=200.0)
    first = trajectories(replicas(), potential=metals, settings=short, checkpoint=file, fingerprint="a")
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:2000])
    elif harm == "text":
        file.write_text("nothing", encoding="utf-8")
    elif harm == "absent":
        file.unlink()
    told: list[int] = []
    again = trajectories(
        replicas(),
        potential=metals,
        settings=short,
        checkpoint=file,
        fingerprint="b" if harm == "foreign" else "a",
        tell=lambda done, total: told.append(done),
    )
    assert told == [100]
    np.testing.assert_array_equal(positions(again)[1], positions(first)[1])


def test_what_a_trajectory_tells_of_itself(metals: ArrayPotential) -> None:
    cold, hot = trajectories(replicas(), potential=metals, settings=SETTINGS)
    assert isinstance(cold, Trajectory)
    assert isinstance(hot, Trajectory)
    assert cold.frame_fs == 20.0
    assert cold.temperature_k == 300.0
    assert cold.mean_temperature_k < hot.mean_temperature_k
    assert abs(cold.drift_ev_per_atom_per_ps) < 5e-3


def test_a_crystal_that_is_refused_is_told_in_its_place(metals: ArrayPotential) -> None:
    xenon = Structure([[6, 0, 0], [0, 6, 0], [0, 0, 6]], ["Xe"], [[0, 0, 0]])
    both = [Replica.at_temperature(xenon, temperature_k=100.0, seed=1), replicas()[0]]
    refused, moved = trajectories(both, potential=metals, settings=SETTINGS)
    assert isinstance(refused, Refusal)
    assert refused.code == "not_covered"
    assert isinstance(moved, Trajectory)
