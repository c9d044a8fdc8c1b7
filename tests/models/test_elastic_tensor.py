"""Elastic tensors from strains: how many constants a crystal class has, exact recovery, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import UsageError
from matsmith.models.elastic_tensor import (
    FloatArray,
    StrainPoint,
    fit_tensor,
    invariant_basis,
    needed_strains,
    rotated,
    strain_matrix,
    strained_lattice,
)


def rotations_of(hall_number: int, lattice: FloatArray) -> FloatArray:
    """Cartesian rotations (g, 3, 3) of a space group in its standard axes."""
    found = spglib.get_symmetry_from_database(hall_number)
    assert found is not None
    columns = lattice.T
    return columns @ np.asarray(found["rotations"], dtype=float) @ np.linalg.inv(columns)


HEXAGONAL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * np.sqrt(3), 0.0], [0.0, 0.0, 5.0]])
ORTHOGONAL = np.diag([3.0, 3.0, 3.0])
# Hall numbers of Fm-3m, P6_3/mmc, P-3m1, P-3, P4/mmm, P4/m, Pmmm, P2/m (unique axis b), P-1.
CLASSES = [
    (523, ORTHOGONAL, 3, (1, 4)),
    (488, HEXAGONAL, 5, (1, 3, 4)),
    (456, HEXAGONAL, 6, (1, 3, 4)),
    (435, HEXAGONAL, 7, (1, 3, 4)),
    (400, ORTHOGONAL, 6, (1, 3, 4, 6)),
    (349, ORTHOGONAL, 7, (1, 3, 4, 6)),
    (227, ORTHOGONAL, 9, (1, 2, 3, 4, 5, 6)),
    (57, ORTHOGONAL, 13, (1, 2, 3, 4, 5, 6)),
    (2, ORTHOGONAL, 21, (1, 2, 3, 4, 5, 6)),
]


@pytest.mark.parametrize(("hall", "lattice", "constants", "strains"), CLASSES)
def test_every_crystal_class_has_its_number_of_constants(
    hall: int, lattice: FloatArray, constants: int, strains: tuple[int, ...]
) -> None:
    # Nye, Physical Properties of Crystals, table 9.
    basis = invariant_basis(rotations_of(hall, lattice))
    assert len(basis) == constants
    found = needed_strains(basis)
    if constants < 9:
        assert len(found) <= len(strains)
    else:
        assert len(found) <= 6


def points_of(
    tensor: FloatArray, *, strains: tuple[int, ...], offset_gpa: float = 0.0, cubic: float = 0.0
) -> list[StrainPoint]:
    """Stresses of a linear solid under a pressure, with a stress odd in the strain beside it."""
    points: list[StrainPoint] = []
    for component in strains:
        for amount in (0.01, -0.01, 0.02, -0.02):
            voigt = tensor[:, component - 1] * (amount + cubic * amount**2)
            stress = np.array(
                [
                    [voigt[0], voigt[5], voigt[4]],
                    [voigt[5], voigt[1], voigt[3]],
                    [voigt[4], voigt[3], voigt[2]],
                ]
            )
            points.append(
                StrainPoint(component=component, amount=amount, stress_gpa=stress - offset_gpa * np.eye(3))
            )
    return points


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(CLASSES),
    st.lists(st.floats(-200, 200), min_size=21, max_size=21),
    st.floats(-50, 50),
    st.floats(-10, 10),
)
def test_a_linear_solid_is_recovered_whatever_its_class(
    kind: tuple[int, FloatArray, int, tuple[int, ...]], weights: list[float], offset: float, cubic: float
) -> None:
    hall, lattice, constants, _ = kind
    basis = invariant_basis(rotations_of(hall, lattice))
    tensor = np.einsum("k,kij->ij", weights[:constants], basis)
    points = points_of(tensor, strains=needed_strains(basis), offset_gpa=offset, cubic=cubic)
    fit = fit_tensor(points, basis=basis)
    np.testing.assert_allclose(fit.tensor_gpa, tensor, atol=1e-6)
    np.testing.assert_allclose(fit.spread_gpa, 0, atol=1e-6)
    assert sorted(fit.by_amplitude) == [0.01, 0.02]


def test_the_fit_keeps_the_symmetry_where_the_stresses_break_it() -> None:
    cubic = rotations_of(523, ORTHOGONAL)
    basis = invariant_basis(cubic)
    noise = np.random.default_rng(1).normal(size=(6, 6))
    tensor = fit_tensor(points_of(100 * np.eye(6) + noise, strains=(1, 4)), basis=basis).tensor_gpa
    for rotation in cubic:
        np.testing.assert_allclose(rotated(tensor, rotation), tensor, atol=1e-9)
    assert tensor[0, 0] == pytest.approx(tensor[2, 2])
    assert tensor[3, 3] == pytest.approx(tensor[5, 5])


def test_turning_there_and_back_changes_nothing() -> None:
    generator = np.random.default_rng(2)
    rotation = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    made = generator.normal(size=(6, 6))
    tensor = made + made.T
    np.testing.assert_allclose(rotated(rotated(tensor, rotation), rotation.T), tensor, atol=1e-10)


def test_a_missing_opposite_and_too_few_strains_are_refused() -> None:
    basis = invariant_basis(rotations_of(523, ORTHOGONAL))
    points = points_of(np.eye(6), strains=(1, 4))
    with pytest.raises(UsageError, match="lacks its opposite"):
        fit_tensor(points[1:], basis=basis)
    with pytest.raises(UsageError, match="do not fix"):
        fit_tensor(points_of(np.eye(6), strains=(1,)), basis=basis)
    with pytest.raises(UsageError, match="no strain 7"):
        strain_matrix(7, 0.1)


def test_a_strain_deforms_without_turning() -> None:
    lattice = strained_lattice(np.eye(3), component=4, amount=0.02)
    np.testing.assert_allclose(lattice, lattice.T)
    assert lattice[1, 2] == pytest.approx(0.01)
