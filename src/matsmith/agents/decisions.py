"""The typed questions that agents ask a reasoner, and the typed answers they take.

A question carries plain data: numbers stand beside the id of the record they come from. An answer is a pydantic model, so
a language model is held to its JSON schema, and the built-in rules return the very same thing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Generic, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypeVar

from matsmith.agents.history import briefly
from matsmith.agents.summaries import BudgetLeft, EarlierRounds
from matsmith.agents.summaries import CandidateSummary as CandidateSummary
from matsmith.agents.summaries import RoundSummary as RoundSummary
from matsmith.core.crystal import content_hash
from matsmith.core.directive import Directive
from matsmith.core.proposal import ProposedFormula, Substitution
from matsmith.core.reported import ReportedRange
from matsmith.core.run import Evidence
from matsmith.core.spec import DesignSpec

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answer(BaseModel):
    """Base of every answer; unknown fields are an error that goes back to the model.

    `warnings` is written by code only, when part of an answer had to be dropped; it is no part of the schema that a model sees.
    """

    model_config = _STRICT

    parts: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Lists and maps whose items stand alone: one that cannot be read is left out, and the others are kept."""

    warnings: SkipJsonSchema[list[str]] = Field(default_factory=list[str])


AnswerT = TypeVar("AnswerT", bound=Answer, default=Answer, covariant=True)


class Question(BaseModel, Generic[AnswerT]):
    """Base of every question. `role` names the prompt file, `answer_type` the model of the answer.

    `Question` alone stands for `Question[Answer]`, and every question is one. Fields stand in the order in which a model reads them:
    what stays the same from round to round first, so that a server's cache of prompts can serve it.
    """

    model_config = _STRICT

    volatile: ClassVar[frozenset[str]] = frozenset()
    """Fields that depend on the clock: the same question asked a minute later is still the same question."""
    rough: ClassVar[frozenset[str]] = frozenset()
    """Fields that a model reads to one digit, so that the same run asks a server the same thing twice."""

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

    def review(self, answer: Answer) -> tuple[list[str], Answer]:
        """The complaints about an answer, and the answer without what they are about; it is safe to review an answer twice."""
        return self.complaints(answer), answer

    def stands(self, answer: Answer) -> bool:
        """Whether an answer is worth taking as it is after something was left out of it, so that it need not be asked for again."""
        del answer
        return False

    def digest(self) -> str:
        """Hash that names the question: its content without the volatile fields."""
        return content_hash(self.model_dump(mode="json", exclude=set(self.volatile)))

    def shown(self) -> dict[str, Any]:
        """The question as a language model reads it: plain data without the fields that hold nothing.

        Times and budgets are rounded to one digit: nobody plans by the second.
        """
        required = {name for name, field in type(self).model_fields.items() if field.is_required()}
        data = self.model_dump(mode="json")
        return {
            name: _coarse(_without_nothing(value)) if name in self.rough else _without_nothing(value)
            for name, value in data.items()
            if name in required or not _is_nothing(value)
        }


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
    reported: SkipJsonSchema[list[ReportedRange]] = Field(
        default_factory=list[ReportedRange],
        description="what the literature reports of the targets; written by code",
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


class GenerationPlan(Answer):
    """How many candidates to draw from which strategy and near what, and which compositions to try by name."""

    parts: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("strategies",),
        ("formulas",),
        ("substitutions",),
        ("evidence",),
        *(("directive", name) for name in ("strategies", "elements", "prototypes", "elements_per_formula")),
        ("directive", "parents"),
    )

    strategies: dict[str, int] = Field(description="candidates to ask of each strategy")
    formulas: list[ProposedFormula] = Field(
        default_factory=list[ProposedFormula], max_length=60, description="exact compositions to try"
    )
    substitutions: list[Substitution] = Field(
        default_factory=list[Substitution], max_length=60, description="candidates to try with other elements"
    )
    directive: Directive = Directive()
    reason: str = ""
    evidence: list[str] = Field(
        default_factory=list[str], description="ids of the evidence that this plan rests on, if any"
    )


