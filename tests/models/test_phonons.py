"""Phonons by finite displacements: still modes at the centre, supercells that keep the symmetry, known copper."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import UsageError
from matsmith.models.phonons import PhononFailure, Phonons, PhononSettings, phonons, supercell_matrix
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.potentials.registry import entry_of, load
from matsmith.models.relaxed_phonons import ConvergedPhonons, relaxed_phonons

SMALL = PhononSettings(image_distance_angstrom=6.0, mesh_length_angstrom=30.0)


@pytest.fixture(scope="module")
def emt() -> ArrayPotential:
    return load(entry_of("emt"), device="cpu")


def copper(edge: float = 3.6) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(edge), ["Cu"], [[0, 0, 0]])


@pytest.fixture(scope="module")
def relaxed(emt: ArrayPotential) -> ConvergedPhonons:
    ((_, found),) = relaxed_phonons([copper()], potential=emt, settings=SMALL)
    assert isinstance(found, ConvergedPhonons)
    return found


def test_copper_by_effective_medium_theory(relaxed: ConvergedPhonons) -> None:
    fine = relaxed.fine
    assert fine.displacements == 1  # one atom, one direction: the supercell keeps the cube
    assert fine.image_distance_angstrom >= 6.0
    assert relaxed.coarse is not None
    assert relaxed.coarse.supercell_atoms < fine.supercell_atoms
    assert fine.spectrum.lowest_thz > -0.05
    # Measured: 7.2 THz at the zone boundary and, at constant volume, 23.8 J/(mol K).
    assert 5.5 < fine.spectrum.highest_thz < 8.5
    assert fine.spectrum.heat_capacity_j_per_mol_atoms_k(298.15) == pytest.approx(23.8, abs=0.8)


def test_cell_and_order_of_crystals_do_not_matter(emt: ArrayPotential, relaxed: ConvergedPhonons) -> None:
    primitive = relaxed.fine.structure
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = Structure(Lattice(primitive.lattice.matrix @ turn), primitive.species, primitive.frac_coords)
    tight = PhononSettings(image_distance_angstrom=6.0, mesh_length_angstrom=30.0, max_supercell_atoms=2)
    ((_, found),) = phonons([turned], potential=emt, settings=SMALL)
    assert isinstance(found, Phonons)
    assert found.spectrum.free_energy_ev_per_atom(300) == pytest.approx(
        relaxed.fine.spectrum.free_energy_ev_per_atom(300), abs=2e-4
    )
    ((_, refused),) = phonons([turned], potential=emt, settings=tight)
    assert isinstance(refused, PhononFailure)
    assert refused.code == "too_large"


def test_an_element_out_of_reach_is_a_failure(emt: ArrayPotential) -> None:
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    tiny = PhononSettings(image_distance_angstrom=2.5, mesh_length_angstrom=10.0)
    found = dict(
        phonons([s.get_primitive_structure() for s in (salt, copper())], potential=emt, settings=tiny)
    )
    assert isinstance(found[0], PhononFailure)
    assert found[0].code == "not_covered"
    assert isinstance(found[1], Phonons)


@pytest.mark.parametrize("distance", [5.0, 8.0, 12.0])
def test_supercells_reach_the_distance_and_keep_a_trigonal_crystal(distance: float) -> None:
    rhombohedral = Structure(Lattice.rhombohedral(5.1, 55.3), ["Cr"], [[0, 0, 0]])
    found = supercell_matrix(rhombohedral, distance_angstrom=distance, max_atoms=1000)
    assert found is not None
    matrix, reached = found
    assert reached >= distance
    lengths = np.linalg.norm(matrix.T @ rhombohedral.lattice.matrix, axis=1)
    assert min(lengths) >= distance - 1e-6
    assert supercell_matrix(rhombohedral, distance_angstrom=distance, max_atoms=1) is None


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="displacement_angstrom"):
        PhononSettings(displacement_angstrom=0)
