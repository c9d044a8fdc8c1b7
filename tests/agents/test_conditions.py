"""Temperature and gases from the words to a verdict: plan, refusals, and candidates judged at the conditions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from matsmith.agents.conditions import conditions_for, tools_wanted
from matsmith.agents.context import RunContext
from matsmith.agents.planner import PlanCheck, make_plan
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.simulator import simulate
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate
from matsmith.core.quantity import Relation
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.core.spec import Conditions, DesignSpec, Target
from matsmith.core.verdict import Answer

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]
SENTENCE = "an oxide that survives 1200 K from air to 1e-15 bar of oxygen"
NAME = "energy_above_hull_in_atmosphere"


def survival(make_spec: MakeSpec, **conditions: float | str) -> DesignSpec:
    given = {"temperature_k": 1200.0, "oxygen_low_bar": 1e-15, "oxygen_high_bar": 0.21} | conditions
    return make_spec(
        targets=[Target(property=NAME, relation=Relation.BELOW, value=0.01)],
        conditions=given,
        candidates=5,
        accept_known=True,
    )


def test_the_sentence_becomes_a_plan_that_can_run(house: Settings) -> None:
    plan = make_plan(SENTENCE, reasoner=RulesReasoner())
    (target,) = plan.spec.targets
    assert (target.property, target.relation) == (NAME, Relation.BELOW)
    given = plan.spec.conditions
    assert (given.temperature_k, given.oxygen_low_bar, given.oxygen_high_bar) == (1200.0, 1e-15, 0.21)
    assert plan.not_understood == []
    assert PlanCheck.of(plan, settings=house).runnable


def test_gases_alone_ask_for_stability_in_them(house: Settings) -> None:
    plan = make_plan(
        "an oxide for use in air at 1300 K with a density below 5 g/cm3", reasoner=RulesReasoner()
    )
    assert {target.property for target in plan.spec.targets} == {"density", NAME}


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"temperature_k": 5000.0}, "5000 K"),
        ({"pressure_gpa": 5.0}, "5 GPa"),
    ],
)
def test_conditions_beyond_the_tables_are_refused_before_anything_is_spent(
    house: Settings, make_spec: MakeSpec, conditions: dict[str, float], reason: str
) -> None:
    refusal = PlanCheck.from_spec(survival(make_spec, **conditions), settings=house).refusal
    assert refusal is not None
    assert reason in refusal


def test_a_target_in_an_atmosphere_needs_one(house: Settings, make_spec: MakeSpec) -> None:
    target = Target(property=NAME, relation=Relation.BELOW, value=0.01)
    spec = make_spec(targets=[target], conditions=Conditions(temperature_k=1200.0))
    refusal = PlanCheck.from_spec(spec, settings=house).refusal
    assert refusal is not None
    assert "without an atmosphere" in refusal


@pytest.mark.parametrize("wrong", [{"oxygen_low_bar": 0.0}, {"oxygen_low_bar": 1.0, "oxygen_high_bar": 0.1}])
def test_oxygen_that_cannot_be_is_no_condition(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Conditions.model_validate(wrong)


def test_known_oxides_are_judged_at_the_conditions(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(survival(make_spec))
    candidates = [made_candidate(metal, strategy="known") for metal in ("Mg", "Ni")]
    for candidate in candidates:
        context.ledger.append("candidate", candidate.id, candidate)
    simulate(context, candidates[:1], round_number=0)
    (verdict,) = context.judgements()[candidates[0].id].verdicts
    assert verdict.answer is Answer.MET
    assert verdict.quantity is not None
    assert verdict.quantity.value < -0.5
    record = context.ledger.record(verdict.record)
    assert record is not None
    assert record.tool == "atmosphere_stability"
    assert record.inputs["temperature_k"] == 1200.0


def test_the_record_of_stability_goes_along(make_spec: MakeSpec, made_candidate: MakeCandidate) -> None:
    spec = survival(make_spec)
    work = Work(candidate=made_candidate("Mg"))
    assert "formation" not in conditions_for(spec, work, name="atmosphere_stability")
    judged = Record.of(Outcome(), tool="stability", tool_version="1", inputs={}, identity="", seed=0)
    work.records.append(judged)
    given = conditions_for(spec, work, name="atmosphere_stability")
    assert given["formation"] == judged.id
    assert (given["oxygen_low_bar"], given["oxygen_high_bar"]) == (1e-15, 0.21)
    assert "temperature_k" not in conditions_for(spec, work, name="decomposition_temperature")


PRESSED = "energy_above_hull_at_conditions"


@pytest.mark.parametrize(
    ("sentence", "pressure", "temperature"),
    [
        ("an oxide that is stable at 5 GPa", 5.0, None),
        ("SiO2 stable at 800 K and 5 GPa", 5.0, 800.0),
        ("a nitride stable at 100 kbar", 10.0, None),
    ],
)
def test_a_pressure_becomes_a_plan_that_can_run(
    house: Settings, sentence: str, pressure: float, temperature: float | None
) -> None:
    plan = make_plan(sentence, reasoner=RulesReasoner())
    assert [target.property for target in plan.spec.targets] == [PRESSED]
    assert (plan.spec.conditions.pressure_gpa, plan.spec.conditions.temperature_k) == (pressure, temperature)
    assert PlanCheck.of(plan, settings=house).runnable


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"pressure_gpa": 400.0}, "from 0 to 300 GPa"),
        ({"pressure_gpa": -3.0}, "from 0 to 300 GPa"),
        ({"pressure_gpa": 5.0, "temperature_k": 3500.0}, "free energies under pressure"),
        ({"pressure_gpa": 5.0, "atmosphere": "air"}, "in a gas"),
        ({"temperature_k": 100.0}, "tables of Gibbs energies"),
    ],
)
def test_a_pressure_beyond_the_tools_is_refused_with_its_limit(
    house: Settings, make_spec: MakeSpec, conditions: dict[str, float], reason: str
) -> None:
    target = Target(property=PRESSED, relation=Relation.BELOW, value=0.05)
    refusal = PlanCheck.from_spec(make_spec(targets=[target], conditions=conditions), settings=house).refusal
    assert refusal is not None
    assert reason in refusal


def test_only_tools_that_can_answer_at_the_conditions_run(house: Settings, make_spec: MakeSpec) -> None:
    target = Target(property=PRESSED, relation=Relation.BELOW, value=0.05)
    pressed = make_spec(targets=[target], conditions={"pressure_gpa": 5.0})
    hot = make_spec(targets=[target], conditions={"temperature_k": 900.0})
    assert {tool.name for tool in tools_wanted(pressed, settings=house)} == {
        "known_pressure_form",
        "pressure_stability",
    }
    assert [tool.name for tool in tools_wanted(hot, settings=house)] == ["atmosphere_stability"]


def test_a_known_form_is_judged_under_pressure(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    spec = make_spec(
        targets=[Target(property=PRESSED, relation=Relation.BELOW, value=0.05)],
        conditions={"pressure_gpa": 20.0},
        accept_known=True,
        candidates=1,
    )
    context = make_context(spec)
    candidate = made_candidate("Mg", strategy="known")
    context.ledger.append("candidate", candidate.id, candidate)
    simulate(context, [candidate], round_number=0)
    (verdict,) = context.judgements()[candidate.id].verdicts
    assert verdict.answer is Answer.MET
    record = context.ledger.record(verdict.record)
    assert record is not None
    assert (record.tool, record.inputs["pressure_gpa"]) == ("known_pressure_form", 20.0)