class GenerationQuestion(Question[GenerationPlan]):
    """Generator: what should this round try?"""

    volatile: ClassVar[frozenset[str]] = frozenset({"capacity", "left"})
    rough: ClassVar[frozenset[str]] = frozenset({"left"})

    spec: DesignSpec
    evidence: list[Evidence] = Field(default_factory=list[Evidence])
    strategies: list[str]
    earlier: EarlierRounds = EarlierRounds()
    history: list[RoundSummary] = Field(default_factory=list[RoundSummary])
    round: int
    capacity: int = Field(description="candidates that the simulator can look at in this round")
    left: BudgetLeft = BudgetLeft()

    @field_validator("evidence", mode="before")
    @classmethod
    def _as_shown(cls, quotes: object) -> object:
        """Take quotes back as a model is shown them: where they stand in their source is left out there."""
        if not isinstance(quotes, list):
            return quotes
        place = {"citation": "", "start": 0, "end": 0}
        return [
            {**place, **cast("dict[str, object]", quote)} if isinstance(quote, dict) else quote
            for quote in cast("list[object]", quotes)
        ]

    def shown(self) -> dict[str, Any]:
        """The question as a language model reads it, its quotes in short."""
        found = super().shown()
        if self.evidence:
            quotes = [briefly(quote).model_dump(mode="json") for quote in self.evidence]
            found["evidence"] = _without_nothing(quotes)
        return found

    @property
    def role(self) -> str:
        return "generator"

    def answer_type(self) -> type[GenerationPlan]:
        return GenerationPlan

    def review(self, answer: Answer) -> tuple[list[str], Answer]:
        """Leave out compositions that cannot be tried: unreadable, against the specification, unbalanced, or without a structure."""
        if not isinstance(answer, GenerationPlan):
            return [], answer
        from matsmith.agents.proposals import reviewed

        return reviewed(answer, spec=self.spec, shown=candidates_shown(self.history, self.earlier))

    def stands(self, answer: Answer) -> bool:
        """A plan that still asks for something is taken; the next question tells what was left out of it."""
        return isinstance(answer, GenerationPlan) and bool(
            answer.formulas or answer.substitutions or any(count > 0 for count in answer.strategies.values())
        )


class SimulationPlan(Answer):
    """How many of the candidates survive to each dearer stage of measurement."""

    relax: int = Field(ge=1, description="candidates to relax, best screened first")
    measure: int = Field(ge=1, description="candidates to measure with the dearest tools")
    reason: str = ""


class SimulationQuestion(Question[SimulationPlan]):
    """Simulator: how far should each candidate be taken?"""

    volatile: ClassVar[frozenset[str]] = frozenset(
        {"candidates", "seconds_left", "seconds_per_relaxation", "seconds_per_measurement"}
    )
    rough: ClassVar[frozenset[str]] = frozenset(
        {"seconds_left", "seconds_per_relaxation", "seconds_per_measurement"}
    )

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


class Course(StrEnum):
    """What the critic wants of the next round."""

    NARROW = "narrow"
    WIDEN = "widen"
    SHIFT = "shift"
    KEEP = "keep"


class Critique(Answer):
    """What the round showed, in words whose numbers are references to records, and what to do next."""

    text: str = Field(description="numbers only as references such as {r:9f3c.bulk_modulus}")
    course: Course = Field(
        default=Course.KEEP,
        description="narrow: draw nearer to the best; widen: look farther; shift: leave what failed; keep: go on as before",
    )
    reasons: list[str] = Field(
        default_factory=list[str],
        max_length=8,
        description="what the course rests on, one sentence each; numbers only as references",
    )
    directive: Directive = Directive()


class CritiqueQuestion(Question[Critique]):
    """Critic: what went wrong, by how much, and where next?"""

    volatile: ClassVar[frozenset[str]] = frozenset({"left"})
    rough: ClassVar[frozenset[str]] = frozenset({"left"})

    spec: DesignSpec
    earlier: EarlierRounds = EarlierRounds()
    rounds: list[RoundSummary]
    failing_target: str = ""
    shortfall: str = ""
    explanation: str = ""
    left: BudgetLeft = BudgetLeft()

    @property
    def role(self) -> str:
        return "critic"

    def answer_type(self) -> type[Critique]:
        return Critique

    def review(self, answer: Answer) -> tuple[list[str], Answer]:
        """Leave out what gives a candidate the value of another one, and reasons with numbers that no record backs."""
        if not isinstance(answer, Critique):
            return [], answer
        from matsmith.agents.borrowing import reviewed

        return reviewed(answer, question=self)


def candidates_shown(rounds: list[RoundSummary], earlier: EarlierRounds) -> dict[str, str]:
    """Formula of every candidate that a question shows, by id."""
    shown = [*earlier.best, *(candidate for summary in rounds for candidate in summary.best)]
    return {candidate.id: candidate.formula for candidate in shown}


def answer_schema(question: Question) -> dict[str, Any]:
    """JSON schema of the answer to a question."""
    return question.answer_type().model_json_schema()


def _coarse(value: object) -> object:
    """Numbers to one digit, downwards from ten on, so that no limit is overstated.

    >>> _coarse({"seconds": 1987.2, "rounds": 12, "each": 1.37})
    {'seconds': 1000, 'rounds': 10, 'each': 1.0}
    """
    if isinstance(value, dict):
        return {name: _coarse(part) for name, part in cast("dict[str, object]", value).items()}
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return value
    if value >= 10:
        scale = 10 ** (len(str(int(value))) - 1)
        return int(value) // scale * scale
    return value if isinstance(value, int) else float(f"{value:.1g}")


def _is_nothing(value: object) -> bool:
    return value is None or value in ("", [], {})


def _without_nothing(value: object) -> object:
    if isinstance(value, dict):
        fields = {name: _without_nothing(part) for name, part in cast("dict[str, object]", value).items()}
        return {name: part for name, part in fields.items() if not _is_nothing(part)}
    if isinstance(value, list):
        return [_without_nothing(part) for part in cast("list[object]", value)]
    return value
