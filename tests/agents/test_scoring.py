"""Scores against probabilities worked out by hand; they order and never exclude."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from matsmith.agents.scoring import optimise_scale, promise, score
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Measurement, Verdict, judge

MakeSpec = Callable[..., DesignSpec]
ABOVE = Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)


def gpa(value: float, sigma: float = 10.0) -> Quantity:
    return Quantity(value=value, unit="GPa", sigma=sigma)


def verdict_of(spec: DesignSpec, quantity: Quantity | None, *, index: int = 0) -> Verdict:
    found = [] if quantity is None else [Measurement(record="r", tool="t", quantity=quantity)]
    return judge(spec.targets[index], found, spec=spec, candidate="c", index=index)


def test_a_target_without_an_estimate_counts_as_even_odds(make_spec: MakeSpec) -> None:
    assert promise(make_spec(), {}) == pytest.approx(math.log(0.5))
    assert promise(make_spec(), {"bulk_modulus": gpa(150)}) == pytest.approx(math.log(0.5))


def test_promise_is_the_log_of_the_probability(make_spec: MakeSpec) -> None:
    # One sigma above the threshold: 0.8413.
    assert promise(make_spec(), {"bulk_modulus": gpa(160)}) == pytest.approx(math.log(0.84134), abs=1e-4)


def test_no_estimate_excludes(make_spec: MakeSpec) -> None:
    assert promise(make_spec(), {"bulk_modulus": gpa(1, 0.1)}) == pytest.approx(math.log(1e-4))


def test_weight_and_softness_scale_a_target(make_spec: MakeSpec) -> None:
    plain = promise(make_spec(), {"bulk_modulus": gpa(140)})
    heavy = make_spec(targets=[ABOVE.model_copy(update={"weight": 2.0})])
    soft = make_spec(targets=[ABOVE.model_copy(update={"hard": False})])
    assert promise(heavy, {"bulk_modulus": gpa(140)}) == pytest.approx(2 * plain)
    assert promise(soft, {"bulk_modulus": gpa(140)}) == pytest.approx(0.3 * plain)


@pytest.mark.parametrize(("relation", "sign"), [(Relation.MAXIMISE, 1), (Relation.MINIMISE, -1)])
def test_what_is_only_optimised_adds_its_gain(make_spec: MakeSpec, relation: Relation, sign: int) -> None:
    spec = make_spec(targets=[Target(property="bulk_modulus", relation=relation)])
    more, less = promise(spec, {"bulk_modulus": gpa(200)}), promise(spec, {"bulk_modulus": gpa(100)})
    # 100 GPa are two tenths of the physical range of 0 to 500 GPa.
    assert more - less == pytest.approx(sign * 0.3 * 2.0)
    assert score(spec, [verdict_of(spec, gpa(200, 0.0))]) == pytest.approx(more)


@pytest.mark.parametrize(("relation", "sign"), [(Relation.MAXIMISE, 1), (Relation.MINIMISE, -1)])
def test_a_lead_that_is_all_uncertainty_is_worth_what_it_is_at_least(
    make_spec: MakeSpec, relation: Relation, sign: int
) -> None:
    spec = make_spec(targets=[Target(property="bulk_modulus", relation=relation)])
    doubtful, sure = (gpa(200 + sign * lead, sigma) for lead, sigma in ((90, 85), (20, 5)))
    assert score(spec, [verdict_of(spec, sure)]) > score(spec, [verdict_of(spec, doubtful)])


def test_the_scale_of_a_property_without_a_range() -> None:
    assert optimise_scale("bulk_modulus") == pytest.approx(50.0)
    assert optimise_scale("energy_above_hull") == pytest.approx(2.0)
    assert optimise_scale("price") == 10.0


def test_score_follows_the_verdicts(make_spec: MakeSpec) -> None:
    spec = make_spec()
    values = [gpa(200), gpa(160), gpa(150), gpa(100)]
    scores = [score(spec, [verdict_of(spec, value)]) for value in values]
    assert scores == sorted(scores, reverse=True)
    assert score(spec, [verdict_of(spec, None)]) == pytest.approx(math.log(0.3))
