"""The learned potential inside LAMMPS against the same potential asked directly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.settings import Settings
from matsmith.models.potentials.interface import CrystalArrays, Evaluation
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.structures import cell_of
from matsmith.tools.potential import potential

_BAR = 1.602176634e6


def test_energy_pressure_and_motion_are_those_of_the_potential(
    simulate: Callable[..., Simulation], md_settings: Settings
) -> None:
    atoms = bulk("SiC", "zincblende", a=4.30, cubic=True)
    atoms.rattle(0.05, seed=1)
    simulation = simulate(atoms, named="learned")
    start = simulation.atoms
    crystal = CrystalArrays(
        numbers=np.asarray(start.get_atomic_numbers(), dtype=np.int64),
        frac_coords=np.asarray(start.get_scaled_positions(wrap=False), dtype=np.float64),
        lattice_angstrom=cell_of(start),
    )
    direct = next(iter(potential(md_settings).evaluate_arrays([crystal])))
    assert isinstance(direct, Evaluation)
    assert direct.stress_ev_per_angstrom3 is not None
    stage = simulation.stage(
        "move", "velocity all create 300.0 {seed}\nfix move all nve\nrun {steps}", steps=6, every=1
    )
    assert stage.potential_energy_ev != pytest.approx(direct.energy_ev, abs=1e-3)
    assert float(stage.thermo["pe"][0]) == pytest.approx(direct.energy_ev, abs=1e-4)
    static = simulation.run_static(atoms)
    pressures = -_BAR * direct.stress_ev_per_angstrom3
    for name, (i, j) in {"pxx": (0, 0), "pyy": (1, 1), "pxy": (0, 1), "pyz": (1, 2)}.items():
        assert float(static.thermo[name][0]) == pytest.approx(float(pressures[i, j]), abs=30.0)
    total = stage.thermo["etotal"]
    assert np.ptp(total) < 0.1 * np.ptp(stage.thermo["pe"]) + 5e-3
