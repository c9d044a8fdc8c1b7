"""Critic: sums up a round from its verdicts, has the words and the directive written, and says when to stop.

Whether the objective is met is computed here from the ledger; the reasoner only explains and directs.
"""

from __future__ import annotations

from collections import Counter

from matsmith.agents.competition import ELEMENTS_SEARCHED, SECONDS_PER_SYSTEM
from matsmith.agents.context import RunContext
from matsmith.agents.decisions import CritiqueQuestion
from matsmith.agents.explanations import explained_miss
from matsmith.agents.history import in_view
from matsmith.agents.pareto import front, near_front, ranks
from matsmith.agents.round_summary import summary_of, worst_target
from matsmith.agents.second_look import doubted_critique
from matsmith.agents.summaries import RoundSummary
from matsmith.core.candidate import Novelty
from matsmith.core.run import EventKind, Judgement, Stop, StopReason
from matsmith.core.verdict import Answer

# Rounds without a better candidate or a new answer after which more of the same is pointless.
STALLED_ROUNDS = 8


def summarise(context: RunContext, *, round_number: int) -> RoundSummary:
    """What this round tried and found, with the critic's directive for the next; written to the ledger once."""
    key = str(round_number)
    kept = context.ledger.latest("round", key)
    if kept is not None:
        return RoundSummary.model_validate_json(kept)
    summary = summary_of(context, round_number=round_number)
    failing, shortfall = worst_target(context, round_number=round_number)
    view = in_view([*context.history(), summary])
    question = CritiqueQuestion(
        spec=context.spec,
        earlier=view.earlier,
        rounds=view.rounds,
        failing_target=failing,
        shortfall=shortfall,
        explanation=explained_miss(context, summary, failing=failing)
        if failing and not enough(context)
        else "",
        left=context.left(round_number=round_number + 1),
    )
    critique = context.decide(question, key=key)
    critique = doubted_critique(context, critique, question=question, key=key)
    directive = near_front(critique.directive, spec=context.spec, judgements=context.judgements())
    wanted = {"directive": directive, "course": critique.course.value, "reasons": critique.reasons}
    summary = summary.model_copy(update=wanted)
    context.ledger.append_many([("critique", key, critique), ("round", key, summary)])
    context.tell(
        EventKind.ROUND_FINISHED,
        round_number=round_number,
        generated=summary.generated,
        simulated=summary.simulated,
        met=summary.met,
        best=summary.best[0].formula if summary.best else "",
        critique=critique.text,
        course=critique.course.value,
        reasons=critique.reasons,
    )
    return summary


def answers(context: RunContext) -> list[Judgement]:
    """Candidates that meet every hard target, new ones first, then front by front where targets are traded off, then by score."""
    met = [judgement for judgement in context.judgements().values() if judgement.meets]
    behind = ranks(context.spec, met)
    return sorted(
        met,
        key=lambda j: (
            j.novelty.label is not Novelty.NEW,
            behind.get(j.candidate, len(met)),
            -j.score,
            j.candidate,
        ),
    )


def enough(context: RunContext) -> bool:
    """Whether the run has what was asked for: so many answers, not counting known ones when new ones are to be sought."""
    # "As high as possible" is never enough: such a search ends by its budget, or when it stalls.
    if any(not target.is_constraint for target in context.spec.targets):
        return False
    met = answers(context)
    if context.spec.accept_known:
        return len(met) >= context.spec.candidates
    # Two forms of one new formula are one find.
    new = {context.candidate(j.candidate).formula for j in met if j.novelty.label is Novelty.NEW}
    return len(new) >= context.spec.candidates


def unconfirmed(context: RunContext) -> list[Judgement]:
    """New candidates that meet every hard target as far as it can be told here: nothing at hand can confirm them.

    Against incomplete reference phases a candidate is "not refuted" however far below the hull it lies.
    """
    spec = context.spec
    hard = {index for index, target in enumerate(spec.targets) if target.hard and target.is_constraint}
    return [
        judgement
        for judgement in context.judgements().values()
        if not judgement.meets
        and judgement.novelty.label is Novelty.NEW
        and judgement.verdicts
        and all(
            v.probability is not None
            and v.probability >= spec.probability_met
            and v.answer is not Answer.NOT_MET
            for v in judgement.verdicts
            if v.target in hard
        )
        and not any(v.reason.startswith("two methods disagree") for v in judgement.verdicts)
        and any(v.reason.startswith("not refuted") for v in judgement.verdicts)
        and not (context.seconds_left > SECONDS_PER_SYSTEM and _unsearched(context, judgement))
    ]


def _unsearched(context: RunContext, judgement: Judgement) -> bool:
    """Whether competing phases of a candidate's own system could still be searched."""
    if len(context.candidate(judgement.candidate).crystal.elements) not in ELEMENTS_SEARCHED:
        return False
    records = [record for name in judgement.records if (record := context.ledger.record(name)) is not None]
    facts = [record.outcome.facts for record in records if record.tool == "stability"]
    return any(fact.get("tier") == "shipped" and "competitors_joined" not in fact for fact in facts)


