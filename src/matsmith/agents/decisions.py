"""The typed questions that agents ask a reasoner, and the typed answers they take.

A question carries plain data: numbers stand beside the id of the record they come from. An answer is a pydantic model, so
a language model is held to its JSON schema, and the built-in rules return the very same thing.
"""

from __future__ import annotations

from typing import Any, Generic

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypeVar

from matsmith.core.directive import Directive
from matsmith.core.run import Evidence
from matsmith.core.spec import DesignSpec

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answer(BaseModel):
    """Base of every answer; unknown fields are an error that goes back to the model.

    `warnings` is written by code only, when part of an answer had to be dropped; it is no part of the schema that a model sees.
    """

    model_config = _STRICT

    warnings: SkipJsonSchema[list[str]] = Field(default_factory=list[str])


AnswerT = TypeVar("AnswerT", bound=Answer, default=Answer, covariant=True)


class Question(BaseModel, Generic[AnswerT]):
    """Base of every question. `role` names the prompt file, `answer_type` the model of the answer.

    `Question` alone stands for `Question[Answer]`, and every question is one.
    """

    model_config = _STRICT

    def answer_type(self) -> type[AnswerT]:
        """The model of the answer to this question."""
        raise NotImplementedError(f"{type(self).__name__} names no answer")

    @property
    def role(self) -> str:
        """The role that asks: the name of its prompt file."""
        raise NotImplementedError(f"{type(self).__name__} names no role")

    def complaints(self, answer: Answer) -> list[str]:
        """What is wrong with an answer beyond its schema, for questions that check it themselves; a model is told and may mend it."""
        del answer
        return []


class Understanding(BaseModel):
    """Some words of the objective and what was made of them."""

    model_config = _STRICT

    words: str
    meaning: str


class Plan(Answer):
    """What the planner made of an objective."""

    spec: DesignSpec
    understood: list[Understanding] = Field(default_factory=list[Understanding])
    not_understood: list[str] = Field(
        default_factory=list, description="words that changed nothing, as they were written"
    )
    questions: list[str] = Field(
        default_factory=list, description="ambiguities that matter, each with the default taken"
    )


class PlanQuestion(Question[Plan]):
    """Planner: what is wanted?"""

    objective: str

    @property
    def role(self) -> str:
        return "planner"

    def answer_type(self) -> type[Plan]:
        return Plan


class LiteratureQueries(Answer):
    """Searches of the literature index, most useful first."""

    queries: list[str] = Field(min_length=1, max_length=8)


class LiteratureQuestion(Question[LiteratureQueries]):
    """Literature: what should be looked up for this specification?"""

    spec: DesignSpec

    @property
    def role(self) -> str:
        return "literature"

    def answer_type(self) -> type[LiteratureQueries]:
        return LiteratureQueries


class CandidateSummary(BaseModel):
    """One candidate in short; every number stands beside its record."""

    model_config = _STRICT

    id: str
    formula: str
    prototype: str = ""
    strategy: str = ""
    novelty: str = ""
    probabilities: dict[str, float] = Field(
        default_factory=dict, description="probability of meeting each target"
    )
    values: dict[str, str] = Field(
        default_factory=dict, description="property -> reference such as {r:9f3c.bulk_modulus}"
    )
    failed: str = ""


class RoundSummary(BaseModel):
    """What one round tried and found."""

    model_config = _STRICT

    round: int
    generated: int = 0
    simulated: int = 0
    met: int = 0
    best: list[CandidateSummary] = Field(default_factory=list[CandidateSummary])
    failures: dict[str, int] = Field(default_factory=dict, description="typed failures and refusals, counted")
    target_failures: dict[str, int] = Field(
        default_factory=dict, description="target -> candidates that do not meet it"
    )
    by_strategy: dict[str, tuple[int, int]] = Field(
        default_factory=dict,
        description="strategy -> (candidates judged, candidates that met every hard target)",
    )
    directive: Directive = Directive()


class GenerationPlan(Answer):
    """How many candidates to draw from which strategy, and near what."""

    strategies: dict[str, int] = Field(description="candidates to ask of each strategy")
    directive: Directive = Directive()
    reason: str = ""


class GenerationQuestion(Question[GenerationPlan]):
    """Generator: what should this round try?"""

    spec: DesignSpec
    round: int
    strategies: list[str]
    capacity: int = Field(description="candidates that the simulator can look at in this round")
    evidence: list[Evidence] = Field(default_factory=list[Evidence])
    history: list[RoundSummary] = Field(default_factory=list[RoundSummary])

    @property
    def role(self) -> str:
        return "generator"

    def answer_type(self) -> type[GenerationPlan]:
        return GenerationPlan


class SimulationPlan(Answer):
    """How many of the candidates survive to each dearer stage of measurement."""

    relax: int = Field(ge=1, description="candidates to relax, best screened first")
    measure: int = Field(ge=1, description="candidates to measure with the dearest tools")
    reason: str = ""


class SimulationQuestion(Question[SimulationPlan]):
    """Simulator: how far should each candidate be taken?"""

    spec: DesignSpec
    round: int
    candidates: int
    seconds_left: float
    seconds_per_relaxation: float
    seconds_per_measurement: float

    @property
    def role(self) -> str:
        return "simulator"

    def answer_type(self) -> type[SimulationPlan]:
        return SimulationPlan


class Critique(Answer):
    """What the round showed, in words whose numbers are references to records, and what to do next."""

    text: str = Field(description="numbers only as references such as {r:9f3c.bulk_modulus}")
    directive: Directive = Directive()


class CritiqueQuestion(Question[Critique]):
    """Critic: what went wrong, by how much, and where next?"""

    spec: DesignSpec
    rounds: list[RoundSummary]
    failing_target: str = ""
    shortfall: str = ""

    @property
    def role(self) -> str:
        return "critic"

    def answer_type(self) -> type[Critique]:
        return Critique


def answer_schema(question: Question) -> dict[str, Any]:
    """JSON schema of the answer to a question."""
    return question.answer_type().model_json_schema()
