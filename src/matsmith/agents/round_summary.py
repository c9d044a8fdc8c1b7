"""A round in numbers, counted from the judgements and records of the ledger; a computation that failed is a gap with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import GenerationPlan
from matsmith.agents.pareto import ranks
from matsmith.agents.proposals import outcomes
from matsmith.agents.summaries import CandidateSummary, RoundSummary
from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import format_value
from matsmith.core.record import Failure
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Answer, Verdict
from matsmith.tools.registry import LOOK_UPS

BEST_KEPT = 16
_LIKELY = 0.5
_LONGEST_GAP = 160


def summary_of(context: RunContext, *, round_number: int, directive: Directive | None = None) -> RoundSummary:
    """What a round tried and found, by the judgements as they stand."""
    mine = _of_round(context, round_number)
    judged = _ranked(mine, spec=context.spec)
    made = {judgement.candidate: context.candidate(judgement.candidate) for judgement in mine}
    failures = {judgement.candidate: _failures(context, judgement) for judgement in judged}
    proposed = context.ledger.latest("proposed", str(round_number))
    plan = context.generation_plan(round_number)
    ids: list[str] = [] if proposed is None else json.loads(proposed)
    return RoundSummary(
        round=round_number,
        generated=len(ids),
        simulated=len(judged),
        met=sum(judgement.meets for judgement in mine),
        best=[_in_short(made[j.candidate], j, failures=failures[j.candidate]) for j in judged[:BEST_KEPT]],
        failures=dict(Counter(judgement.rejected.split(":")[0] for judgement in mine if judgement.rejected)),
        tool_failures=dict(
            Counter(
                f"{tool}: {failure.code}"
                for judgement in judged
                for tool, failure in _behind_gaps(judgement, failures[judgement.candidate])
            )
        ),
        target_failures=_target_failures(context, judged),
        by_strategy=_counted(judged, lambda j: [made[j.candidate].lineage.strategy], good=lambda j: j.meets),
        elements=_counted(judged, lambda j: made[j.candidate].crystal.elements, good=_likely),
        prototypes=_counted(
            judged, lambda j: filter(None, [made[j.candidate].lineage.prototype]), good=_likely
        ),
        proposed=_proposals(context, plan, made=made, mine=mine, ids=ids),
        dropped=[] if plan is None else [line.removeprefix("Dropped: ") for line in plan.warnings],
        directive=directive or Directive(),
    )


def worst_target(context: RunContext, *, round_number: int) -> tuple[str, str]:
    """The target that fails most in a round, and the smallest shortfall of those that do not meet it, as a reference-free word."""
    judged = _ranked(_of_round(context, round_number), spec=context.spec)
    failures = _target_failures(context, judged)
    if not failures:
        return "", ""
    worst = max(failures, key=lambda name: failures[name])
    margins = [
        verdict.margin
        for judgement in judged
        for verdict in judgement.verdicts
        if verdict.property == worst
        and verdict.answer is not Answer.MET
        and verdict.margin is not None
        and verdict.record
    ]
    if not margins:
        return worst, ""
    best = max(margins)
    unit = next(target.unit for target in context.spec.targets if target.property == worst)
    return worst, format_value(-best, sigma=0.0, unit=unit) if best < 0 else ""


def _of_round(context: RunContext, round_number: int) -> list[Judgement]:
    return [judgement for judgement in context.judgements().values() if judgement.round == round_number]


def _ranked(judgements: Iterable[Judgement], *, spec: DesignSpec) -> list[Judgement]:
    """Those that were judged, the ones that meet everything first, front by front where targets are traded off, then by score."""
    judged = [judgement for judgement in judgements if judgement.verdicts]
    behind = ranks(spec, judged)
    return sorted(judged, key=lambda j: (not j.meets, behind.get(j.candidate, len(judged)), -j.score))


def _failures(context: RunContext, judgement: Judgement) -> list[tuple[str, Failure]]:
    """The failed computations among a candidate's records, each with its tool; that no table knows it is no failure."""
    records = [record for name in judgement.records if (record := context.ledger.record(name)) is not None]
    return [
        (record.tool, failure)
        for record in records
        if record.tool not in LOOK_UPS and (failure := record.outcome.failure) is not None
    ]


def _behind_gaps(judgement: Judgement, failures: list[tuple[str, Failure]]) -> list[tuple[str, Failure]]:
    """Those of a candidate's failures that left it without the value of a target."""
    wanted = {
        tool
        for verdict in judgement.verdicts
        if not verdict.record
        for tool in PROPERTIES[verdict.property].tools
    }
    return [(tool, failure) for tool, failure in failures if tool in wanted]


def _in_short(
    candidate: Candidate, judgement: Judgement, *, failures: list[tuple[str, Failure]]
) -> CandidateSummary:
    return CandidateSummary(
        id=candidate.id,
        formula=candidate.formula,
        prototype=candidate.lineage.prototype,
        strategy=candidate.lineage.strategy,
        novelty=judgement.novelty.label.value,
        probabilities={
            v.property: round(v.probability, 4) for v in judgement.verdicts if v.probability is not None
        },
        values={v.property: f"{{r:{v.record[:8]}.{v.property}}}" for v in judgement.verdicts if v.record},
        gaps={v.property: _gap(v, failures) for v in judgement.verdicts if not v.record},
    )


def _gap(verdict: Verdict, failures: list[tuple[str, Failure]]) -> str:
    """Why a candidate has no value of a property."""
    tools = PROPERTIES[verdict.property].tools
    failed = next((f"{tool} failed: {failure.message}" for tool, failure in failures if tool in tools), "")
    return (failed or verdict.reason or "not measured")[:_LONGEST_GAP]


def _target_failures(context: RunContext, judged: list[Judgement]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for judgement in judged:
        for verdict in judgement.verdicts:
            if verdict.answer is not Answer.MET and context.spec.targets[verdict.target].is_constraint:
                counted[verdict.property] += 1
    return dict(counted)


def _counted(
    judged: list[Judgement],
    features: Callable[[Judgement], Iterable[str]],
    *,
    good: Callable[[Judgement], bool],
) -> dict[str, tuple[int, int]]:
    """By feature: candidates judged, and those of them that are good."""
    counted: dict[str, tuple[int, int]] = {}
    for judgement in judged:
        for name in features(judgement):
            total, fine = counted.get(name, (0, 0))
            counted[name] = (total + 1, fine + int(good(judgement)))
    return counted


def _likely(judgement: Judgement) -> bool:
    """A gap is no good news: only a candidate of which everything was measured counts as likely."""
    return bool(judgement.verdicts) and all(
        verdict.probability is not None and verdict.probability >= _LIKELY for verdict in judgement.verdicts
    )


def _proposals(
    context: RunContext,
    plan: GenerationPlan | None,
    *,
    made: dict[str, Candidate],
    mine: list[Judgement],
    ids: list[str],
) -> dict[str, str]:
    """What became of the compositions that this round's plan asked for."""
    if plan is None or not plan.formulas:
        return {}
    candidates = {name: made.get(name) or context.candidate(name) for name in ids}
    return outcomes(plan, candidates=candidates, judgements={j.candidate: j for j in mine})
