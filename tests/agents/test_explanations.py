"""The critic's words name what the composition model goes by: numbers by reference, nothing that the specification forbids, gaps stay gaps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from matsmith import __version__
from matsmith.agents.context import RunContext
from matsmith.agents.critic import summarise
from matsmith.agents.explanations import explained_miss, forbidden, sentence
from matsmith.agents.report.collect import collect
from matsmith.agents.round_summary import summary_of
from matsmith.core.candidate import Candidate
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.record import Outcome, Record
from matsmith.core.references import bare_numbers, references
from matsmith.core.run import Judgement, RunHeader
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Measurement, judge
from matsmith.models.predictors.library import predicted

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]


def missed(context: RunContext, candidate: Candidate, value: float = 90.0) -> None:
    """Write a candidate whose modulus misses the target."""
    target = context.spec.targets[0]
    quantity = Quantity(value=value, unit=target.unit, sigma=5.0)
    measured = [Measurement(record="0123456789abcdef", tool="equation_of_state", quantity=quantity)]
    verdicts = [judge(target, measured, spec=context.spec, candidate=candidate.id, index=0)]
    judgement = Judgement(candidate=candidate.id, round=0, verdicts=verdicts, meets=False, score=-1.0)
    context.ledger.append_many(
        [("candidate", candidate.id, candidate), ("judgement", candidate.id, judgement)]
    )


def test_the_critique_says_what_the_model_goes_by_and_the_report_fills_the_number_in(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    header = RunHeader(
        run="made",
        objective="made",
        reasoner="rules",
        seed=0,
        version=__version__,
        started_at=datetime.now(UTC),
    )
    context.ledger.append("run", "made", header)
    candidate = made_candidate("Ca")
    missed(context, candidate)
    summary = summarise(context, round_number=0)
    text = next(row.critique for row in collect(context.ledger).rounds if row.summary.round == summary.round)
    words = "".join(part.text for part in text)
    assert "In the composition model the bulk modulus of CaO is" in words
    assert "in the place of Ca, it rises to" in words
    filled = [part for part in text if part.record and "GPa" in part.text]
    record = context.ledger.record(filled[-1].record)
    assert record is not None
    assert record.tool == "explain_prediction"
    assert record.inputs["structure"] == candidate.id
    own = record.quantities["bulk_modulus"].value
    assert own == pytest.approx(predicted("bulk_modulus", "CaO").value)
    assert all(quantity.value > own for name, quantity in record.quantities.items() if "_with_" in name)
    assert record.id in collect(context.ledger).records


def test_every_number_is_a_reference_and_what_is_forbidden_is_not_proposed(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    spec = make_spec()
    spec = spec.model_copy(
        update={"chemistry": spec.chemistry.model_copy(update={"excluded": ["Be", "Mn", "Co"]})}
    )
    context = make_context(spec)
    missed(context, made_candidate("Ca"))
    words = explained_miss(context, summary_of(context, round_number=0), failing="bulk_modulus")
    assert len(list(references(words))) == 1
    assert bare_numbers(words) == []
    assert not {"with Be", "with Mn", "with Co"} & {words[at : at + 7] for at in range(len(words))}


def test_an_allowed_list_forbids_all_others(make_spec: MakeSpec) -> None:
    spec = make_spec()
    spec = spec.model_copy(update={"chemistry": spec.chemistry.model_copy(update={"allowed": ["Mg", "O"]})})
    assert "Mg" not in forbidden(spec)
    assert "Ca" in forbidden(spec)


def test_nothing_is_said_without_a_model_a_direction_or_a_miss(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    density = make_spec(targets=[Target(property="density", relation=Relation.ABOVE, value=9.0)])
    context = make_context(density)
    missed(context, made_candidate("Ca"))
    assert explained_miss(context, summary_of(context, round_number=0), failing="density") == ""
    assert explained_miss(context, summary_of(context, round_number=0), failing="bulk_modulus") == ""


def test_a_failure_and_a_formula_outside_of_the_domain_are_no_explanation() -> None:
    failed = Record.of(Outcome.failed("no_composition", "no"), tool="t", tool_version="1", inputs={}, identity="", seed=0)  # fmt: skip
    outside = Record.of(Outcome(facts={"in_domain": False}), tool="t", tool_version="1", inputs={}, identity="", seed=0)  # fmt: skip
    assert sentence(failed, formula="MgO", name="bulk_modulus") == ""
    assert sentence(outside, formula="MgO", name="bulk_modulus") == ""
