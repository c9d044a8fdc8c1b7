"""The tool: its quantity is the prediction, contributions add up, what is avoided stays out, refusals are typed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, cast

import pytest

from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.models.predictors.library import predicted
from matsmith.tools.base import Deps
from matsmith.tools.explain_prediction import ExplainPredictionArgs
from matsmith.tools.registry import get_tool


def run(settings: Settings | None = None, **args: Any) -> Outcome:
    return get_tool("explain_prediction").run(
        ExplainPredictionArgs.model_validate(args), deps=Deps(settings=settings or Settings())
    )


def facts(outcome: Outcome) -> dict[str, Any]:
    return cast("dict[str, Any]", outcome.facts)


def test_the_quantity_is_the_prediction_and_the_contributions_make_it_up() -> None:
    outcome = run(formula="BaZrO3", property="measured_band_gap")
    assert outcome.failure is None
    own = predicted("measured_band_gap", "BaZrO3")
    assert outcome.quantities["measured_band_gap"].value == pytest.approx(own.value)
    assert outcome.quantities["measured_band_gap"].sigma == pytest.approx(own.sigma)
    by_descriptor, by_element = facts(outcome)["contributions"]
    for drawn in (by_descriptor, by_element):
        total = drawn["base"] + sum(part["value"] for part in drawn["parts"]) + drawn["rest"]
        assert total == pytest.approx(own.value, abs=1e-3)
    assert {part["name"] for part in by_element["parts"]} >= {"Ba", "Zr", "O"}
    assert len(facts(outcome)["nearest"]) == 5
    assert "cause" in facts(outcome)["what_it_is"]


def test_every_substitution_is_a_quantity_that_text_can_name() -> None:
    outcome = run(formula="BaZrO3", property="measured_band_gap", towards="lower", avoid=["Te", "Ru"])
    steps = facts(outcome)["instead"]
    assert steps
    for step in steps:
        name = f"measured_band_gap_with_{step['by'].lower()}_for_{step['replace'].lower()}"
        assert outcome.quantities[name].value == pytest.approx(step["value"], rel=1e-3, abs=1e-3)
        assert step["change"] < 0
        assert step["by"] not in ("Te", "Ru")


def test_neighbours_carry_their_values_where_the_tables_are(tmp_path: Path) -> None:
    bare = run(Settings(data_dir=tmp_path / "none"), formula="BaZrO3", property="bulk_modulus")
    assert not any("value" in one for one in facts(bare)["nearest"])
    text = "formula,log10_K_VRH_GPa\nSrZrO3,2.0\nBaZrO3,2.2\n"
    (tmp_path / "mp_log10_bulk_modulus.csv.gz").write_bytes(gzip.compress(text.encode()))
    found = run(
        Settings(data_dir=tmp_path, cache_dir=tmp_path / "cache"), formula="BaZrO3", property="bulk_modulus"
    )
    values = {one["formula"]: one.get("value") for one in facts(found)["nearest"]}
    assert values["SrZrO3"] == pytest.approx(100.0)
    assert facts(found)["elements"] == facts(bare)["elements"]


def test_outside_of_the_domain_is_said() -> None:
    assert "outside" in run(formula="He3Xe", property="bulk_modulus").warnings[0]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ({"formula": "Hello", "property": "bulk_modulus"}, "no_composition", "not a chemical formula"),
        ({"formula": "OgO2", "property": "bulk_modulus"}, "no_composition", "Og"),
        ({"formula": "MgO", "property": "colour"}, "no_such_property", "colour"),
        ({"property": "bulk_modulus"}, "no_such_property", "either a structure or a formula"),
    ],
)
def test_refusals_are_typed(args: dict[str, Any], code: str, words: str) -> None:
    outcome = run(**args)
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert words in outcome.failure.message
    assert outcome.failure.hint
