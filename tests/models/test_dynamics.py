"""Integrator and thermostats against what statistical mechanics says exactly, on made potentials and on the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy import stats

from matsmith.core.errors import UsageError
from matsmith.models.dynamics import (
    ACCELERATION,
    BOLTZMANN_EV_PER_K,
    Dynamics,
    Replica,
    Scheme,
    masses_of,
    time_step_fs,
)
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.potentials.interface import (
    ArrayPotential,
    CrystalArrays,
    Evaluation,
    FloatArray,
    Refusal,
)


class Springs:
    """Einstein's crystal: every atom on a spring of its own; a spring of no strength leaves it free."""

    batch_cost = 10**9

    def __init__(self, places: FloatArray, *, strength_ev_per_angstrom2: float) -> None:
        self._places = places
        self._strength = strength_ev_per_angstrom2

    def new_state(self, crystal: CrystalArrays) -> None:
        del crystal

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        del state
        return crystal.n_atoms

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation | Refusal]:
        del states, magnetic_moments
        found: list[Evaluation | Refusal] = []
        for crystal in crystals:
            away = crystal.frac_coords @ crystal.lattice_angstrom - self._places
            away = away - away.mean(axis=0)
            energy = 0.5 * self._strength * float((away**2).sum())
            found.append(Evaluation(energy_ev=energy, forces_ev_per_angstrom=-self._strength * away))
        return found


def normality(values: FloatArray) -> float:
    """Probability of so large a distance from the normal law by chance (Kolmogorov and Smirnov)."""
    library: Any = stats
    return float(library.kstest(values, "norm").pvalue)


def crystal_of(count: int, *symbols: str) -> Structure:
    places = np.random.default_rng(1).random((count, 3))
    return Structure(Lattice.cubic(30.0), [symbols[k % len(symbols)] for k in range(count)], places)


def made(
    structure: Structure, *, temperature_k: float, strength: float, scheme: Scheme, seed: int = 3
) -> tuple[Replica, Dynamics]:
    replica = Replica.at_temperature(structure, temperature_k=temperature_k, seed=seed)
    springs = Springs(replica.positions_angstrom.copy(), strength_ev_per_angstrom2=strength)
    return replica, Dynamics([replica], potential=cast("ArrayPotential", springs), scheme=scheme)


def test_velocities_are_those_of_maxwell_and_boltzmann() -> None:
    replica = Replica.at_temperature(crystal_of(3000, "Li", "I"), temperature_k=700.0, seed=5)
    velocities, masses = replica.velocities_angstrom_per_fs, masses_of(replica.numbers)
    reduced = velocities / np.sqrt(BOLTZMANN_EV_PER_K * 700.0 * ACCELERATION / masses)[:, None]
    assert normality(reduced.ravel()) > 0.01
    np.testing.assert_allclose(masses @ velocities, 0.0, atol=1e-9)
    # Lithium, eighteen times lighter than iodine, is as many times faster in the square: equipartition.
    light, heavy = (float((velocities[replica.numbers == z] ** 2).mean()) for z in (3, 53))
    assert light / heavy == pytest.approx(126.904 / 6.94, rel=0.08)
    again = Replica.at_temperature(crystal_of(3000, "Li", "I"), temperature_k=700.0, seed=5)
    np.testing.assert_array_equal(again.velocities_angstrom_per_fs, velocities)


def test_alone_energy_is_conserved_to_the_square_of_the_step() -> None:
    spread: list[float] = []
    for step in (2.0, 1.0):
        replica, dynamics = made(
            crystal_of(20, "O"),
            temperature_k=600.0,
            strength=5.0,
            scheme=Scheme(time_step_fs=step, thermostat="none"),
        )
        energies: list[float] = []
        for _ in range(200):
            dynamics.advance(round(10 / step))
            energies.append(replica.conserved_ev)
        assert np.ptp(energies) < 0.02 * replica.kinetic_ev
        assert abs(np.polyfit(np.arange(200), energies, 1)[0]) * 200 < 0.5 * np.ptp(energies)
        spread.append(float(np.std(energies)))
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize("thermostat", ["langevin", "rescaling"])
def test_a_thermostat_shares_energy_out_equally(thermostat: Any) -> None:
    scheme = Scheme(time_step_fs=2.0, thermostat=thermostat, relaxation_time_fs=50.0)
    replica, dynamics = made(crystal_of(60, "Li", "O"), temperature_k=500.0, strength=3.0, scheme=scheme)
    # Springs that begin unwound swing in step, which one factor for all atoms never changes: friction parts them.
    dynamics.scheme = Scheme(time_step_fs=2.0, thermostat="langevin", relaxation_time_fs=50.0)
    dynamics.advance(300)
    dynamics.scheme = scheme
    dynamics.advance(100)
    kinetic: list[float] = []
    potential: list[float] = []
    for _ in range(1000):
        dynamics.advance(5)
        kinetic.append(replica.kinetic_ev)
        potential.append(replica.energy_ev)
    expected = 0.5 * replica.degrees_of_freedom * BOLTZMANN_EV_PER_K * 500.0
    assert np.mean(kinetic) == pytest.approx(expected, rel=0.03)
    assert np.mean(potential) == pytest.approx(expected, rel=0.06)
    # The canonical ensemble's own fluctuation: sqrt(2 / degrees of freedom) of the mean.
    assert np.std(kinetic) / np.mean(kinetic) == pytest.approx(
        np.sqrt(2 / replica.degrees_of_freedom), rel=0.15
    )


