"""`RulesReasoner`: answers every agent's question by built-in rules, with no key and no network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from matsmith.agents.decisions import (
    Answer,
    AnswerT,
    CandidateSummary,
    Critique,
    CritiqueQuestion,
    GenerationPlan,
    GenerationQuestion,
    LiteratureQueries,
    LiteratureQuestion,
    Plan,
    PlanQuestion,
    Question,
    RoundSummary,
    SimulationPlan,
    SimulationQuestion,
)
from matsmith.agents.doubts import CritiqueSecondLook, DoubtedCritique, DoubtedPlan, PlanSecondLook
from matsmith.agents.literature_questions import ReadingQuestion, SearchesQuestion, WritingQuestion
from matsmith.agents.literature_steering import in_words, steered, steering_of
from matsmith.agents.objective import parse_objective
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.literature_rules import reading, searches, writing
from matsmith.core.directive import Directive
from matsmith.core.errors import ReasonerError
from matsmith.core.properties import PROPERTIES
from matsmith.tools.strategies.registry import KNOWN, usual_weight

# How many known materials the first round looks at: enough to hold the usual answers, few enough for half a minute.
FIRST_KNOWN = 14
# Short rounds learn sooner; with these a round takes about a minute on two cores.
RELAXED_PER_ROUND, MEASURED_PER_ROUND = 40, 16
_PARENTS = 12
# A multiplier leaves this range only when it forbids; one round's luck must not close a door.
_WEAKEST, _STRONGEST = 0.25, 6.0


class RulesReasoner:
    """The built-in rules."""

    name = "rules"

    def __init__(self) -> None:
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """Calls answered; rules cost no tokens."""
        return self._usage

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        """Answer a question, at once. Raises `ReasonerError` for one that no rule knows."""
        del deadline
        rule = _RULES.get(type(question))
        if rule is None:
            raise ReasonerError(f"The built-in rules know no answer to a {type(question).__name__}.")
        self._usage += Usage(calls=1)
        return checked(question, rule(question))


def plan(question: PlanQuestion) -> Plan:
    """Read the objective."""
    return parse_objective(question.objective)


def queries(question: LiteratureQuestion) -> LiteratureQueries:
    """Ask about each target, the chemistry and the structure."""
    spec = question.spec
    asked = [f"{PROPERTIES[target.property].title} {target.relation}" for target in spec.targets]
    chemistry = [
        *spec.chemistry.required,
        *(symbol for group in spec.chemistry.any_of for symbol in group[:3]),
    ]
    if chemistry:
        asked.append(" ".join(chemistry))
    if spec.chemistry.earth_abundant or spec.chemistry.non_toxic:
        asked.append("earth abundance toxicity supply risk of elements")
    if spec.structure.prototype:
        asked.append(spec.structure.prototype)
    asked.append(spec.objective[:200])
    return LiteratureQueries(
        queries=[query for query in dict.fromkeys(asked) if query.strip()][:8] or ["stability"]
    )


def generation(question: GenerationQuestion) -> GenerationPlan:
    """Known materials first, then decorated prototypes near what did well; the literature's leads pull at both."""
    learnt = question.history[-1].directive if question.history else Directive()
    literature = steering_of(question.evidence, spec=question.spec, rounds=question.history)
    directive = steered(learnt, literature)
    cited = list(dict.fromkeys(steer.evidence for steer in literature.steers))
    available = set(question.strategies)
    if question.round == 0 and KNOWN in available and not question.spec.new_only:
        first = "What is already known comes first: it often is the answer."
        return GenerationPlan(
            strategies={KNOWN: FIRST_KNOWN},
            directive=directive,
            reason=" ".join(part for part in (first, in_words(literature)) if part),
            evidence=cited,
        )
    wanted: dict[str, int] = {}
    one_formula = question.spec.chemistry.formula is not None
    weights = {
        name: max(0.0, directive.strategies.get(name, 1.0)) * usual_weight(name, one_formula=one_formula)
        for name in question.strategies
        if name != KNOWN
    }
    total = sum(weights.values())
    if total > 0:
        wanted = {
            name: max(1, round(question.capacity * weight / total))
            for name, weight in weights.items()
            if weight
        }
    if KNOWN in available and not question.spec.new_only and question.round % 3 == 0:
        wanted[KNOWN] = FIRST_KNOWN
    return GenerationPlan(
        strategies=wanted or {KNOWN: FIRST_KNOWN},
        directive=directive,
        reason=directive.reason,
        evidence=cited,
    )


