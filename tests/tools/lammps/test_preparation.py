"""A run at constant energy begins with the mean energy of the canonical run before it, not with the one that run ended with by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from matsmith.tools.lammps.preparation import at_mean_energy
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.structures import lattice_cell, repeated

Simulate = Callable[..., Simulation]
_BATH = """\
velocity all create 80.0 {seed} mom yes rot no dist gaussian
fix move all nve
fix bath all temp/csvr 40.0 40.0 0.2 {seed}
run {steps}
"""


def test_the_last_atoms_get_the_mean_energy_of_their_run(simulate: Simulate) -> None:
    crystal = repeated(lattice_cell("fcc", "Ar", 5.3), (3, 3, 3))
    simulation = simulate(crystal)
    stage = simulation.stage("warm", _BATH, steps=400, every=4)
    energies = stage.thermo["etotal"]
    wanted = float(energies[len(energies) // 4 :].mean())
    assert abs(wanted - energies[-1]) > 1e-3
    scaled = at_mean_energy(stage)
    assert np.allclose(scaled.positions, stage.final.positions)
    gained = scaled.get_kinetic_energy() - stage.final.get_kinetic_energy()
    assert gained == pytest.approx(wanted - float(energies[-1]), rel=1e-3)
    free = simulation.stage("free", "fix move all nve\nrun {steps}\n", steps=10, atoms=scaled)
    assert free.thermo["etotal"][0] == pytest.approx(wanted, abs=1e-3)
