"""What an answer of a language model must keep beyond its schema, checked in code.

Each check gives complaints, which go back to the model, and the answer without what they are about. When the model does not
mend its answer, the latter is taken and its `warnings` say what was dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from matsmith.agents.decisions import (
    Answer,
    AnswerT,
    Critique,
    CritiqueQuestion,
    EarlierRounds,
    GenerationPlan,
    GenerationQuestion,
    LiteratureQueries,
    Plan,
    PlanQuestion,
    Question,
    RoundSummary,
    SimulationPlan,
    SimulationQuestion,
    candidates_shown,
)
from matsmith.agents.reasoners.interface import checked
from matsmith.core.directive import Directive
from matsmith.core.elements import is_element
from matsmith.core.references import bare_numbers, references
from matsmith.core.spec import Budget, DesignSpec, Target
from matsmith.prompts.loader import clean

_MADE_UP = re.compile(r"'[^']*\d[^']*'|\"[^\"]*\d[^\"]*\"|\{r:[^}]*\}")
_LONGEST_QUERY = 300
_LONGEST_TEXT = 4_000
_LARGEST_WEIGHT = 100.0
_NumberT = TypeVar("_NumberT", int, float)


@dataclass
class _Findings:
    complaints: list[str] = field(default_factory=list[str])

    def add(self, complaint: str) -> None:
        if complaint not in self.complaints:
            self.complaints.append(complaint)


def pin_spec(
    plan: Plan, *, objective: str, budget: Budget | None = None, probability_met: float | None = None
) -> Plan:
    """Return the plan with the objective as it was given and the limits that code sets; what a model wrote there is ignored."""
    default = DesignSpec()
    limits = {
        "objective": objective,
        "budget": (budget or default.budget).model_copy(),
        "probability_met": default.probability_met if probability_met is None else probability_met,
    }
    return plan.model_copy(update={"spec": plan.spec.model_copy(update=limits)})


def review(
    question: Question[AnswerT], answer: AnswerT, *, faulty: Sequence[str] = ()
) -> tuple[list[str], AnswerT]:
    """Check an answer against its question. Returns the complaints and the answer without what they are about.

    `faulty` are complaints about parts that were left out before, because they did not have the form that was asked for.
    """
    findings = _Findings(complaints=list(dict.fromkeys(faulty)))
    mended: Answer = answer.model_copy(update={"warnings": []})
    match mended:
        case Plan():
            mended = _review_plan(question, mended, findings)
        case LiteratureQueries():
            mended = _review_queries(mended, findings)
        case GenerationPlan():
            mended = _review_generation(question, mended, findings)
        case SimulationPlan():
            mended = _review_simulation(question, mended, findings)
        case Critique():
            mended = _review_critique(question, mended, findings)
        case _:
            pass
    more, mended = question.review(mended)
    for complaint in more:
        findings.add(complaint)
    mended = mended.model_copy(
        update={"warnings": [f"Dropped: {_without_values(complaint)}" for complaint in findings.complaints]}
    )
    return findings.complaints, checked(question, mended)


def _review_plan(question: Question, plan: Plan, findings: _Findings) -> Plan:
    if not isinstance(question, PlanQuestion):
        return plan
    objective = _folded(clean(question.objective))
    targets: list[Target] = []
    for target in plan.spec.targets:
        if target.words and _folded(target.words) not in objective:
            findings.add(
                f"The words {target.words[:80]!r} of the target {target.property} do not stand in the objective."
            )
            target = target.model_copy(update={"words": ""})
        targets.append(target)
    missing = [words for words in plan.not_understood if _folded(words) not in objective]
    if missing:
        findings.add(f"not_understood holds {missing[0][:80]!r}, which does not stand in the objective.")
    spec = plan.spec.model_copy(update={"targets": targets})
    kept = [words for words in plan.not_understood if words not in missing]
    return plan.model_copy(update={"spec": spec, "not_understood": kept})


def _review_queries(answer: LiteratureQueries, findings: _Findings) -> LiteratureQueries:
    kept = [query.strip() for query in answer.queries if query.strip()]
    short = [query for query in kept if len(query) <= _LONGEST_QUERY]
    if len(kept) < len(answer.queries):
        findings.add("A query is empty.")
    if len(short) < len(kept):
        findings.add(f"A query is longer than {_LONGEST_QUERY} characters.")
    return answer.model_copy(update={"queries": short or [query[:_LONGEST_QUERY] for query in kept]})


def _review_generation(question: Question, plan: GenerationPlan, findings: _Findings) -> GenerationPlan:
    if not isinstance(question, GenerationQuestion):
        return plan
    strategies = _known(plan.strategies, known=set(question.strategies), what="strategy", findings=findings)
    negative = [name for name, count in strategies.items() if count < 0]
    if negative:
        findings.add(f"The strategy {negative[0]} is asked for fewer than no candidates.")
    strategies = {name: count for name, count in strategies.items() if count >= 0}
    if strategies and sum(strategies.values()) == 0:
        findings.add("No candidate at all is asked for.")
    update = {
        "strategies": strategies,
        "directive": _review_directive(
            plan.directive,
            strategies=set(question.strategies),
            rounds=question.history,
            earlier=question.earlier,
            findings=findings,
        ),
        "reason": _reviewed_text(plan.reason, name="reason", allowed=_allowed(question), findings=findings),
    }
    return plan.model_copy(update=update)


def _review_simulation(question: Question, plan: SimulationPlan, findings: _Findings) -> SimulationPlan:
    if not isinstance(question, SimulationQuestion):
        return plan
    most = max(1, question.candidates)
    if max(plan.relax, plan.measure) > most:
        findings.add(f"There are only {question.candidates} candidates to relax or measure.")
    relax = min(plan.relax, most)
    if plan.measure > plan.relax:
        findings.add("More candidates are to be measured than relaxed.")
    reason = _reviewed_text(plan.reason, name="reason", allowed=_allowed(question), findings=findings)
    return plan.model_copy(update={"relax": relax, "measure": min(plan.measure, relax), "reason": reason})


def _review_critique(question: Question, critique: Critique, findings: _Findings) -> Critique:
    if not isinstance(question, CritiqueQuestion):
        return critique
    text = _reviewed_text(critique.text, name="text", allowed=_allowed(question), findings=findings)
    directive = _review_directive(
        critique.directive,
        strategies=None,
        rounds=question.rounds,
        earlier=question.earlier,
        findings=findings,
    )
    return critique.model_copy(update={"text": text, "directive": directive})


def _review_directive(
    directive: Directive,
    *,
    strategies: set[str] | None,
    rounds: list[RoundSummary],
    earlier: EarlierRounds,
    findings: _Findings,
) -> Directive:
    """Keep the weights that name something and lie in range. `strategies` None: any strategy that a round has used."""
    if strategies is None:
        strategies = {
            name for summary in rounds for name in (*summary.by_strategy, *summary.directive.strategies)
        }
        strategies |= {
            candidate.strategy for summary in rounds for candidate in summary.best if candidate.strategy
        }
        strategies |= set(earlier.by_strategy)
    elements = {symbol for symbol in directive.elements if is_element(symbol)}
    candidates = candidates_shown(rounds, earlier)
    parents = [parent for parent in directive.parents if parent in candidates]
    if len(parents) < len(directive.parents):
        findings.add("parents names a candidate that is not among those shown.")
    allowed = {reference for summary in (*rounds, earlier) for reference in _shown(summary)}
    update = {
        "strategies": _weights(
            _known(directive.strategies, known=strategies, what="strategy", findings=findings), findings
        ),
        "elements": _weights(
            _known(directive.elements, known=elements, what="element", findings=findings), findings
        ),
        "prototypes": _weights(directive.prototypes, findings),
        "elements_per_formula": _weights(
            _known(
                directive.elements_per_formula,
                known={"1", "2", "3", "4", "5"},
                what="number of elements",
                findings=findings,
            ),
            findings,
        ),
        "parents": parents,
        "reason": _reviewed_text(
            directive.reason, name="directive.reason", allowed=allowed, findings=findings
        ),
    }
    return directive.model_copy(update=update)


def _known(
    weights: Mapping[str, _NumberT], *, known: set[str], what: str, findings: _Findings
) -> dict[str, _NumberT]:
    unknown = [name for name in weights if name not in known]
    if unknown:
        findings.add(
            f"There is no {what} {unknown[0][:60]!r}; known are {', '.join(sorted(known)) or 'none'}."
        )
    return {name: value for name, value in weights.items() if name in known}


def _weights(weights: Mapping[str, float], findings: _Findings) -> dict[str, float]:
    wrong = [name for name, weight in weights.items() if not 0 <= weight <= _LARGEST_WEIGHT]
    if wrong:
        findings.add(f"The weight of {wrong[0][:60]!r} does not lie between zero and {_LARGEST_WEIGHT:g}.")
    return {name: weight for name, weight in weights.items() if name not in wrong}


def _reviewed_text(text: str, *, name: str, allowed: set[str], findings: _Findings) -> str:
    """The text, or nothing when it holds a number that no record backs. `allowed` are the references that were shown."""
    bare = bare_numbers(text)
    unknown = [str(reference) for reference in references(text) if str(reference) not in allowed]
    if len(text) > _LONGEST_TEXT:
        findings.add(f"{name} is longer than {_LONGEST_TEXT} characters.")
    elif bare:
        findings.add(
            f"{name} holds the bare number {bare[0]!r}: name a number by its reference, as shown in the question, or leave it out."
        )
    elif unknown:
        findings.add(f"{name} refers to {unknown[0]}, which is not in the question.")
    else:
        return text
    return ""


def _allowed(question: Question) -> set[str]:
    return {str(reference) for reference in references(question.model_dump_json())}


def _shown(summary: BaseModel) -> set[str]:
    return {str(reference) for reference in references(summary.model_dump_json())}


def _without_values(complaint: str) -> str:
    """A complaint for a person's eyes: what a model made up is named, and not repeated, or it would reach the report after all."""
    return _MADE_UP.sub("(…)", complaint)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
