"""Errors of the elastic moduli: held features, sound sigmas, and measured tensors that are what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.elements import is_element
from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.elastic_errors import elastic_errors
from matsmith.knowledge.measured_elasticity import measured_tensors, tensor_of
from matsmith.knowledge.measured_properties import measured, measured_properties
from matsmith.models.elastic_averages import stiffnesses_gpa


def test_firm_crystals_are_surer_than_soft_ones() -> None:
    known = elastic_errors()
    assert known.firm.keys() == known.soft.keys()
    for name in ("shear_modulus", "youngs_modulus", "debye_temperature", "hardness"):
        assert 0.05 < known.firm[name].relative < known.soft[name].relative < 1.0
        assert known.firm[name].crystals >= 10
    wrong, of = known.unstable_of_stable
    assert 0 <= wrong < of / 10


def test_corrections_stay_within_what_was_fitted() -> None:
    known = elastic_errors()
    for outside in (
        1e3,
        1e6,
    ):  # no solid is so stiff: the correction is that of the stiffest that was measured
        assert known.shear_modulus_gpa(1000.0, bulk_gpa=outside) == known.shear_modulus_gpa(
            1000.0, bulk_gpa=500.0
        )
    # Magnesia: the potential has 126 and 80 GPa, measured are 162 and 131.
    assert 80 < known.shear_modulus_gpa(80.0, bulk_gpa=126.0) < 131
    assert known.shear_modulus_gpa(-20.0, bulk_gpa=100.0) > 0
    # An element without electronegativity gets no law.
    assert known.bulk_modulus_gpa(3.0, {"Ar": 1.0}) == 3.0


def test_every_measured_tensor_is_stable() -> None:
    tensors = measured_tensors()
    assert len(tensors) >= 98
    for key, tensor in tensors.items():
        assert stiffnesses_gpa(tensor)[0] > 0, key
        np.testing.assert_allclose(tensor, tensor.T)


def test_a_missing_constant_is_named() -> None:
    with pytest.raises(DataError, match="C13 is missing"):
        tensor_of({"C11": 1.0, "C12": 0.2, "C33": 1.0, "C44": 0.3}, space_group=194)
    with pytest.raises(DataError, match="C14"):
        tensor_of({"C11": 1.0}, space_group=152)


def test_measured_values_belong_to_crystals_and_carry_citations() -> None:
    crystals = {(crystal.formula, crystal.name) for crystal in measured_crystals()}
    assert len(measured_properties()) >= 190
    for value in measured_properties():
        assert (value.formula, value.name) in crystals
        assert value.value > 0
        assert value.citation.text


def test_known_values() -> None:
    assert measured("heat_capacity")["NaCl", "halite"].value == pytest.approx(50.5, abs=0.1)
    assert measured("debye_temperature")["C", "diamond"].value == 2230
    assert measured("thermal_conductivity")["MgO", "periclase"].value == 60
    # Dulong and Petit: no element exceeds it by much.
    for (formula, _), value in measured("heat_capacity").items():
        if is_element(formula):
            assert value.value < 31
