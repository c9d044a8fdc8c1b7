"""Materials that targets compare with are measured in the run, by the tool and the potential that measure the candidates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.agents.conditions import at_conditions
from matsmith.agents.context import REFERENCE, RunContext
from matsmith.agents.objective import parse_objective
from matsmith.agents.planner import PlanCheck, at_temperature, unmeasurable, with_default_target
from matsmith.agents.reference_materials import measure_references
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer
from matsmith.tools.lammps.program import missing

MakeContext = Callable[..., RunContext]
SENTENCE = "an Al-Cu alloy stiffer than pure aluminium at 600 K"
NAME = "youngs_modulus_at_temperature"
needs_lammps = pytest.mark.skipif(missing(Settings()) is not None, reason="LAMMPS is not installed")


def aluminium(edge: float = 4.05) -> Crystal:
    half = edge / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Al",),
        positions=((0.0, 0.0, 0.0),),
    )


def measured(value: float, *, crystal: Crystal, files: dict[str, str]) -> Record:
    quantity = Quantity(value=value, unit="GPa", sigma=1.0)
    return Record.of(
        Outcome(
            quantities={NAME: quantity},
            crystal=crystal,
            method=Method(name="strained cells", model="EAM", files=files),
        ),
        tool="md_elastic",
        tool_version="1",
        inputs={"structure": crystal.canonical_hash},
        identity="",
        seed=0,
    )


def test_the_sentence_becomes_a_target_at_its_temperature() -> None:
    plan = with_default_target(at_temperature(parse_objective(SENTENCE)))
    assert [target.describe() for target in plan.spec.targets] == [
        f"{NAME} above that of Al",
        "energy_above_hull below 0.07 eV/atom",
    ]
    assert not plan.not_understood
    assert any("at 600 K, by molecular dynamics" in one.meaning for one in plan.understood)


@needs_lammps
def test_it_can_be_measured_where_a_potential_covers_the_elements(house: Settings) -> None:
    plan = with_default_target(at_temperature(parse_objective(SENTENCE)))
    assert PlanCheck.of(plan, settings=house).runnable
    other = at_temperature(parse_objective("a lithium lanthanum alloy stiffer than sodium at 600 K"))
    reasons = unmeasurable(other.spec, settings=house)
    assert "No classical potential covers" in reasons[0]
    open_ended = at_temperature(parse_objective("an oxide with a bulk modulus above 100 GPa at 800 K"))
    assert "Name the elements" in unmeasurable(open_ended.spec, settings=house)[0]


@needs_lammps
def test_candidate_and_reference_share_one_potential_and_the_temperature(make_context: MakeContext) -> None:
    context = make_context(at_temperature(parse_objective(SENTENCE)).spec)
    alone = at_conditions(context, "md_elastic", elements=["Al"])
    both = at_conditions(context, "md_elastic", elements=["Al", "Cu"])
    assert both["temperature_k"] == 600.0
    assert alone["temperature_k"] == 600.0
    assert both["potential"]
    assert at_conditions(context, "elasticity", elements=["Al"]) == {}


def test_the_verdict_rests_on_both_records(make_context: MakeContext) -> None:
    target = Target(property=NAME, relation=Relation.ABOVE, value=1.0, reference="Al")
    context = make_context(DesignSpec(targets=[target]))
    candidate = Candidate.of(aluminium(4.0), lineage=Lineage(strategy="made"))
    work = Work(candidate=candidate, references=context.references)
    files = {"AlCu.eam.alloy": "a" * 64}
    work.records = [measured(80.0, crystal=aluminium(4.0), files=files)]
    work.judge(context.spec)
    assert work.verdicts[0].answer is Answer.UNKNOWN  # aluminium has not been measured
    reference = measured(70.0, crystal=aluminium(), files=files)
    context.ledger.write_record(reference)
    context.ledger.append(REFERENCE, reference.id, "Al")
    context.references.setdefault("Al", []).append(reference)
    work.judge(context.spec)
    assert work.verdicts[0].answer is Answer.MET
    assert reference.id in work.verdicts[0].others
    work.records = [measured(80.0, crystal=aluminium(4.0), files={"Al99.eam.alloy": "b" * 64})]
    work.judge(context.spec)
    assert work.verdicts[0].answer is Answer.UNKNOWN  # another potential


def test_the_reference_is_measured_by_the_tool_that_measures_candidates(make_context: MakeContext) -> None:
    target = Target(property="density", relation=Relation.BELOW, value=1.0, reference="Al")
    context = make_context(DesignSpec(targets=[target]))
    candidate = Candidate.of(aluminium(4.3), lineage=Lineage(strategy="made"))
    work = Work(candidate=candidate, references=context.references)
    measure_references(context, "density", [work])
    measure_references(context, "density", [work])
    (record,) = context.references["Al"]
    # Measured: 2.70 g/cm3.
    assert record.quantities["density"].value == pytest.approx(2.70, rel=0.05)
    assert [entry.body for entry in context.ledger.entries(REFERENCE)] == ["Al"]
    measure_references(context, "magnetisation", [work])
    assert len(context.references["Al"]) == 1