def stop_for(context: RunContext, *, round_number: int, out_of_budget: bool) -> Stop | None:
    """Why the run ends here, or None when it goes on."""
    met = answers(context)
    ids = [judgement.candidate for judgement in met]

    def stop(reason: StopReason, sentence: str) -> Stop:
        return Stop(reason=reason, sentence=sentence, elapsed_s=round(context.elapsed_s, 2), met=ids)

    found = _counted(met)
    wanted = context.spec.candidates
    if enough(context):
        return stop(StopReason.MET, f"Objective met: {found} meet every hard target.")
    optimises = any(not target.is_constraint for target in context.spec.targets)
    waiting = 0 if optimises else len(unconfirmed(context))
    if waiting + sum(j.novelty.label is Novelty.NEW for j in met) >= wanted and waiting:
        beside = (
            f"{_many(waiting, 'new candidate')} more {'is' if waiting == 1 else 'are'} not refuted, and nothing at hand can "
            "confirm more: `matsmith data get` brings the phases to judge against."
        )
        if len(met) >= wanted and not context.spec.new_only:
            return stop(StopReason.MET, f"Objective met: {found} meet every hard target. {beside}")
        return stop(StopReason.STALLED, f"Not met: {found} meet every hard target. {beside}")
    history = context.history()
    stuck = _no_better(context, round_number=round_number) if optimises else _stalled(history)
    stalled = stuck and not out_of_budget
    if (
        not out_of_budget
        and not stalled
        and round_number + 1 < context.spec.budget.rounds
        and context.seconds_left > 1
    ):
        return None
    why = "The search stalled" if stalled else "The budget is used up"
    better = "a better one was found" if optimises else "more new ones were found"
    if len(met) >= wanted:
        return stop(
            StopReason.MET,
            f"Objective met: {found} meet every hard target. {why} before {better}.",
        )
    reason = StopReason.STALLED if stalled else StopReason.BUDGET
    if met:
        return stop(reason, f"Not met: {found} meet every hard target, {wanted} were asked for. {why}.")
    return stop(
        reason,
        f"Not met: no candidate meets every hard target; the best so far are listed with their margins. {why}.",
    )


def stop_refused(context: RunContext, *, what: str) -> Stop:
    """The end of a run that a person did not want to go on: met when it has what was asked for already, else refused."""
    met = answers(context)
    enough_found = len(met) >= context.spec.candidates
    found = f"{_counted(met)} meet every hard target"
    why = f"{what[0].upper()}{what[1:]} was refused"
    return Stop(
        reason=StopReason.MET if enough_found else StopReason.REFUSED,
        sentence=f"Objective met: {found}. {why}." if enough_found else f"Not met: {found}. {why}.",
        elapsed_s=round(context.elapsed_s, 2),
        met=[judgement.candidate for judgement in met],
    )


def _counted(met: list[Judgement]) -> str:
    """How many answers of each kind: `2 new candidates, 1 new ordering of a known formula and 34 known materials`."""
    kinds = Counter(judgement.novelty.label for judgement in met)
    new, ordering = kinds[Novelty.NEW], kinds[Novelty.NEW_ORDERING]
    parts = [_many(new, "new candidate")]
    if ordering:
        parts.append(f"{_many(ordering, 'new ordering')} of known formulas")
    return f"{', '.join(parts)} and {_many(len(met) - new - ordering, 'known material')}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _no_better(context: RunContext, *, round_number: int) -> bool:
    """Whether the last rounds have brought no better answer to a target that is only optimised."""
    history = context.history()
    met = answers(context)
    nothing_new = len(history) >= 2 and all(summary.generated == 0 for summary in history[-2:])
    if nothing_new or not met:
        return nothing_new or _stalled(history)
    first = set(front(context.spec, met))
    best = [j for j in met if j.candidate in first] or [max(met, key=lambda judgement: judgement.score)]
    return round_number - max(judgement.round for judgement in best) >= STALLED_ROUNDS


def _stalled(history: list[RoundSummary]) -> bool:
    """Nothing new proposed twice in a row, or no better best and no new answer in the last rounds."""
    if len(history) >= 2 and all(summary.generated == 0 for summary in history[-2:]):
        return True
    if len(history) <= STALLED_ROUNDS:
        return False
    recent, before = history[-STALLED_ROUNDS:], history[:-STALLED_ROUNDS]
    if any(summary.met for summary in recent):
        return False
    return max(map(_best_merit, recent)) <= max(map(_best_merit, before)) + 1e-9


def _best_merit(summary: RoundSummary) -> float:
    """Smallest probability over the targets of the round's best candidate."""
    return max((min(c.probabilities.values(), default=0.0) for c in summary.best), default=0.0)
