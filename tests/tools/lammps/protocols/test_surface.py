"""Faces of copper against its potential's paper, and the slab that is given to the simulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.record import Outcome
from matsmith.models.slabs import clean_slabs
from matsmith.tools.lammps.protocols import surface
from matsmith.tools.lammps.protocols.surface import Face, slab_atoms
from matsmith.tools.lammps.structures import is_restricted

RunProtocol = Callable[..., Outcome]


def test_slabs_stand_upright_with_vacuum_beyond_the_potentials_reach() -> None:
    copper = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    slabs = clean_slabs(copper, (1, 1, 1), charges=None, thickness_angstrom=12, max_atoms=100)
    assert not isinstance(slabs, str)
    atoms = slab_atoms(slabs[0], cutoff_angstrom=20.0)
    assert is_restricted(atoms)
    assert np.allclose(atoms.cell.array[2, :2], 0)
    assert atoms.cell.array[2, 2] - np.ptp(atoms.get_positions()[:, 2]) > 20
    distances = atoms.get_all_distances(mic=True)
    assert np.min(distances[distances > 0.1]) == pytest.approx(3.6 / np.sqrt(2), abs=1e-3)


def test_one_thickness_has_an_error_too() -> None:
    assert Face(plane=(1, 0, 0), energies_mj_per_m2=(1000.0,), atoms=8).sigma == 10.0
    assert Face(plane=(1, 0, 0), energies_mj_per_m2=(1000.0, 1003.0), atoms=8).sigma == 3.0


def test_copper_has_its_potentials_published_face(run_protocol: RunProtocol) -> None:
    # Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 1239 mJ/m² for (111), 1345 for (100).
    for plane, value in (((1, 1, 1), 1239), ((1, 0, 0), 1345)):
        outcome = run_protocol(surface.TOOL, element="Cu", potential="cu_mishin1", plane=plane)
        assert outcome.failure is None, outcome.failure
        assert outcome.quantities["lowest_surface_energy"].value == pytest.approx(value, abs=3)


def test_no_plane_is_refused(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(surface.TOOL, element="Cu", potential="cu_mishin1", plane=(0, 0, 0))
    assert outcome.failure is not None
    assert outcome.failure.code == "no_plane"
