"""Targets that compare with a reference material: the same method must have measured both, and both errors count."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from matsmith.core.quantity import Quantity, Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, Measurement, Verdict, judge

TARGET = Target(property="youngs_modulus", relation=Relation.ABOVE, value=1.0, reference="Al")
SPEC = DesignSpec(targets=[TARGET])


def of(
    value: float, sigma: float, *, tool: str = "md_elastic", method: str = "eam", record: str = "mine"
) -> Measurement:
    return Measurement(
        record=record, tool=tool, method=method, quantity=Quantity(value=value, unit="GPa", sigma=sigma)
    )


def answer(*mine: Measurement, references: tuple[Measurement, ...], target: Target = TARGET) -> Verdict:
    return judge(target, mine, spec=SPEC, candidate="c", index=0, references=references)


@pytest.mark.parametrize(
    ("value", "sigma", "expected"),
    [
        (70.0, 3.0, Answer.MET),  # five above, the errors 3 and 4 together 5: one sigma, 0.841
        (69.0, 3.0, Answer.UNKNOWN),
        (65.0, 3.0, Answer.UNKNOWN),
        (60.0, 3.0, Answer.NOT_MET),
        (66.0, 0.0, Answer.UNKNOWN),  # the error of the reference alone leaves it open
    ],
)
def test_both_errors_count(value: float, sigma: float, expected: Answer) -> None:
    verdict = answer(of(value, sigma), references=(of(65.0, 4.0, record="aluminium"),))
    assert verdict.answer is expected
    assert verdict.quantity is not None
    assert verdict.quantity.sigma == sigma  # what is shown is the candidate's own
    assert verdict.margin == pytest.approx(value - 65.0)
    assert verdict.others == ("aluminium",)
    assert "Al by the same method: 65.0 ± 4.0 GPa" in verdict.reason


def test_another_potential_is_another_method() -> None:
    for other in (of(65.0, 1.0, method="meam"), of(65.0, 1.0, tool="elasticity")):
        verdict = answer(of(90.0, 1.0), references=(other,))
        assert verdict.answer is Answer.UNKNOWN
        assert "not measured by the same method" in verdict.reason


def test_without_the_reference_nothing_is_decided() -> None:
    assert answer(of(900.0, 1.0), references=()).answer is Answer.UNKNOWN
    assert answer(references=(of(65.0, 1.0),)).reason == "not measured"


def test_methods_that_contradict_each_other_give_unknown() -> None:
    verdict = answer(
        of(90.0, 1.0),
        of(50.0, 1.0, tool="elasticity"),
        references=(of(65.0, 1.0), of(65.0, 1.0, tool="elasticity")),
    )
    assert verdict.answer is Answer.UNKNOWN
    assert "disagree" in verdict.reason


def test_a_multiple_scales_value_and_error() -> None:
    twice = TARGET.model_copy(update={"value": 2.0})
    reference = (of(50.0, 2.0),)
    assert (
        answer(of(105.0, 3.0), references=reference, target=twice).answer is Answer.MET
    )  # 105 - 100 = 5 = hypot(3, 4)
    assert answer(of(104.0, 3.0), references=reference, target=twice).answer is Answer.UNKNOWN
    assert twice.describe() == "youngs_modulus above 2 times that of Al"


def test_a_reference_is_an_element_or_a_formula_and_needs_a_multiple() -> None:
    assert TARGET.describe() == "youngs_modulus above that of Al"
    for wrong in (
        {"property": "density", "relation": "maximise", "reference": "Al"},
        {"property": "density", "relation": "above", "value": 1.0, "reference": "steel"},
        {"property": "density", "relation": "above", "reference": "Al"},
    ):
        with pytest.raises(ValidationError):
            Target.model_validate(wrong)


def test_a_relative_target_says_nothing_of_absolute_values() -> None:
    assert TARGET.interval.low == float("-inf")
    assert DesignSpec.model_validate_json(SPEC.model_dump_json()) == SPEC
