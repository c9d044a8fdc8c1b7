from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Structure

from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.symmetry_constraint import symmetrised


def test_rutile_is_made_exact_and_forces_follow_its_group(rutile: Structure) -> None:
    exact = CrystalArrays.from_structure(rutile)
    generator = np.random.default_rng(1)
    rough = CrystalArrays(
        numbers=exact.numbers,
        frac_coords=exact.frac_coords + 2e-4 * generator.normal(size=(6, 3)),
        lattice_angstrom=exact.lattice_angstrom @ (np.eye(3) + 1e-4 * generator.normal(size=(3, 3))),
    )
    clean, group = symmetrised(rough, tolerance_angstrom=0.02)
    assert len(group.rotations) == 16
    lengths = np.linalg.norm(clean.lattice_angstrom, axis=1)
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-10)
    again, _ = symmetrised(clean, tolerance_angstrom=1e-6)
    np.testing.assert_allclose(again.frac_coords, clean.frac_coords, atol=1e-10)

    forces = group.project_forces(generator.normal(size=(6, 3)))
    np.testing.assert_allclose(forces[:2], 0, atol=1e-3)  # Ti sits on mmm
    np.testing.assert_allclose(group.project_forces(forces), forces, atol=1e-8)
    tensor = group.project_tensor(generator.normal(size=(3, 3)))
    assert tensor[0, 0] == pytest.approx(tensor[1, 1], abs=1e-3)
    np.testing.assert_allclose(tensor - np.diag(np.diag(tensor)), 0, atol=1e-3)
