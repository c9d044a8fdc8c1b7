"""Conditions and element rules: what counts as a hit."""

from __future__ import annotations

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import UsageError
from matsmith.knowledge.crystals import find
from matsmith.tools.evaluation.asked import (
    condition_value,
    has_element_rules,
    is_hit,
    measured,
    obeys_elements,
    property_name,
    wanted_values,
)
from matsmith.tools.evaluation.energies import Energy

SALT = Crystal.from_pymatgen(find("NaCl")[0].structure())


@pytest.mark.parametrize(
    ("rules", "obeys"),
    [
        ({"allowed": ["Na", "Cl", "K"]}, True),
        ({"allowed": [11], "required": [17]}, True),
        ({"allowed": ["Na"]}, False),
        ({"required": ["K"]}, False),
        ({"excluded": ["Cl"]}, False),
        ({"asked_formula": "Cl2Na2"}, True),
        ({"asked_formula": "NaCl2"}, False),
        ({"asked_formula": "nonsense"}, False),
    ],
)
def test_elements_and_formula(rules: dict[str, object], obeys: bool) -> None:
    assert has_element_rules(rules)  # pyright: ignore[reportArgumentType]
    assert obeys_elements(rules, SALT) is obeys  # pyright: ignore[reportArgumentType]


def test_no_rules_is_no_obedience() -> None:
    assert not has_element_rules({"allowed": None, "required": [], "conditions": {"density_g_cm3": 3}})


def test_values_are_measured_where_they_can_be() -> None:
    assert measured("density_g_cm3", SALT, None) == pytest.approx(2.16, abs=0.02)
    assert measured("space_group", SALT, None) == 225
    assert measured("crystal_system", SALT, None) == condition_value("crystal_system", "cubic") == 6
    assert measured("atoms", SALT, None) == len(SALT.species)
    assert measured("energy_above_hull_ev_per_atom", SALT, None) is None
    energy = Energy(above_hull=0.03, formation=-2.0, bulk_modulus_gpa=25.0)
    assert measured("energy_above_hull_ev_per_atom", SALT, energy) == 0.03
    assert measured("bulk_modulus_gpa", SALT, energy) == 25.0


@pytest.mark.parametrize(
    ("name", "value", "wanted", "hit"),
    [
        ("density_g_cm3", 5.4, 5.0, True),
        ("density_g_cm3", 5.6, 5.0, False),
        ("energy_above_hull_ev_per_atom", -0.3, 0.0, True),
        ("energy_above_hull_ev_per_atom", 0.06, 0.0, False),
        ("formation_energy_ev_per_atom", -1.95, -2.0, True),
        ("crystal_system", 6.0, 6.0, True),
        ("crystal_system", 5.0, 6.0, False),
        ("bulk_modulus_gpa", None, 100.0, False),
    ],
)
def test_hits(name: str, value: float | None, wanted: float, hit: bool) -> None:
    assert is_hit(name, value=value, wanted=wanted) is hit


def test_a_manifest_gives_the_values_that_can_be_measured() -> None:
    asked = {
        "conditions": {"density": 5, "crystal_system": "cubic", "softness": 3, "bulk_modulus_gpa": None},
        "asked_space_group": 225,
        "asked_atoms": 8,
    }
    assert wanted_values(asked) == {  # pyright: ignore[reportArgumentType]
        "density_g_cm3": 5.0,
        "crystal_system": 6.0,
        "space_group": 225.0,
        "atoms": 8.0,
    }
    with pytest.raises(UsageError, match="softness"):
        property_name("softness")
    with pytest.raises(UsageError, match="no value"):
        condition_value("density_g_cm3", "much")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("density_g_cm3", "nan"),
        ("density_g_cm3", "inf"),
        ("density_g_cm3", "-5"),
        ("density_g_cm3", "0"),
        ("bulk_modulus_gpa", "-1"),
        ("bulk_modulus_gpa", "1e308"),
        ("formation_energy_ev_per_atom", "-inf"),
        ("energy_above_hull_ev_per_atom", "NaN"),
        ("crystal_system", "99"),
        ("crystal_system", "-1"),
        ("crystal_system", "2.5"),
        ("space_group", "0"),
        ("space_group", "231"),
        ("atoms", "0"),
    ],
)
def test_what_no_crystal_has_is_refused_and_left_out_of_a_manifest(name: str, text: str) -> None:
    with pytest.raises(UsageError, match="is no value of") as caught:
        condition_value(name, text)
    assert caught.value.hint.startswith("Give ")
    assert wanted_values({"conditions": {name: float(text)}}) == {}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("density_g_cm3", "22.6", 22.6),
        ("formation_energy_ev_per_atom", "-4.5", -4.5),
        ("energy_above_hull_ev_per_atom", "0", 0.0),
        ("crystal_system", "0", 0.0),
        ("crystal_system", "Triclinic", 0.0),
        ("crystal_system", "6", 6.0),
        ("space_group", "230", 230.0),
        ("atoms", "1", 1.0),
    ],
)
def test_what_a_crystal_can_have_is_taken(name: str, text: str, value: float) -> None:
    assert condition_value(name, text) == value
