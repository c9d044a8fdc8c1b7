"""A doubting second look: a language model is asked once what is wrong with its own first answer, and keeps or amends it.

Only where it pays: the plan, on which everything rests, and the critique, which directs a round of computing. Not for the built-in rules, not
when the setting is off, and not when what is left of the budget is needed for the questions that must be asked.
"""

from __future__ import annotations

from matsmith.agents.asked import is_model
from matsmith.agents.context import RunContext, without_complaints
from matsmith.agents.decisions import (
    Critique,
    CritiqueQuestion,
    Plan,
    PlanQuestion,
)
from matsmith.agents.doubts import CritiqueSecondLook, DoubtedCritique, DoubtedPlan, PlanSecondLook
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.core.errors import BudgetExceeded, ReasonerError
from matsmith.core.run import EventKind

# A second look is one question more a round; it must leave room for so many others of the usual size.
_QUESTIONS_KEPT = 12


def doubted_plan(plan: Plan, *, question: PlanQuestion, reasoner: Reasoner) -> Plan:
    """The plan after a second look; the first one when it stands or no usable answer comes, with a warning in that case."""
    if not is_model(reasoner):
        return plan
    doubt = PlanSecondLook(objective=question.objective, first=plan)
    try:
        second = without_complaints(doubt, reasoner.decide(doubt))
    except (ReasonerError, BudgetExceeded) as error:
        return _warned(plan, f"The second look at the plan was left out: {error.message}")
    if not isinstance(second, DoubtedPlan) or not second.doubts:
        return plan
    amended = Plan.model_validate(second.model_dump(exclude={"doubts"}))
    return amended if amended.spec.targets or not plan.spec.targets else plan


def doubted_critique(
    context: RunContext, critique: Critique, *, question: CritiqueQuestion, key: str
) -> Critique:
    """The critique after a second look; the first one when it stands, cannot be afforded or gets no usable answer."""
    if not (context.settings.second_look and is_model(context.reasoner) and _affordable(context)):
        return critique
    doubt = CritiqueSecondLook(
        **{name: getattr(question, name) for name in CritiqueQuestion.model_fields}, first=critique
    )
    try:
        second = context.decide(doubt, key=key)
    except (ReasonerError, BudgetExceeded) as error:
        context.tell(EventKind.WARNING, text=f"The second look at the round was left out: {error.message}")
        return critique
    if not isinstance(second, DoubtedCritique) or not second.doubts or not second.text:
        return critique
    return Critique.model_validate(second.model_dump(exclude={"doubts"}))


def _affordable(context: RunContext) -> bool:
    """Whether one question of the usual size leaves room for the others in every limit."""
    used = context.usage_before + context.reasoner.usage
    left = context.left(round_number=0)
    calls = max(1, used.calls)
    cost_left = left.model_cost_usd
    return (
        left.model_calls >= _QUESTIONS_KEPT
        and left.model_tokens >= _QUESTIONS_KEPT * used.tokens / calls
        and context.seconds_left >= _QUESTIONS_KEPT * used.seconds / calls
        and (cost_left is None or cost_left >= _QUESTIONS_KEPT * (used.cost_usd or 0.0) / calls)
    )


def _warned(plan: Plan, text: str) -> Plan:
    return plan.model_copy(update={"warnings": [*plan.warnings, text]})
