"""From candidates to judgements: what counts as a measurement, who leaves early and why, and no potential without need."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.simulator import simulate
from matsmith.agents.work import measurements
from matsmith.core.candidate import Candidate
from matsmith.core.quantity import Quantity, Relation, Truth
from matsmith.core.record import Outcome, Record
from matsmith.core.run import Event, EventKind
from matsmith.core.spec import Budget, DesignSpec, Target
from matsmith.core.verdict import Answer, judge

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]


def record_of(
    tool: str, value: float, *, sigma: float = 5.0, name: str = "bulk_modulus", **facts: object
) -> Record:
    unit = {"bulk_modulus": "GPa", "energy_above_hull": "eV/atom"}[name]
    quantity = Quantity(value=value, unit=unit, sigma=sigma, truth=Truth.EXPERIMENT_300K)
    outcome = Outcome.model_validate({"quantities": {name: quantity}, "facts": facts})
    return Record.of(outcome, tool=tool, tool_version="1", inputs={"value": value}, identity="", seed=0)


def tools_of(context: RunContext) -> list[str]:
    return [Record.model_validate_json(entry.body).tool for entry in context.ledger.entries("record")]


def take_in(context: RunContext, *candidates: Candidate) -> list[Candidate]:
    for candidate in candidates:
        context.ledger.append("candidate", candidate.id, candidate)
    return list(candidates)


def test_two_methods_that_disagree_leave_the_answer_open(make_spec: MakeSpec) -> None:
    spec = make_spec()
    records = [record_of("known_crystal", 200.0), record_of("equation_of_state", 160.0)]
    verdict = judge(spec.targets[0], measurements(spec, 0, records), spec=spec, candidate="c", index=0)
    assert verdict.answer is Answer.UNKNOWN
    assert "two methods disagree" in verdict.reason
    agreeing = [record_of("known_crystal", 200.0), record_of("equation_of_state", 195.0, sigma=20.0)]
    verdict = judge(spec.targets[0], measurements(spec, 0, agreeing), spec=spec, candidate="c", index=0)
    assert verdict.answer is Answer.MET
    assert verdict.record == agreeing[0].id
    assert verdict.others == (agreeing[1].id,)


def test_only_the_tools_of_the_registry_count(make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert measurements(spec, 0, [record_of("screen", 300.0), record_of("made", 300.0)]) == []


def test_a_failed_record_measures_nothing(make_spec: MakeSpec) -> None:
    failed = Record.of(
        Outcome.failed("rough", "No."),
        tool="equation_of_state",
        tool_version="1",
        inputs={},
        identity="",
        seed=0,
    )
    assert measurements(make_spec(), 0, [failed]) == []


def test_what_may_only_refute_does_not_confirm(make_spec: MakeSpec) -> None:
    spec = make_spec(targets=[Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05)])
    low = record_of(
        "stability",
        0.0,
        sigma=0.01,
        name="energy_above_hull",
        inconclusive={"energy_above_hull": "not refuted: against phases that ship"},
    )
    verdict = judge(spec.targets[0], measurements(spec, 0, [low]), spec=spec, candidate="c", index=0)
    assert verdict.answer is Answer.UNKNOWN
    assert verdict.reason == "not refuted: against phases that ship"
    high = record_of(
        "stability",
        0.4,
        sigma=0.01,
        name="energy_above_hull",
        inconclusive={"energy_above_hull": "not refuted"},
    )
    verdict = judge(spec.targets[0], measurements(spec, 0, [high]), spec=spec, candidate="c", index=0)
    assert verdict.answer is Answer.NOT_MET


def test_a_known_crystal_is_settled_without_the_potential(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(accept_known=True))
    (magnesia,) = take_in(context, made_candidate("Mg", strategy="known"))
    assert simulate(context, [magnesia], round_number=0) is False
    judgement = context.judgements()[magnesia.id]
    assert judgement.meets
    assert judgement.verdicts[0].answer is Answer.MET
    assert set(tools_of(context)) == {"symmetry", "known_crystal"}


def test_enough_known_answers_leave_the_rest_alone(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(accept_known=True))
    # The second is no measured crystal: it would need the potential.
    take = take_in(
        context, made_candidate("Mg", strategy="known"), made_candidate("Zr", strategy="known", edge=4.6)
    )
    simulate(context, take, round_number=0)
    assert "screen" not in tools_of(context)
    assert not context.judgements()[take[1].id].meets


def test_what_does_not_fit_the_wishes_leaves_with_the_reason(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(chemistry={"required": ["O"], "excluded": ["Co"]}))
    (cobalt,) = take_in(context, made_candidate("Co", strategy="known", edge=4.26))
    simulate(context, [cobalt], round_number=0)
    judgement = context.judgements()[cobalt.id]
    assert judgement.rejected == "does not fit: It contains Co, which is excluded."
    assert not judgement.meets
    assert judgement.verdicts == []
    assert tools_of(context) == ["symmetry"]


def test_a_space_group_is_held_to_what_was_found(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(structure={"space_groups": [216]}))
    (magnesia,) = take_in(context, made_candidate("Mg", strategy="known"))
    simulate(context, [magnesia], round_number=0)
    assert "space group is 225" in context.judgements()[magnesia.id].rejected


def test_a_known_material_is_no_new_one(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(new_only=True))
    (magnesia,) = take_in(context, made_candidate("Mg", strategy="known"))
    simulate(context, [magnesia], round_number=0)
    assert context.judgements()[magnesia.id].rejected.startswith("known: ")


def test_the_same_crystal_twice_is_judged_once(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(accept_known=True))
    first, again, later = (made_candidate("Mg", strategy="known", edge=edge) for edge in (4.211, 4.23, 4.19))
    take_in(context, first, again, later)
    simulate(context, [first, again], round_number=0)
    simulate(context, [later], round_number=1)
    judgements = context.judgements()
    assert judgements[first.id].meets
    for twin in (again, later):
        assert judgements[twin.id].rejected == f"duplicate: the same crystal as {first.id}"


def test_a_judgement_is_written_once(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(accept_known=True))
    take = take_in(context, made_candidate("Mg", strategy="known"))
    simulate(context, take, round_number=0)
    head = context.ledger.head
    simulate(context, take, round_number=0)
    assert context.ledger.head == head


def test_evaluations_end_the_round_and_what_was_found_stands(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(budget=Budget(evaluations=3)))
    take = take_in(context, *(made_candidate(metal, strategy="known") for metal in ("Mg", "Ca", "Sr")))
    assert simulate(context, take, round_number=0) is True
    assert len(tools_of(context)) == context.evaluations == 3
    assert context.judgements()[take[0].id].meets


@pytest.fixture
def told() -> list[Event]:
    return []


def test_a_new_candidate_goes_all_the_way_and_every_number_has_its_record(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate, told: list[Event]
) -> None:
    spec = make_spec(
        targets=[
            Target(property="bulk_modulus", relation=Relation.ABOVE, value=300.0),
            Target(property="density", relation=Relation.BELOW, value=5.0),
        ]
    )
    context = make_context(spec)
    context.listener = told.append
    (magnesia,) = take_in(context, made_candidate("Mg", edge=4.3))
    assert simulate(context, [magnesia], round_number=0) is False
    judgement = context.judgements()[magnesia.id]
    answers = {verdict.property: verdict.answer for verdict in judgement.verdicts}
    # Measured: 160 GPa and 3.6 g/cm3.
    assert answers == {"bulk_modulus": Answer.NOT_MET, "density": Answer.MET}
    assert not judgement.meets
    for verdict in judgement.verdicts:
        assert verdict.quantity == context.ledger.consume(verdict.record).quantities[verdict.property]
    # The look-up recognised the relaxed crystal and refuted the target: the dear tool was not called.
    assert tools_of(context)[:2] == ["screen", "relax"]
    assert "known_crystal" in tools_of(context)
    assert "equation_of_state" not in tools_of(context)
    stages = [event.data["stage"] for event in told if event.kind is EventKind.PROGRESS]
    assert stages == ["screen", "relax"]


def test_a_structure_that_cannot_be_computed_leaves_alone(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    tight, good = take_in(context, made_candidate("Ca", edge=0.9), made_candidate("Mg", edge=4.25))
    simulate(context, [tight, good], round_number=0)
    judgements = context.judgements()
    assert judgements[tight.id].rejected.split(":")[0] in {"overlap", "collapsed"}
    assert judgements[good.id].meets
