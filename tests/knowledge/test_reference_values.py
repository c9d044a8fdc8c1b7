"""Reference values belong to measured crystals, are of stable solids, and agree with bulk moduli measured otherwise."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge import reference_values as module
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.reference_values import (
    ReferenceProperty,
    element_references,
    hill_bulk_modulus_gpa,
    reference_values,
    values_of,
)

CRYSTALS = {(crystal.formula, crystal.name): crystal for crystal in measured_crystals()}


@pytest.mark.parametrize(
    ("name", "fewest"),
    [
        ("elastic_constant", 40),
        ("vacancy_formation_energy", 15),
        ("surface_energy", 15),
        ("linear_thermal_expansion", 15),
    ],
)
def test_there_are_enough_crystals_of_each(name: ReferenceProperty, fewest: int) -> None:
    found = {(value.formula, value.name) for value in reference_values() if value.property == name}
    assert len(found) >= fewest
    assert found <= CRYSTALS.keys()


def test_every_value_is_positive_cited_and_stands_once() -> None:
    seen = [(v.formula, v.name, v.property, v.component) for v in reference_values()]
    assert len(seen) == len(set(seen)) >= 200
    for value in reference_values():
        assert value.value > 0, value
        assert value.citation.text, value
        assert value.sigma is None or 0 < value.sigma < value.value, value
        assert value.kind == "measured"


def _constants() -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for value in reference_values():
        if value.property == "elastic_constant":
            found.setdefault((value.formula, value.name), {})[value.component] = value.value
    return found


def test_elastic_constants_are_those_of_stable_crystals_of_their_symmetry() -> None:
    # M. Born & K. Huang, Dynamical Theory of Crystal Lattices (1954).
    for key, c in _constants().items():
        group = CRYSTALS[key].space_group
        assert {"C11", "C12", "C44"} <= c.keys(), key
        assert ("C13" in c) == (group < 195), key
        assert ("C66" in c) == (75 <= group <= 142), key
        assert c["C11"] > c["C12"], key
        if "C33" in c:
            assert (c["C11"] + c["C12"]) * c["C33"] > 2 * c["C13"] ** 2, key


def test_elastic_constants_give_the_bulk_modulus_measured_otherwise() -> None:
    gaps: list[float] = []
    for key, constants in _constants().items():
        modulus, measured = hill_bulk_modulus_gpa(constants), CRYSTALS[key].bulk_modulus_gpa
        assert modulus is not None
        if measured:
            gaps.append(abs(modulus / measured - 1))
    assert len(gaps) > 60
    assert max(gaps) < 0.25  # compressibilities of soft metals were measured with less care
    assert sorted(gaps)[len(gaps) // 2] < 0.03


def test_hill_of_an_isotropic_hexagonal_description_is_the_cubic_one() -> None:
    cubic = hill_bulk_modulus_gpa({"C11": 100.0, "C12": 40.0, "C44": 30.0})
    same = hill_bulk_modulus_gpa({"C11": 100.0, "C12": 40.0, "C13": 40.0, "C33": 100.0, "C44": 30.0})
    assert cubic == pytest.approx(60.0)
    assert same == pytest.approx(60.0)
    assert hill_bulk_modulus_gpa({"C11": 1.0}) is None
    assert hill_bulk_modulus_gpa({"C11": 2.0, "C12": 1.0, "C33": 2.0}) is None


def test_known_values() -> None:
    assert values_of("W", name="tungsten", property_name="elastic_constant")["C44"].value == pytest.approx(
        160.7
    )
    assert values_of("Al", name="aluminium", property_name="vacancy_formation_energy")["value"].sigma == 0.03
    assert values_of("Al", name="aluminium", property_name="surface_energy")["value"].unit == "J/m**2"
    assert values_of("Xx", name="nothing", property_name="surface_energy") == {}


def test_elements_of_the_delta_project() -> None:
    copper = {element.symbol: element for element in element_references()}["Cu"]
    assert copper.all_electron_volume_angstrom3 == pytest.approx(11.95, abs=0.01)
    assert copper.measured_bulk_modulus_gpa == pytest.approx(144.3, abs=0.1)
    assert sum(element.measured_volume_angstrom3 is None for element in element_references()) > 0


@pytest.mark.parametrize(
    "damage", ["{", '{"citations": {}, "units": {}, "values": [{"property": "surface_energy"}]}']
)
def test_a_damaged_file_is_a_data_error(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reference_values.json").write_text(damage)

    def folder(package: str) -> Path:
        return tmp_path

    monkeypatch.setattr(module.resources, "files", folder)
    reference_values.cache_clear()
    try:
        with pytest.raises(DataError, match="damaged"):
            reference_values()
    finally:
        reference_values.cache_clear()


def test_each_citation_is_used() -> None:
    text = resources.files("matsmith.knowledge").joinpath("reference_values.json").read_text("utf-8")
    data = json.loads(text)
    assert {row["citation"] for row in data["values"]} == set(data["citations"])
