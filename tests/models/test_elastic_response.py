"""Elastic tensors from a potential: equal for a turned cell and a supercell, and consistent with its compression."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.models.elastic_averages import averages
from matsmith.models.elastic_response import ElasticFailure, ElasticResponse, elastic_responses
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.potentials.registry import entry_of, load


@pytest.fixture(scope="module")
def emt() -> ArrayPotential:
    """A quick potential whose energies are smooth."""
    return load(entry_of("emt"), device="cpu")


def copper(edge: float = 3.6) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(edge), ["Cu"], [[0, 0, 0]])


def response(structure: Structure, potential: ArrayPotential, pressure_gpa: float = 0.0) -> ElasticResponse:
    ((_, found),) = elastic_responses([structure], potential=potential, pressure_gpa=pressure_gpa)
    assert isinstance(found, ElasticResponse), found
    return found


@pytest.fixture(scope="module")
def free(emt: ArrayPotential) -> ElasticResponse:
    """Copper at no pressure."""
    return response(copper(), emt)


def test_cell_and_orientation_do_not_matter(emt: ArrayPotential, free: ElasticResponse) -> None:
    reference = free
    assert reference.strains == (1, 4)
    assert reference.space_group == "Fm-3m"
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    cell = copper()
    turned = Structure(Lattice(cell.lattice.matrix @ turn), cell.species, cell.frac_coords)
    double = copper().make_supercell((2, 1, 1))
    for _, found in elastic_responses([turned, double], potential=emt):
        assert isinstance(found, ElasticResponse)
        np.testing.assert_allclose(found.relaxed_ion.tensor_gpa, reference.relaxed_ion.tensor_gpa, atol=0.3)
    np.testing.assert_allclose(np.abs(np.linalg.det(reference.conventional)), 3.6**3, rtol=0.05)


def test_the_bulk_modulus_is_that_of_compression(emt: ArrayPotential, free: ElasticResponse) -> None:
    found = free
    bulk = averages(found.relaxed_ion.tensor_gpa).bulk_hill_gpa
    pressures: list[float] = []
    edge = float(np.cbrt(abs(np.linalg.det(found.conventional))))
    for factor in (0.995, 1.005):
        (answer,) = emt.evaluate([copper(edge * factor)])
        assert answer.stress_ev_per_angstrom3 is not None
        pressures.append(-float(np.trace(answer.stress_ev_per_angstrom3)) / 3 * 160.21766)
    slope = (pressures[0] - pressures[1]) / (3 * 0.01)
    assert bulk == pytest.approx(slope, rel=0.02)


def test_with_one_atom_a_cell_there_is_nothing_to_relax(free: ElasticResponse) -> None:
    np.testing.assert_allclose(free.relaxed_ion.tensor_gpa, free.clamped_ion.tensor_gpa, atol=1e-6)


def test_pressure_stiffens(emt: ArrayPotential, free: ElasticResponse) -> None:
    pressed = response(copper(), emt, pressure_gpa=20.0)
    assert pressed.structure.volume < free.structure.volume
    # dK/dP of copper is near 5.
    gain = (
        averages(pressed.relaxed_ion.tensor_gpa).bulk_hill_gpa
        - averages(free.relaxed_ion.tensor_gpa).bulk_hill_gpa
    )
    assert 60 < gain < 160


def test_one_bad_crystal_leaves_the_others_alone_and_inputs_stay(emt: ArrayPotential) -> None:
    overlapping = Structure(Lattice.cubic(5), ["Cu", "Cu"], [[0, 0, 0], [0.02, 0, 0]])
    given = copper(3.7)
    before = given.copy()
    found = dict(elastic_responses([overlapping, given], potential=emt))
    assert given == before
    assert isinstance(found[0], ElasticFailure)
    assert found[0].code
    assert isinstance(found[1], ElasticResponse)
