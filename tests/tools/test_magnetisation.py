"""Magnetisation as an upper bound: iron's moment, magnesia's none, and verdicts that a bound can carry."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Relation, Truth
from matsmith.core.record import Status
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, Measurement, judge
from matsmith.tools.base import Deps
from matsmith.tools.magnetisation import MagnetisationArgs, run_many
from matsmith.tools.registry import tools_for
from matsmith.tools.runner import ToolRunner

Offer = Callable[[ToolRunner, Crystal], str]


def iron() -> Crystal:
    return Crystal(
        lattice=((2.866, 0.0, 0.0), (0.0, 2.866, 0.0), (0.0, 0.0, 2.866)),
        species=("Fe", "Fe"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )


def test_iron_is_a_magnet_and_magnesia_is_none(
    physics: ToolRunner, offer: Offer, rocksalt: Callable[..., Crystal]
) -> None:
    calls = [{"structure": offer(physics, iron())}, {"structure": offer(physics, rocksalt("Mg"))}]
    found = dict(physics.run_many("magnetisation", calls))
    iron_record, magnesia = found[0], found[1]
    assert iron_record.status is Status.SUCCESS
    quantity = iron_record.quantities["magnetisation"]
    # Measured: 2.22 Bohr magnetons an atom and 2.15 T at saturation (Kittel, Introduction to Solid State Physics).
    assert quantity.value == pytest.approx(2.22, abs=0.3)
    assert quantity.truth is Truth.UPPER_BOUND
    facts = iron_record.outcome.facts
    tesla = facts["upper_bound_polarisation_tesla"]
    assert isinstance(tesla, float)
    assert tesla == pytest.approx(2.15, abs=0.35)
    assert facts["upper_bound_bohr_magneton_per_formula"] == pytest.approx(quantity.value, abs=1e-3)
    assert "upper bound" in (iron_record.outcome.method.name if iron_record.outcome.method else "")
    assert magnesia.quantities["magnetisation"].value < 0.05


def test_a_potential_without_moments_says_so(plain: Settings) -> None:
    copper = Crystal(
        lattice=((0.0, 1.8, 1.8), (1.8, 0.0, 1.8), (1.8, 1.8, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )
    deps = Deps(settings=plain.model_copy(update={"potential": "emt"}), inputs={"c": copper})
    ((_, outcome),) = run_many([MagnetisationArgs(structure="c")], deps=deps)
    assert outcome.failure is not None
    assert outcome.failure.code == "no_moments"
    assert "chgnet" in outcome.failure.hint


def test_the_planner_finds_the_tool(plain: Settings) -> None:
    assert [tool.name for tool in tools_for("magnetisation", settings=plain)] == ["magnetisation"]


@pytest.mark.parametrize(
    ("relation", "limit", "bound", "answer"),
    [
        (Relation.ABOVE, 1.0, 0.1, Answer.NOT_MET),
        (Relation.ABOVE, 1.0, 3.0, Answer.UNKNOWN),
        (Relation.BELOW, 0.5, 0.1, Answer.MET),
        (Relation.BELOW, 0.5, 3.0, Answer.UNKNOWN),
    ],
)
def test_a_bound_speaks_only_for_what_lies_under_it(
    relation: Relation, limit: float, bound: float, answer: Answer
) -> None:
    target = Target(property="magnetisation", relation=relation, value=limit)
    spec = DesignSpec(objective="a magnet", targets=[target])
    quantity = Quantity(value=bound, unit="mu_B/atom", sigma=0.032, truth=Truth.UPPER_BOUND)
    measured = [Measurement(record="r", tool="magnetisation", quantity=quantity)]
    verdict = judge(spec.targets[0], measured, spec=spec, candidate="c", index=0)
    assert verdict.answer is answer
    if answer is Answer.UNKNOWN:
        assert "upper bound" in verdict.reason
