"""Dislocations: fields against isotropic elasticity, the cylinder, and iron's core."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.dislocation_field import field_of, full_tensor
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.parent_lattice import Parent
from matsmith.tools.lammps.protocols import screw_dislocation
from matsmith.tools.lammps.protocols.screw_dislocation import cylinder, energy_within, rows_beside

RunProtocol = Callable[..., Outcome]

GPA = 160.2176634


def isotropic(lame_gpa: float, shear_gpa: float) -> FloatArray:
    tensor = np.zeros((6, 6))
    tensor[:3, :3] = lame_gpa
    tensor[range(6), range(6)] += [2 * shear_gpa] * 3 + [shear_gpa] * 3
    return tensor


def ring(radius: float) -> tuple[FloatArray, FloatArray]:
    angles = np.linspace(-3.0, 3.0, 13)
    return angles, radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_an_isotropic_screw_is_a_spiral() -> None:
    field = field_of(isotropic(60, 40), np.array([0, 0, 2.5]))
    angles, places = ring(7.0)
    moved = field.displacements(places)
    assert np.allclose(moved[:, 2], 2.5 * angles / (2 * math.pi), atol=1e-4)
    assert np.abs(moved[:, :2]).max() < 1e-4
    assert field.prelogarithmic_ev_per_angstrom == pytest.approx(40 / GPA * 2.5**2 / (4 * math.pi), rel=1e-4)


def test_an_isotropic_edge_has_its_textbook_field() -> None:
    lame, shear, b = 60.0, 40.0, 2.5
    nu = lame / (2 * (lame + shear))
    field = field_of(isotropic(lame, shear), np.array([b, 0, 0]))
    angles, places = ring(4.0)
    x, y = places.T
    expected = b / (2 * math.pi) * (angles + x * y / (2 * (1 - nu) * (x * x + y * y)))
    assert np.allclose(field.displacements(places)[:, 0], expected, atol=1e-4)
    assert field.prelogarithmic_ev_per_angstrom == pytest.approx(
        shear / GPA * b**2 / (4 * math.pi * (1 - nu)), rel=1e-4
    )


def test_the_displacement_closes_with_the_burgers_vector_in_any_crystal() -> None:
    tensor = isotropic(122, 0) + np.diag([47.0] * 3 + [76.0] * 3)
    tensor[0, 4] = tensor[4, 0] = 5.0
    field = field_of(tensor, np.array([0.3, -0.2, 2.5]))
    just = np.array([[-5.0, 1e-9], [-5.0, -1e-9]])
    above, below = field.displacements(just)
    assert np.allclose(above - below, [0.3, -0.2, 2.5], atol=1e-6)


def test_the_full_tensor_has_all_its_symmetries() -> None:
    c = full_tensor(isotropic(60, 40))
    for turned in (c.transpose(1, 0, 2, 3), c.transpose(0, 1, 3, 2), c.transpose(2, 3, 0, 1)):
        assert np.array_equal(c, turned)


def test_the_line_lies_in_the_middle_of_three_rows() -> None:
    parent = Parent(prototype="bcc", a_angstrom=3.0, fractions={"W": 1.0})
    for middle in rows_beside(3.0):
        cut = cylinder(parent, middle, size=600, rim_angstrom=6.0)
        distances = np.sort(np.linalg.norm(cut.places[:, :2], axis=1))
        assert np.ptp(distances[:3]) < 1e-6
        assert distances[0] == pytest.approx(math.sqrt(2) / 3 * 3.0)
        assert distances[3] > 1.5 * distances[0]
        assert len(cut.atoms) == pytest.approx(600, rel=0.05)
        edge = np.linalg.norm(cut.places[: cut.first_of_rim, :2], axis=1).max()
        assert edge <= cut.radius_angstrom < np.linalg.norm(cut.places[cut.first_of_rim :, :2], axis=1).min()


def test_a_cylinder_that_is_all_rim_is_refused() -> None:
    parent = Parent(prototype="bcc", a_angstrom=3.0, fractions={"W": 1.0})
    with pytest.raises(DynamicsError) as refusal:
        cylinder(parent, rows_beside(3.0)[0], size=300, rim_angstrom=30.0)
    assert refusal.value.code == "too_small"


def test_energy_is_summed_from_the_line_outward() -> None:
    found = energy_within(
        np.array([3.0, 1.0, 2.0]), np.array([4.0, 1.0, 2.0]), period=2.0, radii=np.array([0.5, 1.5, 2.5, 9.0])
    )
    assert found.tolist() == [0.0, 0.5, 1.5, 3.5]


def test_iron_follows_elasticity_outside_its_core(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(screw_dislocation.TOOL, element="Fe", potential="fe_mm", size=500)
    assert outcome.failure is None, outcome.failure
    easy = cast("list[dict[str, float]]", outcome.facts["cores"])[0]
    assert easy["slope_ev_per_angstrom"] == pytest.approx(
        outcome.facts["elastic_slope_ev_per_angstrom"], rel=0.15
    )
    assert 0.1 < outcome.quantities["screw_core_energy"].value < 0.4
    assert outcome.quantities["hard_above_easy_core"].value > 0


def test_other_lattices_are_refused(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(screw_dislocation.TOOL, element="Cu", potential="cu_mishin1")
    assert outcome.failure is not None
    assert outcome.failure.code == "other_lattice"
