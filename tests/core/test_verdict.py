from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.quantity import Quantity, Relation, Truth
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, Measurement, Verdict, judge, meets_all

SPEC = DesignSpec(targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)])


def measured(value: float, sigma: float, *, record: str = "r1", conclusive: bool = True) -> Measurement:
    quantity = Quantity(value=value, unit="GPa", sigma=sigma, truth=Truth.EXPERIMENT_300K)
    return Measurement(
        record=record, tool=record, quantity=quantity, conclusive=conclusive, caveat="not refuted"
    )


def answer(*measurements: Measurement) -> Verdict:
    return judge(SPEC.targets[0], measurements, spec=SPEC, candidate="c", index=0)


@pytest.mark.parametrize(
    ("value", "sigma", "expected"),
    [
        (160.0, 10.0, Answer.MET),  # one sigma above: 0.841
        (159.0, 10.0, Answer.UNKNOWN),
        (150.0, 10.0, Answer.UNKNOWN),
        (140.0, 10.0, Answer.NOT_MET),
        (150.0, 0.0, Answer.MET),
        (149.99, 0.0, Answer.NOT_MET),
    ],
)
def test_the_answer_follows_from_value_and_sigma(value: float, sigma: float, expected: Answer) -> None:
    assert answer(measured(value, sigma)).answer is expected


def test_what_was_not_measured_is_unknown() -> None:
    assert answer().answer is Answer.UNKNOWN


def test_the_most_precise_method_decides_and_the_margin_is_its_own() -> None:
    verdict = answer(measured(140.0, 30.0, record="rough"), measured(170.0, 5.0, record="fine"))
    assert (verdict.answer, verdict.record, verdict.others) == (Answer.MET, "fine", ("rough",))
    assert verdict.margin == pytest.approx(20.0)


def test_two_methods_that_disagree_give_unknown_with_the_reason() -> None:
    verdict = answer(measured(300.0, 5.0, record="one"), measured(100.0, 20.0, record="two"))
    assert verdict.answer is Answer.UNKNOWN
    assert "disagree" in verdict.reason


def test_a_method_that_can_only_refute_never_confirms() -> None:
    assert answer(measured(300.0, 5.0, conclusive=False)).answer is Answer.UNKNOWN
    assert answer(measured(50.0, 5.0, conclusive=False)).answer is Answer.NOT_MET


@given(
    value=st.floats(-1e3, 1e3), sigma=st.floats(0.01, 100), low=st.floats(-1e3, 1e3), width=st.floats(0, 500)
)
def test_probabilities_of_inside_and_outside_add_up(
    value: float, sigma: float, low: float, width: float
) -> None:
    quantity = Quantity(value=value, unit="GPa", sigma=sigma)
    inside = quantity.probability(low=low, high=low + width)
    outside = quantity.probability(high=low) + quantity.probability(low=low + width)
    assert inside + outside == pytest.approx(1.0, abs=1e-9)


def test_a_soft_target_does_not_decide() -> None:
    spec = DesignSpec(
        targets=[
            Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0),
            Target(property="density", relation=Relation.BELOW, value=4.0, hard=False),
            Target(property="price", relation=Relation.MINIMISE, hard=False),
        ]
    )
    met = Verdict(candidate="c", target=0, property="bulk_modulus", answer=Answer.MET)
    missed = Verdict(candidate="c", target=1, property="density", answer=Answer.NOT_MET)
    assert meets_all([met, missed], spec=spec)
    assert not meets_all([missed], spec=spec)


@pytest.mark.parametrize(
    ("relation", "value", "upper", "inside", "outside"),
    [
        (Relation.ABOVE, 2.0, None, 2.5, 1.5),
        (Relation.BELOW, 2.0, None, 1.5, 2.5),
        (Relation.BETWEEN, 1.0, 2.0, 1.5, 2.5),
        (Relation.AROUND, 3.0, None, 3.2, 3.4),
    ],
)
def test_margins_are_positive_inside_only(
    relation: Relation, value: float, upper: float | None, inside: float, outside: float
) -> None:
    target = Target(property="measured_band_gap", relation=relation, value=value, upper=upper)
    assert target.margin(Quantity(value=inside, unit="eV", sigma=0.1)) > 0
    assert target.margin(Quantity(value=outside, unit="eV", sigma=0.1)) < 0
