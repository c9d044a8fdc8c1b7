"""`Reasoner`: the one seam to the language model. An agent asks a typed question and gets the typed answer to it."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.decisions import Answer, AnswerT, Question
from matsmith.core.errors import ReasonerError


class Usage(BaseModel):
    """What answering has cost so far. Rules cost no tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int = Field(default=0, ge=0, description="requests sent, retries and repair rounds included")
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    estimated: bool = Field(
        default=False, description="whether a server left a count out and it was estimated"
    )

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            seconds=self.seconds + other.seconds,
            estimated=self.estimated or other.estimated,
        )


class Reasoner(Protocol):
    """Anything that answers the agents' questions."""

    @property
    def name(self) -> str:
        """How the answers are labelled: `rules`, or `openai:` and the model's name."""
        ...

    @property
    def usage(self) -> Usage:
        """What was spent since the reasoner was made."""
        ...

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        """Answer a question, until `deadline` (a `time.monotonic` time) at the latest.

        Raises `ReasonerError` when no usable answer comes, `BudgetExceeded` when none may be asked or the deadline passes.
        """
        ...


def checked(question: Question[AnswerT], answer: Answer) -> AnswerT:
    """Return the answer with the type that the question asks for. Raises `ReasonerError` for the answer to another question."""
    expected = question.answer_type()
    if not isinstance(answer, expected):
        raise ReasonerError(f"A {expected.__name__} was asked for, and a {type(answer).__name__} came back.")
    return answer
