"""No tool returns a value that no solid has: it is a failure with its reason, and the next better tool is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, Tool, next_better, tool


class ValueArgs(Args):
    value: float


def measured(args: ValueArgs) -> Outcome:
    return Outcome(
        quantities={
            "bulk_modulus": Quantity(value=args.value, unit="GPa", sigma=1.0),
            "of_my_own": Quantity(value=-1e9, unit="m", sigma=0.0),
        }
    )


@tool(name="known_property", title="made", cost_s=0.001)
def single(args: ValueArgs, *, deps: Deps) -> Outcome:
    """Return a value."""
    return measured(args)


def many(batch: Sequence[ValueArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    for index, args in enumerate(batch):
        yield index, measured(args).model_copy(update={"wall_s": 2.0})


@tool(name="equation_of_state", title="made", cost_s=0.001, run_many=many)
def batched(args: ValueArgs, *, deps: Deps) -> Outcome:
    """Return a value."""
    return measured(args)


@pytest.mark.parametrize("declared", [single, batched])
def test_a_value_that_no_solid_has_is_refused_however_the_tool_is_run(
    declared: Tool, plain: Settings
) -> None:
    deps = Deps(settings=plain)
    alone = declared.run(ValueArgs(value=4000.0), deps=deps)
    good, bad = (
        outcome for _, outcome in declared.run_many([ValueArgs(value=v) for v in (160, -3)], deps=deps)
    )
    for outcome in (alone, bad):
        assert outcome.quantities == {}
        assert outcome.failure is not None
        assert outcome.failure.code == "unphysical"
        assert "diamond" in outcome.failure.message
        assert outcome.failure.hint
    assert good.quantities["bulk_modulus"].value == 160
    assert "of_my_own" in good.quantities


def test_the_next_better_tool_is_named_and_after_the_last_what_is_beyond() -> None:
    tools = PROPERTIES["bulk_modulus"].tools
    for tool_name, following in pairwise(tools):
        assert following in next_better("bulk_modulus", after=tool_name)
    assert "density-functional" in next_better("bulk_modulus", after=tools[-1])
    assert tools[0] in next_better("bulk_modulus", after="something else")
