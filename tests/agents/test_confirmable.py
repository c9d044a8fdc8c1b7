"""Targets that only a measurement can confirm are told before a run, and known materials suffice for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.agents.confirmable import confirmed_by_measurement_only
from matsmith.agents.planner import PlanCheck
from matsmith.agents.session import plan_objective
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target

MakeSpec = Callable[..., DesignSpec]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target(property="voltage", relation=Relation.BETWEEN, value=3.3, upper=3.6), True),
        (Target(property="voltage", relation=Relation.BETWEEN, value=2.5, upper=4.0), False),
        (Target(property="voltage", relation=Relation.ABOVE, value=3.0), False),
        (Target(property="bulk_modulus", relation=Relation.BETWEEN, value=150, upper=155), True),
        (Target(property="bulk_modulus", relation=Relation.BETWEEN, value=100, upper=200), False),
        (Target(property="voltage", relation=Relation.BETWEEN, value=3.3, upper=3.6, hard=False), False),
    ],
)
def test_a_window_narrower_than_the_error(
    house: Settings, make_spec: MakeSpec, target: Target, told: bool
) -> None:
    spec = make_spec(targets=[target])
    assert (target.property in confirmed_by_measurement_only(spec, settings=house)) is told
    check = PlanCheck.from_spec(spec, settings=house)
    assert check.spec.accept_known is told
    assert any("nothing but a measured value" in text for text in check.plan.questions) is told


def test_pressure_is_confirmed_by_measured_boundaries(house: Settings) -> None:
    check = plan_objective("a form of ZnO that is stable at 10 GPa", settings=house)
    assert check.runnable
    assert check.spec.accept_known
    assert any("phase boundaries" in text for text in check.plan.questions)
    new = plan_objective("a form of ZnO that is stable at 10 GPa", settings=house, new_only=True)
    assert not new.spec.accept_known
    assert any("phase boundaries" in text for text in new.plan.questions)
