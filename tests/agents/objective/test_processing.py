"""How hot a material is made, in words: it is a target and no condition of use."""

from __future__ import annotations

import pytest

from matsmith.agents.objective import parse_objective
from matsmith.core.quantity import Relation


@pytest.mark.parametrize(
    ("words", "name", "relation", "celsius"),
    [
        ("an oxide calcined below 900 C", "calcination_temperature", Relation.BELOW, 900.0),
        ("a garnet that can be calcined at no more than 900 °C", "calcination_temperature", Relation.BELOW, 900.0),
        ("a lithium oxide with a calcination temperature below 1173.15 K", "calcination_temperature", Relation.BELOW, 900.0),
        ("an oxide sintered in air below 1200 C", "sintering_temperature", Relation.BELOW, 1200.0),
        ("an oxide, sintering temperature under 1000 °C", "sintering_temperature", Relation.BELOW, 1000.0),
        ("an oxide calcined above 1000 C", "calcination_temperature", Relation.ABOVE, 1000.0),
        ("an oxide calcined at 850 C", "calcination_temperature", Relation.BELOW, 850.0),
    ],
)  # fmt: skip
def test_it_is_a_target(words: str, name: str, relation: Relation, celsius: float) -> None:
    plan = parse_objective(words)
    (target,) = [one for one in plan.spec.targets if one.property == name]
    assert target.relation is relation
    assert target.value == pytest.approx(celsius + 273.15, abs=0.01)
    assert target.unit == "K"
    assert plan.spec.conditions.temperature_k is None
    assert not plan.not_understood


def test_a_range_and_a_wish() -> None:
    plan = parse_objective("an oxide sintered between 900 and 1000 C")
    (target,) = plan.spec.targets
    assert target.value is not None
    assert target.upper is not None
    assert (round(target.value - 273.15), round(target.upper - 273.15)) == (900, 1000)
    wish = parse_objective("a stable oxide, preferably calcined below 900 C")
    assert [one.hard for one in wish.spec.targets if one.property == "calcination_temperature"] == [False]


def test_use_and_making_are_told_apart() -> None:
    plan = parse_objective("an oxide calcined below 900 C, stable at 1200 K")
    assert plan.spec.conditions.temperature_k == 1200.0
    assert [one.property for one in plan.spec.targets].count("calcination_temperature") == 1


def test_other_processing_is_still_said_not_to_be_held() -> None:
    plan = parse_objective("a stable oxide deposited at 300 C")
    assert plan.not_understood
    assert plan.spec.conditions.temperature_k is None


def test_lower_is_better_without_a_number() -> None:
    plan = parse_objective("a stable oxide with the lowest calcination temperature")
    assert ("calcination_temperature", Relation.MINIMISE) in [
        (one.property, one.relation) for one in plan.spec.targets
    ]
