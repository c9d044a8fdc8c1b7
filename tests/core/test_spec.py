from __future__ import annotations

import pytest
from pydantic import ValidationError

from matsmith.core.elements import SYMBOLS, check_elements, parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.properties import PROPERTIES, physical_problem
from matsmith.core.quantity import Relation
from matsmith.core.spec import FLAT_MOTIFS, Chemistry, DesignSpec, StructureWish, Target
from matsmith.tools.registry import tool_names


def test_a_target_takes_its_unit_from_the_registry() -> None:
    assert Target(property="bulk_modulus", relation=Relation.ABOVE, value=1.0).unit == "GPa"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"property": "shininess", "relation": "above", "value": 1}, "unknown property"),
        ({"property": "density", "relation": "above"}, "needs a value"),
        ({"property": "density", "relation": "maximise", "value": 1}, "takes no value"),
        ({"property": "density", "relation": "between", "value": 1}, "upper end"),
        ({"property": "density", "relation": "between", "value": 2, "upper": 1}, "empty"),
        ({"property": "density", "relation": "above", "value": 1, "unit": "eV"}, "stated in g/cm3"),
        ({"property": "density", "relation": "above", "value": float("nan")}, "finite"),
    ],
)
def test_a_malformed_target_says_what_is_wrong(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Target.model_validate(fields)


def test_unknown_elements_and_space_groups_are_refused() -> None:
    with pytest.raises(SpecError, match="no element 'Xx'"):
        Chemistry(required=["Xx"])
    with pytest.raises(ValidationError, match="231"):
        StructureWish(space_groups=[231])


def test_elements_are_sorted_by_number_without_repeats() -> None:
    assert check_elements(["O", "Fe", "O", "H"]) == ["H", "O", "Fe"]
    assert len(SYMBOLS) == 118


def test_a_spec_survives_json() -> None:
    spec = DesignSpec(
        objective="x",
        targets=[Target(property="density", relation=Relation.BETWEEN, value=1, upper=2)],
        chemistry=Chemistry(required=["O"], any_of=[["Fe", "Ni"]]),
    )
    assert DesignSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("formula", "amounts"),
    [
        ("Al2O3", {"Al": 2, "O": 3}),
        ("Ca3(PO4)2", {"Ca": 3, "P": 2, "O": 8}),
        ("LiNi0.8Co0.2O2", {"Li": 1, "Ni": 0.8, "Co": 0.2, "O": 2}),
        ("K2(NaLi)2", {"K": 2, "Na": 2, "Li": 2}),
    ],
)
def test_formulas_parse(formula: str, amounts: dict[str, float]) -> None:
    assert parse_formula(formula) == pytest.approx(amounts)


@pytest.mark.parametrize("formula", ["", "Xx2", "Al2O3)", "(Al", "al2o3", "Al-O", "Al0", "2", "Al2..O"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(SpecError):
        parse_formula(formula)


def test_a_motif_is_an_alloy_or_a_flat_net_that_the_model_can_build() -> None:
    from matsmith.models.diffusion.motifs import MOTIFS

    assert set(MOTIFS) == set(FLAT_MOTIFS)
    assert StructureWish(motif=" Kagome ").motif == "kagome"
    assert StructureWish(motif="").motif is None
    with pytest.raises(ValidationError, match="there is no motif 'quasicrystal'"):
        StructureWish(motif="quasicrystal")


def test_every_tool_that_the_registry_names_exists_and_synonyms_are_unambiguous() -> None:
    names = set(tool_names())
    seen: dict[str, str] = {}
    for entry in PROPERTIES.values():
        assert set(entry.tools) <= names
        for synonym in entry.synonyms:
            assert synonym not in seen, f"{synonym} means {seen.get(synonym)} and {entry.name}"
            seen[synonym] = entry.name


def test_values_outside_of_physics_are_named() -> None:
    problem = physical_problem("bulk_modulus", 2000.0)
    assert problem is not None
    assert "443" in problem
    assert physical_problem("bulk_modulus", 160.0) is None
