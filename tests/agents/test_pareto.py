"""The front: nobody on it is beaten by more than the errors, everybody off it is, and constraints come first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matsmith.agents.pareto import beats, crowding, front, fronts, near_front, ranks
from matsmith.core.directive import Directive
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Measurement, Verdict, judge, meets_all

VALUES = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-5, 5).map(float))
HARD = Target(property="bulk_modulus", relation=Relation.MAXIMISE)
CHEAP = Target(property="price", relation=Relation.MINIMISE)
STABLE = Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05)


def _judgement(
    spec: DesignSpec,
    name: str,
    *values: tuple[float, float] | None,
    round_number: int = 0,
    rejected: str = "",
) -> Judgement:
    found: list[Verdict] = []
    for index, (target, value) in enumerate(zip(spec.targets, values, strict=True)):
        quantity = None if value is None else Quantity(value=value[0], sigma=value[1], unit=target.unit)
        measured = [] if quantity is None else [Measurement(record="r" * 8, tool="t", quantity=quantity)]
        found.append(judge(target, measured, spec=spec, candidate=name, index=index))
    return Judgement(
        candidate=name,
        round=round_number,
        verdicts=found,
        meets=meets_all(found, spec=spec),
        rejected=rejected,
    )


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_without_errors_it_is_the_front_of_pareto(values: np.ndarray) -> None:
    first = set(fronts(values, np.zeros_like(values))[0])
    for j in range(len(values)):
        beaten = any((v >= values[j]).all() and (v > values[j]).any() for v in values)
        assert (j in first) == (not beaten)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.floats(0, 4))
def test_fronts_hold_everybody_once_and_are_not_beaten_from_behind(values: np.ndarray, sigma: float) -> None:
    sigmas = np.full_like(values, sigma)
    found = fronts(values, sigmas)
    assert sorted(place for one in found for place in one) == list(range(len(values)))
    beaten = beats(values, sigmas)
    for number, one in enumerate(found):
        later = [place for rest in found[number:] for place in rest]
        # Mutually not beaten, nor by any that come after.
        assert not beaten[np.ix_(later, one)].any()
        if number:
            # Each stands where it does because one of the front before beats it.
            assert beaten[np.ix_(found[number - 1], one)].any(axis=0).all()


@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_larger_errors_lose_nobody(values: np.ndarray) -> None:
    sharp = set(fronts(values, np.zeros_like(values))[0])
    blurred = set(fronts(values, np.full_like(values, 1.5))[0])
    assert sharp <= blurred


def test_a_lead_within_the_error_beats_nobody() -> None:
    values = np.array([[200.0, -1.0], [190.0, -1.0]])
    assert fronts(values, np.array([[10.0, 0.0], [10.0, 0.0]])) == [[0, 1]]
    assert fronts(values, np.array([[5.0, 0.0], [5.0, 0.0]])) == [[0], [1]]
    # As stiff as far as can be told, and dearer beyond doubt.
    assert fronts(np.array([[200.0, -1.0], [199.0, -9.0]]), np.array([[10.0, 0.1], [10.0, 0.1]])) == [
        [0],
        [1],
    ]


def test_crowding_keeps_the_ends_and_what_stands_alone() -> None:
    alone = crowding(np.array([[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [7.0, 2.0], [10.0, 0.0]]))
    assert np.isinf(alone[[0, 4]]).all()
    assert alone[3] > alone[2] > alone[1]
    assert np.isinf(crowding(np.array([[1.0, 1.0]]))).all()


def test_only_those_that_meet_the_constraints_and_were_measured_stand_on_a_front() -> None:
    spec = DesignSpec(targets=[HARD, CHEAP, STABLE])
    judged = [
        _judgement(spec, "stiff", (300, 5), (50, 1), (0.0, 0.01)),
        _judgement(spec, "cheap", (100, 5), (1, 0.1), (0.0, 0.01)),
        _judgement(spec, "worse", (90, 5), (60, 1), (0.0, 0.01)),
        _judgement(spec, "unstable", (400, 5), (0.5, 0.1), (0.3, 0.01)),
        _judgement(spec, "unmeasured", None, (0.1, 0.01), (0.0, 0.01)),
        _judgement(spec, "rejected", (500, 5), (0.1, 0.01), (0.0, 0.01), rejected="overlap"),
    ]
    assert ranks(spec, judged) == {"stiff": 0, "cheap": 0, "worse": 1}
    assert front(spec, judged) == ["cheap", "stiff"]


def test_one_open_target_has_no_front() -> None:
    spec = DesignSpec(targets=[HARD, STABLE])
    judged = [_judgement(spec, "a", (300, 5), (0.0, 0.01))]
    assert ranks(spec, judged) == {}
    assert front(spec, judged) == []
    directive = Directive(parents=["x"])
    assert near_front(directive, spec=spec, judgements={"a": judged[0]}) is directive


def test_the_next_round_draws_near_the_whole_front_then_near_what_the_critic_named() -> None:
    spec = DesignSpec(targets=[HARD, CHEAP])
    judged = {
        name: _judgement(spec, name, (stiff, 1), (price, 0.1))
        for name, stiff, price in (("a", 100, 1), ("b", 200, 5), ("c", 300, 50), ("d", 90, 60))
    }
    found = near_front(Directive(parents=["d", "b"], elements={"O": 2.0}), spec=spec, judgements=judged)
    assert found.parents == ["a", "c", "b", "d"]
    assert found.elements == {"O": 2.0}


@pytest.mark.parametrize("count", [13, 40])
def test_of_a_long_front_the_least_crowded_are_kept(count: int) -> None:
    spec = DesignSpec(targets=[HARD, CHEAP])
    judged = {str(k): _judgement(spec, str(k), (float(k), 0.0), (float(k), 0.0)) for k in range(1, count + 1)}
    parents = near_front(Directive(), spec=spec, judgements=judged).parents
    assert len(parents) == 12
    assert {"1", str(count)} <= set(parents)
