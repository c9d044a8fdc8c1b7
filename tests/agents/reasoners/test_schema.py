from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.decisions import (
    Answer,
    Critique,
    GenerationPlan,
    LiteratureQueries,
    Plan,
    SimulationPlan,
)
from matsmith.agents.reasoners.schema import (
    FIELDS_SET_BY_CODE,
    maps_from_pairs,
    plain_schema,
    strict_schema,
)

ANSWERS: list[type[Answer]] = [Plan, LiteratureQueries, GenerationPlan, SimulationPlan, Critique]
ALLOWED = {
    "type",
    "description",
    "enum",
    "const",
    "anyOf",
    "items",
    "properties",
    "required",
    "additionalProperties",
    "$ref",
    "$defs",
}


def schemas_in(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in [
        *schema.get("properties", {}).values(),
        *schema.get("$defs", {}).values(),
        *schema.get("anyOf", []),
    ]:
        yield from schemas_in(part)
    if "items" in schema:
        yield from schemas_in(schema["items"])


@pytest.mark.parametrize("model", ANSWERS)
def test_strict_schemas_keep_the_rules_of_strict_output(model: type[Answer]) -> None:
    schema = strict_schema(model, omit=FIELDS_SET_BY_CODE)
    assert schema["type"] == "object"
    for part in schemas_in(schema):
        assert set(part) <= ALLOWED
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
        if "$ref" in part:
            assert set(part) == {"$ref"}
            assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        else:
            assert "type" in part or "anyOf" in part or "enum" in part


@pytest.mark.parametrize("model", ANSWERS)
def test_no_model_is_shown_what_code_sets(model: type[Answer]) -> None:
    for schema in (
        strict_schema(model, omit=FIELDS_SET_BY_CODE),
        plain_schema(model, omit=FIELDS_SET_BY_CODE),
    ):
        text = json.dumps(schema)
        for name in ("warnings", "probability_met", "model_calls", "Budget"):
            assert f'"{name}"' not in text


def test_plain_schemas_keep_limits() -> None:
    assert plain_schema(LiteratureQueries)["properties"]["queries"]["maxItems"] == 8
    assert "maxItems" not in strict_schema(LiteratureQueries)["properties"]["queries"]


WEIGHTS = st.dictionaries(st.text(max_size=5), st.floats(0, 100), max_size=4)


def as_pairs(weights: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in weights.items()]


@given(counts=st.dictionaries(st.text(max_size=5), st.integers(0, 99)), elements=WEIGHTS, prototypes=WEIGHTS)
def test_maps_come_back_from_pairs(
    counts: dict[str, int], elements: dict[str, float], prototypes: dict[str, float]
) -> None:
    plain = {
        "strategies": counts,
        "directive": {"elements": elements, "prototypes": prototypes, "parents": ["a"]},
    }
    strict = {
        "strategies": as_pairs(counts),
        "directive": {"elements": as_pairs(elements), "prototypes": as_pairs(prototypes), "parents": ["a"]},
    }
    assert maps_from_pairs(strict, model=GenerationPlan) == plain
    assert maps_from_pairs(plain, model=GenerationPlan) == plain


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["spec", "targets", "directive", "elements", "key", "value"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_passes_through(data: object) -> None:
    for model in ANSWERS:
        result = maps_from_pairs(data, model=model)
        assert json.dumps(result)
        if isinstance(data, str | int | None):
            assert result == data


def test_what_are_no_pairs_is_left_for_the_validation() -> None:
    wrong = {"strategies": [{"key": "known"}, 3]}
    assert cast("dict[str, Any]", maps_from_pairs(wrong, model=GenerationPlan)) == wrong


def test_strict_schemas_tell_defaults_in_words() -> None:
    parts = strict_schema(Plan, omit=FIELDS_SET_BY_CODE)["$defs"]
    assert "20" in parts["StructureWish"]["properties"]["atoms_max"]["description"]
    assert parts["Target"]["properties"]["tolerance"]["description"] == (
        "relative half-width of 'around'; 0.1 unless the question says otherwise"
    )
    assert "description" not in parts["Chemistry"]["properties"]["required"]
