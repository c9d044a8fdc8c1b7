"""A correction is a factor or a law held within the range of its fit; doubtful results carry the wide error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from matsmith.core.errors import DataError
from matsmith.knowledge.calibration import FEATURES, Calibration, Law, calibration, features_of

LAW = Law(
    intercept=0.1,
    coefficients={"ln_computed": -0.05, "mean_electronegativity": 0.2, "electronegativity_spread": 0.3},
    ranges={
        "ln_computed": (1.0, 6.0),
        "mean_electronegativity": (1.0, 3.0),
        "electronegativity_spread": (0.0, 1.2),
    },
)


def made(law: Law | None) -> Calibration:
    return Calibration(
        factor=1.1, relative_sigma=0.1, crystals=9, source="made", version="1", law=law, outside_sigma=0.4
    )


def test_features_of_halite() -> None:
    features = features_of({"Na": 4, "Cl": 4}, computed=math.e)
    assert features == pytest.approx(dict(zip(FEATURES, (1.0, 2.045, 1.115), strict=True)))


def test_an_element_has_no_spread_and_a_noble_gas_no_features() -> None:
    assert features_of({"Cu": 1}, computed=10.0) == pytest.approx(
        dict(zip(FEATURES, (math.log(10), 1.9, 0.0), strict=True))
    )
    assert features_of({"Ar": 1}, computed=10.0) is None
    assert features_of({"Cu": 1}, computed=0.0) is None
    assert features_of({}, computed=1.0) is None
    # Where there are no features the one factor stands.
    assert made(LAW).correction({"Ar": 1}, computed=10.0) == 1.1


def test_the_law_by_hand() -> None:
    wanted = math.exp(0.1 - 0.05 * 3.0 + 0.2 * 2.045 + 0.3 * 1.115)
    assert made(LAW).correction({"Na": 1, "Cl": 1}, computed=math.exp(3.0)) == pytest.approx(wanted)
    assert made(None).correction({"Na": 1, "Cl": 1}, computed=20.0) == 1.1


@given(st.floats(1e-6, 1e9))
def test_nothing_is_extrapolated(computed: float) -> None:
    held = made(LAW).correction({"Cs": 1, "F": 1}, computed=computed)
    assert 0.5 < held < 3.0
    if computed > math.exp(6.0):
        assert held == made(LAW).correction({"Cs": 1, "F": 1}, computed=math.exp(6.0))


def test_the_wide_error_outside() -> None:
    assert made(LAW).sigma(inside=True) == 0.1
    assert made(LAW).sigma(inside=False) == 0.4
    plain = Calibration(factor=1.0, relative_sigma=0.2, crystals=1, source="made", version="1")
    assert plain.sigma(inside=False) == 0.2


@pytest.mark.parametrize("name", ["volume", "bulk_modulus", "table_bulk_modulus"])
def test_what_ships(name: str) -> None:
    known = calibration(name)
    assert 0.9 < known.factor < 1.3
    assert 0.005 < known.relative_sigma < 0.2
    assert known.crystals > 60
    if known.law is not None:
        assert known.outside_sigma is not None
        assert known.outside_sigma > known.relative_sigma
        assert set(known.law.coefficients) == set(known.law.ranges) == set(FEATURES)


def test_polar_compounds_are_softened_more_than_metals() -> None:
    known = calibration("bulk_modulus")
    metal = known.correction({"Ni": 1, "Al": 1}, computed=150.0)
    assert known.correction({"Mg": 1, "O": 1}, computed=150.0) > metal


def test_an_unknown_quantity_and_a_stray_field() -> None:
    with pytest.raises(DataError, match="calibration of colour"):
        calibration("colour")
    with pytest.raises(ValidationError):
        Calibration.model_validate({**made(None).model_dump(), "stray": 1})