def test_free_atoms_under_langevin_diffuse_as_einstein_says() -> None:
    scheme = Scheme(time_step_fs=2.0, thermostat="langevin", relaxation_time_fs=20.0)
    replica, dynamics = made(crystal_of(400, "Na"), temperature_k=800.0, strength=0.0, scheme=scheme)
    dynamics.advance(100)
    start = replica.positions_angstrom
    dynamics.advance(1000)
    moved = float(((replica.positions_angstrom - start) ** 2).sum(axis=1).mean())
    diffusivity = BOLTZMANN_EV_PER_K * 800.0 * ACCELERATION / 22.98977 * 20.0  # k T / (m γ), Å²/fs
    # Less the first relaxation times, in which it flies: t - τ (1 - exp(-t / τ)).
    assert moved == pytest.approx(6 * diffusivity * (2000.0 - 20.0), rel=0.12)


def test_heat_is_counted() -> None:
    scheme = Scheme(time_step_fs=1.0, thermostat="rescaling", relaxation_time_fs=50.0)
    replica, dynamics = made(crystal_of(40, "O"), temperature_k=900.0, strength=4.0, scheme=scheme)
    dynamics.advance(1)
    before = replica.conserved_ev
    dynamics.advance(2000)
    assert abs(replica.heat_ev) > 0.5
    assert replica.conserved_ev == pytest.approx(before, abs=0.02)


def test_replicas_in_one_batch_move_as_alone(potential: BatchedCHGNet, mgo: Structure) -> None:
    cell = mgo * (2, 1, 1)
    cell.perturb(0.02, seed=1)

    def replicas() -> list[Replica]:
        return [Replica.at_temperature(cell, temperature_k=t, seed=int(t)) for t in (300.0, 900.0)]

    scheme = Scheme(time_step_fs=1.0)
    together, alone = replicas(), replicas()
    Dynamics(together, potential=potential, scheme=scheme).advance(12)
    for replica in alone:
        Dynamics([replica], potential=potential, scheme=scheme).advance(12)
    for one, other in zip(together, alone, strict=True):
        assert one.steps == other.steps == 12
        np.testing.assert_allclose(one.positions_angstrom, other.positions_angstrom, atol=1e-5)


def test_the_real_potential_conserves_energy(potential: BatchedCHGNet, mgo: Structure) -> None:
    replica = Replica.at_temperature(mgo * (2, 1, 1), temperature_k=600.0, seed=2)
    dynamics = Dynamics([replica], potential=potential, scheme=Scheme(time_step_fs=2.0, thermostat="none"))
    energies: list[float] = []
    for _ in range(20):
        dynamics.advance(2)
        energies.append(replica.conserved_ev)
    # A tenth of what one atom's thermal motion holds, at most, for all four.
    assert np.ptp(energies) < 0.1 * 1.5 * BOLTZMANN_EV_PER_K * 600.0


def test_what_cannot_move_stands_still_and_leaves_the_others_alone(
    potential: BatchedCHGNet, mgo: Structure
) -> None:
    crushed = mgo.copy()
    crushed.scale_lattice(4.0)
    replicas = [Replica.at_temperature(each, temperature_k=300.0, seed=1) for each in (crushed, mgo)]
    dynamics = Dynamics(replicas, potential=potential, scheme=Scheme())
    dynamics.advance(2)
    assert replicas[0].refusal is not None
    assert replicas[0].steps == 0
    assert replicas[1].refusal is None
    assert dynamics.alive == [1]


def test_atoms_that_run_away_are_told() -> None:
    replica, dynamics = made(
        crystal_of(40, "H"), temperature_k=300.0, strength=400.0, scheme=Scheme(time_step_fs=4.0)
    )
    dynamics.advance(400)
    assert replica.refusal is not None
    assert replica.refusal.code == "exploded"


def test_steps_follow_the_lightest_atom_and_nonsense_is_refused() -> None:
    assert time_step_fs(np.array([53, 1])) == 0.5
    with pytest.raises(UsageError, match="thermostat"):
        Scheme(thermostat=cast("Any", "berendsen"))
    with pytest.raises(UsageError, match="above zero"):
        Scheme(time_step_fs=0.0)
    with pytest.raises(UsageError, match="temperature"):
        Replica.at_temperature(crystal_of(2, "Li"), temperature_k=0.0, seed=0)
