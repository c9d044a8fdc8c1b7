"""Averages, extremes and what follows from them, against published values of measured crystals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.knowledge.measured_elasticity import tensor_of
from matsmith.models.elastic_averages import (
    averages,
    chen_hardness_gpa,
    debye_temperature_k,
    directional_modulus,
    poisson_ratio,
    stiffnesses_gpa,
    tian_hardness_gpa,
    youngs_modulus_along,
    youngs_modulus_gpa,
)
from matsmith.models.elastic_tensor import rotated

COPPER = tensor_of({"C11": 168.4, "C12": 121.4, "C44": 75.4}, space_group=225)
ZINC = tensor_of({"C11": 163.7, "C12": 36.4, "C13": 53.0, "C33": 63.5, "C44": 38.8}, space_group=194)


def test_copper_as_in_the_handbooks() -> None:
    # Simmons & Wang 1971: polycrystalline copper has K 137, G 47.9 GPa; Young's modulus 66.7 along [100], 191 along [111].
    found = averages(COPPER)
    assert found.bulk_hill_gpa == pytest.approx(137.1, abs=0.1)
    assert found.shear_hill_gpa == pytest.approx(47.3, abs=1.0)
    assert found.bulk_voigt_gpa == pytest.approx(found.bulk_reuss_gpa)
    extremes = directional_modulus(COPPER)
    assert extremes.smallest_gpa == pytest.approx(66.7, abs=0.5)
    assert extremes.largest_gpa == pytest.approx(191.2, abs=0.5)
    np.testing.assert_allclose(np.abs(extremes.largest_along), 1 / math.sqrt(3), atol=2e-3)
    assert max(np.abs(extremes.smallest_along)) == pytest.approx(1, abs=1e-3)
    # Ranganathan & Ostoja-Starzewski 2008, figure 1: copper near 1.8.
    assert found.universal_anisotropy == pytest.approx(1.8, abs=0.1)


def test_an_isotropic_tensor_has_no_anisotropy_and_one_modulus() -> None:
    tensor = tensor_of({"C11": 300.0, "C12": 100.0, "C44": 100.0}, space_group=225)
    found = averages(tensor)
    assert found.universal_anisotropy == pytest.approx(0, abs=1e-12)
    extremes = directional_modulus(tensor)
    expected = youngs_modulus_gpa(found.bulk_hill_gpa, found.shear_hill_gpa)
    assert extremes.smallest_gpa == pytest.approx(expected)
    assert extremes.largest_gpa == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_averages_and_extremes_do_not_depend_on_how_the_crystal_lies(seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turned = rotated(ZINC, turn)
    one, other = averages(ZINC), averages(turned)
    assert other.bulk_reuss_gpa == pytest.approx(one.bulk_reuss_gpa)
    assert other.shear_hill_gpa == pytest.approx(one.shear_hill_gpa)
    np.testing.assert_allclose(stiffnesses_gpa(turned), stiffnesses_gpa(ZINC), atol=1e-9)
    assert directional_modulus(turned).largest_gpa == pytest.approx(
        directional_modulus(ZINC).largest_gpa, rel=1e-3
    )


def test_a_hexagonal_crystal_is_alike_all_around_its_axis() -> None:
    angles = np.linspace(0, math.pi, 7)
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(7)], axis=1)
    values = youngs_modulus_along(ZINC, around)
    np.testing.assert_allclose(values, values[0])
    assert youngs_modulus_along(ZINC, np.array([[0.0, 0.0, 1.0]]))[0] == pytest.approx(35, abs=2)


def test_a_negative_shear_constant_is_seen() -> None:
    unstable = tensor_of({"C11": 100.0, "C12": 120.0, "C44": 50.0}, space_group=225)
    assert stiffnesses_gpa(unstable)[0] == pytest.approx(-20)
    assert stiffnesses_gpa(COPPER)[0] > 0


def test_hardness_and_poisson_ratio() -> None:
    assert chen_hardness_gpa(443, 535) == pytest.approx(95, abs=2)  # diamond: 96 GPa
    assert chen_hardness_gpa(150, 5) == 0.0  # never negative
    assert tian_hardness_gpa(443, 535) == pytest.approx(97, abs=3)
    assert poisson_ratio(100.0, 1e-9) == pytest.approx(0.5)
    assert poisson_ratio(443, 535) == pytest.approx(0.07, abs=0.01)


def test_debye_temperature_of_copper() -> None:
    # From heat capacities at low temperature, where it is stiffer: 343 K (Kittel).
    value = debye_temperature_k(
        bulk_gpa=137.1, shear_gpa=47.3, density_g_per_cm3=8.93, mass_g_per_mol_atoms=63.546
    )
    assert 325 < value < 345
