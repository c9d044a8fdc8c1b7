"""When a run stops: made ledgers against the reason that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.critic import STALLED_ROUNDS, answers, enough, stop_for, summarise, unconfirmed
from matsmith.agents.decisions import CandidateSummary, RoundSummary
from matsmith.core.candidate import Candidate, Novelty, NoveltyLabel
from matsmith.core.quantity import Quantity
from matsmith.core.run import Judgement, StopReason
from matsmith.core.spec import Budget, DesignSpec
from matsmith.core.verdict import Answer, Measurement, judge, meets_all

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]


def judged(
    context: RunContext,
    candidate: Candidate,
    value: float | None,
    *,
    novelty: Novelty = Novelty.NEW,
    rejected: str = "",
    round_number: int = 0,
) -> Judgement:
    """Write the judgement of a candidate whose modulus is the value given."""
    spec = context.spec
    measured: list[Measurement] = []
    if value is not None:
        quantity = Quantity(value=value, unit="GPa", sigma=5.0)
        measured = [Measurement(record="0123456789abcdef", tool="equation_of_state", quantity=quantity)]
    verdicts = [judge(spec.targets[0], measured, spec=spec, candidate=candidate.id, index=0)]
    judgement = Judgement(
        candidate=candidate.id,
        round=round_number,
        verdicts=[] if rejected else verdicts,
        meets=not rejected and meets_all(verdicts, spec=spec),
        score=value or 0.0,
        novelty=NoveltyLabel(label=novelty),
        rejected=rejected,
    )
    context.ledger.append_many(
        [("candidate", candidate.id, candidate), ("judgement", candidate.id, judgement)]
    )
    return judgement


def rounds(context: RunContext, history: Sequence[tuple[int, float, int]]) -> None:
    """Write rounds of (generated, probability of the best, met)."""
    for number, (generated, probability, met) in enumerate(history):
        best = CandidateSummary(id=str(number), formula="MgO", probabilities={"bulk_modulus": probability})
        context.ledger.append(
            "round", str(number), RoundSummary(round=number, generated=generated, met=met, best=[best])
        )


@pytest.mark.parametrize(
    ("novelty", "accept_known", "wanted", "reason"),
    [
        (Novelty.NEW, False, 1, StopReason.MET),
        (Novelty.NEW_ORDERING, False, 1, None),
        (Novelty.KNOWN, True, 1, StopReason.MET),
        (Novelty.KNOWN, False, 1, None),
        (Novelty.NEW, True, 2, None),
    ],
)
def test_enough_answers_end_the_run(
    make_context: MakeContext,
    make_spec: MakeSpec,
    made_candidate: MakeCandidate,
    novelty: Novelty,
    accept_known: bool,
    wanted: int,
    reason: StopReason | None,
) -> None:
    context = make_context(make_spec(accept_known=accept_known, candidates=wanted))
    judged(context, made_candidate("Mg"), 200.0, novelty=novelty)
    stop = stop_for(context, round_number=0, out_of_budget=False)
    assert (None if stop is None else stop.reason) == reason
    assert enough(context) == (reason is StopReason.MET)


def test_known_answers_count_when_nothing_more_can_be_sought(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    candidate = made_candidate("Mg")
    judged(context, candidate, 200.0, novelty=Novelty.KNOWN)
    stop = stop_for(context, round_number=0, out_of_budget=True)
    assert stop is not None
    assert (stop.reason, stop.met) == (StopReason.MET, [candidate.id])
    assert "1 known material meet" in stop.sentence
    assert "The budget is used up" in stop.sentence


@pytest.mark.parametrize(("value", "words"), [(100.0, "no candidate meets"), (200.0, "1 new candidate")])
def test_too_few_answers_at_the_end_are_not_met(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate, value: float, words: str
) -> None:
    context = make_context(make_spec(candidates=3))
    judged(context, made_candidate("Mg"), value)
    stop = stop_for(context, round_number=0, out_of_budget=True)
    assert stop is not None
    assert stop.reason is StopReason.BUDGET
    assert stop.sentence.startswith("Not met:")
    assert words in stop.sentence
    assert stop.reason.exit_code == 3


def test_the_last_round_and_the_last_second_are_the_budget(
    make_context: MakeContext, make_spec: MakeSpec
) -> None:
    last = stop_for(make_context(make_spec(budget=Budget(rounds=3))), round_number=2, out_of_budget=False)
    assert last is not None
    assert last.reason is StopReason.BUDGET
    late = make_context(make_spec(budget=Budget(wall_time_s=60)))
    late.started = time.monotonic() - 59
    stop = stop_for(late, round_number=0, out_of_budget=False)
    assert stop is not None
    assert stop.reason is StopReason.BUDGET
    assert stop.elapsed_s == pytest.approx(59, abs=1)
    assert (
        stop_for(make_context(make_spec(budget=Budget(rounds=3))), round_number=1, out_of_budget=False)
        is None
    )


FLAT = [(10, 0.4, 0)] * (STALLED_ROUNDS + 1)


@pytest.mark.parametrize(
    ("history", "stalled"),
    [
        ([], False),
        ([(0, 0.0, 0)], False),
        ([(10, 0.1, 0), (0, 0.0, 0), (0, 0.0, 0)], True),
        ([(0, 0.0, 0), (10, 0.1, 0), (0, 0.0, 0)], False),
        (FLAT, True),
        (FLAT[:-1], False),
        ([*FLAT[:-1], (10, 0.5, 0)], False),
        ([*FLAT[:-1], (10, 0.4, 1)], False),
        ([(10, 0.4, 1), *FLAT[:-1]], True),
    ],
)
def test_a_search_stalls_when_nothing_new_comes(
    make_context: MakeContext, make_spec: MakeSpec, history: list[tuple[int, float, int]], stalled: bool
) -> None:
    context = make_context(make_spec())
    rounds(context, history)
    stop = stop_for(context, round_number=len(history), out_of_budget=False)
    assert (stop is not None) == stalled
    if stop is not None:
        assert stop.reason is StopReason.STALLED
        assert "stalled" in stop.sentence


def test_answers_are_new_ones_first_then_by_score(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    rows = [
        ("Mg", 300.0, Novelty.KNOWN),
        ("Ca", 180.0, Novelty.NEW),
        ("Sr", 250.0, Novelty.NEW),
        ("Ba", 90.0, Novelty.NEW),
    ]
    for metal, value, novelty in rows:
        judged(context, made_candidate(metal), value, novelty=novelty)
    formulas = [context.candidate(judgement.candidate).formula for judgement in answers(context)]
    assert formulas == ["SrO", "CaO", "MgO"]


def test_a_rejected_candidate_is_no_answer(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    judged(context, made_candidate("Mg"), 300.0, rejected="overlap: too close")
    assert answers(context) == []


def test_a_round_is_summed_up_once_with_its_failures_and_the_worst_target(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec())
    judged(context, made_candidate("Mg"), 200.0)
    judged(context, made_candidate("Ca"), 120.0)
    judged(context, made_candidate("Sr"), 90.0)
    judged(context, made_candidate("Ba"), None, rejected="overlap: too close")
    judged(context, made_candidate("Ni"), 190.0, round_number=1)
    context.ledger.append("proposed", "0", '["a", "b", "c", "d", "e"]')
    summary = summarise(context, round_number=0)
    assert (summary.generated, summary.simulated, summary.met) == (5, 3, 1)
    assert [best.formula for best in summary.best] == ["MgO", "CaO", "SrO"]
    assert summary.best[0].values == {"bulk_modulus": "{r:01234567.bulk_modulus}"}
    assert summary.failures == {"overlap": 1}
    assert summary.target_failures == {"bulk_modulus": 2}
    assert summary.by_strategy == {"decoration": (3, 1)}
    assert summary.directive.elements["Mg"] > summary.directive.elements["Sr"]
    head = context.ledger.head
    assert summarise(context, round_number=0) == summary
    assert context.ledger.head == head


def test_new_candidates_that_nothing_here_can_confirm_end_the_search(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(candidates=1))
    judged(context, made_candidate("Ca"), 200.0, novelty=Novelty.KNOWN)
    candidate = made_candidate("Mg")
    judged(context, candidate, 200.0, novelty=Novelty.NEW)
    met = context.judgements()[candidate.id]
    unsure = [v.model_copy(update={"answer": Answer.UNKNOWN, "reason": "not refuted"}) for v in met.verdicts]
    context.ledger.append(
        "judgement", candidate.id, met.model_copy(update={"meets": False, "verdicts": unsure})
    )
    assert [judgement.candidate for judgement in unconfirmed(context)] == [candidate.id]
    stop = stop_for(context, round_number=0, out_of_budget=False)
    assert stop is not None
    assert stop.reason is StopReason.MET
    assert "not refuted" in stop.sentence
