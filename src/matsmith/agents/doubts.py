"""The second looks: a first answer is put to a language model again, and the doubts come before the answer that they lead to.

Strict output writes the fields of an answer in the order of its schema, so `doubts` stands first: what is wrong is said before it is mended.
The first answer is shown with the fields that may be answered and no others, since it is to be repeated letter for letter.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from matsmith.agents.decisions import Answer, Critique, CritiqueQuestion, Plan, PlanQuestion
from matsmith.agents.reasoners.schema import FIELDS_SET_BY_CODE, without_hidden


class _Doubting(Answer):
    doubts: list[str] = Field(
        default_factory=list[str],
        max_length=8,
        description="what is wrong with the first answer, one sentence each; empty when it stands",
    )


class DoubtedPlan(Plan, _Doubting):
    """A plan after a second look."""


class PlanSecondLook(PlanQuestion):
    """Planner: here is a first plan; what is wrong with it?"""

    first: Plan

    @property
    def role(self) -> str:
        """The prompt of the second look."""
        return "planner_doubt"

    def answer_type(self) -> type[DoubtedPlan]:
        """The plan with the doubts before it."""
        return DoubtedPlan

    def shown(self) -> dict[str, Any]:
        """The question as a language model reads it, its first plan as one that could be answered."""
        return _repeatable(super().shown(), model=Plan)


class DoubtedCritique(Critique, _Doubting):
    """A critique after a second look."""


class CritiqueSecondLook(CritiqueQuestion):
    """Critic: here is a first critique; what is wrong with it?"""

    first: Critique

    @property
    def role(self) -> str:
        """The prompt of the second look."""
        return "critic_doubt"

    def answer_type(self) -> type[DoubtedCritique]:
        """The critique with the doubts before it."""
        return DoubtedCritique

    def shown(self) -> dict[str, Any]:
        """The question as a language model reads it, its first critique as one that could be answered."""
        return _repeatable(super().shown(), model=Critique)


def _repeatable(shown: dict[str, Any], *, model: type[Answer]) -> dict[str, Any]:
    return {**shown, "first": without_hidden(shown["first"], model=model, omit=FIELDS_SET_BY_CODE)}