def simulation(question: SimulationQuestion) -> SimulationPlan:
    """Take a fixed number of candidates further, so that a run can be repeated; fewer when the time left is short."""
    affordable = int(0.6 * question.seconds_left / max(question.seconds_per_relaxation, 0.01))
    relax = max(1, min(question.candidates, RELAXED_PER_ROUND, affordable))
    affordable = int(0.5 * question.seconds_left / max(question.seconds_per_measurement, 0.01))
    measure = max(1, min(relax, MEASURED_PER_ROUND, affordable))
    return SimulationPlan(
        relax=relax, measure=measure, reason="the best screened, as far as the time left goes"
    )


def critique(question: CritiqueQuestion) -> Critique:
    """Say what failed, and favour what the better candidates have in common."""
    last = question.rounds[-1]
    words = [f"Of the candidates of this round, {_count(last.met)} met every hard target."]
    if question.failing_target:
        words.append(f"The target that failed most is {PROPERTIES[question.failing_target].title}.")
    if last.failures:
        worst = max(last.failures, key=lambda code: last.failures[code])
        words.append(f"The most frequent reason to leave the run early was: {worst}.")
    best = last.best[0] if last.best else None
    if best is not None and best.values:
        shown = ", ".join(f"{name} {reference}" for name, reference in best.values.items())
        words.append(f"The best candidate is {best.formula} with {shown}.")
    if question.explanation:
        words.append(question.explanation)
    return Critique(text=" ".join(words), directive=directive_from(question.rounds))


def plan_again(question: PlanSecondLook) -> DoubtedPlan:
    """The first plan stands: rules that read the objective once read it no better a second time."""
    return DoubtedPlan.model_validate(question.first.model_dump())


def critique_again(question: CritiqueSecondLook) -> DoubtedCritique:
    """The first critique stands."""
    return DoubtedCritique.model_validate(question.first.model_dump())


def directive_from(rounds: list[RoundSummary]) -> Directive:
    """Multipliers from how candidates with an element, a prototype or a size did against the average of all."""
    judged = [candidate for summary in rounds for candidate in summary.best if candidate.probabilities]
    if not judged:
        return Directive(reason="Nothing was judged yet: keep exploring.")
    ranked = sorted(judged, key=lambda candidate: -_merit(candidate))
    unique = list({candidate.id: candidate for candidate in ranked}.values())
    average = sum(map(_merit, unique)) / len(unique)
    return Directive(
        elements=_favoured(unique, average=average, features=lambda candidate: _elements(candidate.formula)),
        prototypes=_favoured(
            unique, average=average, features=lambda candidate: {candidate.prototype} - {""}
        ),
        elements_per_formula=_favoured(
            unique, average=average, features=lambda candidate: {str(len(_elements(candidate.formula)))}
        ),
        parents=[candidate.id for candidate in unique[:_PARENTS]],
        reason=f"Draw near the best so far: {', '.join(dict.fromkeys(c.formula for c in unique[:3]))}.",
    )


def _merit(candidate: CandidateSummary) -> float:
    """Mean log-probability over the targets, between -4.6 and 0."""
    logs = [math.log(max(0.01, probability)) for probability in candidate.probabilities.values()]
    return sum(logs) / len(logs)


def _elements(formula: str) -> set[str]:
    from matsmith.core.elements import parse_formula

    return set(parse_formula(formula))


def _favoured(
    candidates: list[CandidateSummary], *, average: float, features: Callable[[CandidateSummary], set[str]]
) -> dict[str, float]:
    """Multiplier of each feature: the exponential of its mean advantage, shrunk while it was seen rarely."""
    seen: dict[str, list[float]] = {}
    for candidate in candidates:
        for feature in features(candidate):
            seen.setdefault(feature, []).append(_merit(candidate) - average)
    return {
        feature: round(min(_STRONGEST, max(_WEAKEST, math.exp(sum(advantages) / (len(advantages) + 2.0)))), 3)
        for feature, advantages in sorted(seen.items())
    }


def _count(number: int) -> str:
    words = (
        "none",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    )
    return words[number] if number < len(words) else "more than a dozen"


_RULES: dict[type[Question[Any]], Callable[[Any], Answer]] = {
    PlanQuestion: plan,
    LiteratureQuestion: queries,
    GenerationQuestion: generation,
    SimulationQuestion: simulation,
    CritiqueQuestion: critique,
    PlanSecondLook: plan_again,
    CritiqueSecondLook: critique_again,
    SearchesQuestion: searches,
    ReadingQuestion: reading,
    WritingQuestion: writing,
}
