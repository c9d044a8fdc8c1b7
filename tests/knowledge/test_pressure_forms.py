"""Measured forms under pressure: the table is consistent, and boundaries say which form is stable and how far the others lie above."""

from __future__ import annotations

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.pressure_forms import PressureSystem, pressure_system, pressure_systems


def system(formula: dict[str, float]) -> PressureSystem:
    found = pressure_system(formula)
    assert found is not None
    return found


def test_pressure_makes_what_is_denser_and_boundaries_lie_in_order() -> None:
    assert len(pressure_systems()) >= 20
    for one in pressure_systems().values():
        volumes = [form.volume_angstrom3 for form in one.forms]
        assert volumes == sorted(volumes, reverse=True), one.formula
        pressures = [line.pressure_gpa for line in one.boundaries]
        assert pressures == sorted(pressures), one.formula
        assert all(line.citation.text and line.sigma_gpa > 0 for line in one.boundaries)
        assert one.observed_to_gpa > max([0.0, *pressures])


@pytest.mark.parametrize(
    ("formula", "pressure_gpa", "stable"),
    [
        ({"Si": 1, "O": 2}, 0.0, "alpha-quartz"),
        ({"Si": 1, "O": 2}, 4.0, "coesite"),
        ({"Si": 1, "O": 2}, 10.0, "stishovite"),
        ({"Zn": 1, "O": 1}, 1.0, "wurtzite"),
        ({"Zn": 1, "O": 1}, 10.0, "rocksalt"),
        ({"C": 1}, 8.0, "diamond"),
        ({"Na": 2, "Cl": 2}, 20.0, "rocksalt"),
    ],
)
def test_the_stable_form_lies_at_zero_and_every_other_above(
    formula: dict[str, float], pressure_gpa: float, stable: str
) -> None:
    found = system(formula)
    for form in found.forms:
        field = found.field(form, pressure_gpa=pressure_gpa)
        assert field.stable.name == stable
        assert (field.above_ev_per_atom == 0.0) == (form.name == stable)
        assert field.sigma_ev_per_atom >= 0.01
        assert field.citations


def test_heat_moves_a_boundary() -> None:
    carbon = system({"C": 1})
    graphite = carbon.forms[0]
    assert carbon.field(graphite, pressure_gpa=4.0).stable.name == "diamond"
    assert carbon.field(graphite, pressure_gpa=4.0, temperature_k=1500.0).stable.name == "graphite"


def test_near_a_boundary_the_error_holds_both_forms() -> None:
    salt = system({"K": 1, "Cl": 1})
    near, far = (salt.field(salt.forms[0], pressure_gpa=p) for p in (2.05, 0.5))
    assert near.sigma_ev_per_atom > far.sigma_ev_per_atom == pytest.approx(0.01)


@pytest.mark.parametrize(("pressure_gpa", "temperature_k"), [(80.0, None), (10.0, 1000.0), (-1.0, None)])
def test_beyond_the_measurements_nothing_is_said(pressure_gpa: float, temperature_k: float | None) -> None:
    zinc = system({"Zn": 1, "O": 1})
    with pytest.raises(DataError) as caught:
        zinc.field(zinc.forms[1], pressure_gpa=pressure_gpa, temperature_k=temperature_k)
    assert "pressure_stability" in caught.value.hint


def test_volumes_are_those_of_the_measured_crystals() -> None:
    compared = 0
    for crystal in measured_crystals():
        found = pressure_system(
            {str(k): float(v) for k, v in crystal.structure().composition.as_dict().items()}
        )
        structure = crystal.structure().get_primitive_structure()
        for form in () if found is None else found.forms:
            if crystal.space_group in form.space_groups and len(structure) == form.atoms:
                assert structure.volume / len(structure) == pytest.approx(form.volume_angstrom3, rel=0.02)
                compared += 1
    assert compared >= 18
