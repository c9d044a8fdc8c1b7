"""The tool: units, sigma, what the number is of; it rules out and never confirms; refusals are typed."""

from __future__ import annotations

import pytest

from matsmith.agents.work import measurements
from matsmith.core.crystal import Crystal
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation, Truth
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, judge
from matsmith.knowledge.crystals import find
from matsmith.models.predictors.library import predicted
from matsmith.tools.base import Deps
from matsmith.tools.composition_prediction import CompositionPredictionArgs
from matsmith.tools.registry import get_tool, predicted_only, tools_for


def run(*properties: str, formula: str = "MgO", settings: Settings | None = None) -> Outcome:
    args = CompositionPredictionArgs(formula=formula, properties=properties)
    return get_tool("composition_prediction").run(args, deps=Deps(settings=settings or Settings()))


def verdict(outcome: Outcome, *, above: float, name: str = "bulk_modulus") -> Answer:
    spec = DesignSpec(targets=[Target(property=name, relation=Relation.ABOVE, value=above)])
    record = Record.of(
        outcome,
        tool="composition_prediction",
        tool_version="1",
        inputs={"formula": "MgO"},
        identity="",
        seed=0,
    )
    return judge(spec.targets[0], measurements(spec, 0, [record]), spec=spec, candidate="c", index=0).answer


def test_values_carry_unit_sigma_and_what_they_are_of() -> None:
    outcome = run("bulk_modulus", "measured_band_gap", "computed_band_gap", "metallic_glass")
    assert outcome.failure is None
    bulk = outcome.quantities["bulk_modulus"]
    assert (bulk.unit, bulk.truth) == ("GPa", Truth.DFT_0K)
    assert bulk.value == pytest.approx(predicted("bulk_modulus", "MgO").value)
    assert abs(bulk.value - 155) < 3 * bulk.sigma
    assert outcome.quantities["measured_band_gap"].truth is Truth.EXPERIMENT_300K
    details = outcome.facts["predictions"]
    assert isinstance(details, dict)
    assert "30 to 50 % below" in str(details["computed_band_gap"])
    assert "in_domain" in str(details["bulk_modulus"])
    assert outcome.method is not None
    assert "de Jong" in outcome.method.reference


def test_it_rules_out_and_never_confirms() -> None:
    outcome = run("bulk_modulus")
    assert verdict(outcome, above=400.0) is Answer.NOT_MET
    assert verdict(outcome, above=20.0) is Answer.UNKNOWN
    assert verdict(outcome, above=155.0) is Answer.UNKNOWN


def test_only_the_formula_of_a_structure_counts() -> None:
    crystal = Crystal.from_pymatgen(find("MgO")[0].structure())
    deps = Deps(settings=Settings(), inputs={"x": crystal})
    args = CompositionPredictionArgs(structure="x", properties=("bulk_modulus",))
    found = get_tool("composition_prediction").run(args, deps=deps)
    assert found.quantities == run("bulk_modulus").quantities


def test_a_batch_equals_its_members_and_bad_ones_fail_alone() -> None:
    formulas = ["MgO", "LixCoO2", "GaN", "OgO", "C601H1400", "TiO2"]
    batch = [CompositionPredictionArgs(formula=formula, properties=("bulk_modulus",)) for formula in formulas]
    tool = get_tool("composition_prediction")
    found = dict(tool.run_many(batch, deps=Deps(settings=Settings())))
    codes = [found[index].failure.code if found[index].failure else "" for index in range(6)]  # pyright: ignore[reportOptionalMemberAccess]
    assert codes == ["", "no_composition", "", "no_composition", "no_composition", ""]
    for index in (0, 2, 5):
        alone = run("bulk_modulus", formula=formulas[index])
        assert found[index].quantities["bulk_modulus"].value == pytest.approx(
            alone.quantities["bulk_modulus"].value
        )


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ({"formula": "Hello"}, "no_composition", "not a chemical formula"),
        ({"formula": "MgO", "properties": ("colour",)}, "no_such_property", "colour"),
        ({}, "no_such_property", "either a structure or a formula"),
        ({"formula": "MgO", "structure": "x"}, "no_such_property", "either a structure or a formula"),
    ],
)
def test_refusals_are_typed(args: dict[str, object], code: str, words: str) -> None:
    deps = Deps(settings=Settings())
    outcome = get_tool("composition_prediction").run(
        CompositionPredictionArgs.model_validate(args), deps=deps
    )
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert words in outcome.failure.message
    assert outcome.failure.hint


def test_outside_of_the_domain_is_said() -> None:
    outcome = run("bulk_modulus", formula="He3Xe")
    assert outcome.warnings
    assert "outside of the domain" in str(outcome.facts["inconclusive"])


def test_it_is_the_cheapest_that_answers_for_a_new_material(plain: Settings) -> None:
    for name in (
        "bulk_modulus",
        "shear_modulus",
        "measured_band_gap",
        "computed_band_gap",
        "refractive_index",
    ):
        tools = [tool for tool in tools_for(name, settings=plain) if not tool.name.startswith("known_")]
        assert tools[0].name == "composition_prediction"
        assert name in PROPERTIES
    assert predicted_only("measured_band_gap", settings=plain)
    assert not predicted_only("bulk_modulus", settings=plain)
