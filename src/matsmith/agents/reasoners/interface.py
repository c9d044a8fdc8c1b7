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
    cached_tokens: int = Field(
        default=0, ge=0, description="of the input: those that the server had in its cache"
    )
    cost_usd: float | None = Field(default=None, ge=0, description="US dollars; None while no price is known")
    unpriced_tokens: int = Field(default=0, ge=0, description="tokens of models whose price is not known")
    reused: int = Field(
        default=0, ge=0, description="requests answered from the cache of this machine, at no cost"
    )
    seconds: float = Field(default=0.0, ge=0)
    estimated: bool = Field(
        default=False, description="whether a server left a count out and it was estimated"
    )

    @property
    def in_words(self) -> str:
        """One line for a person: calls, tokens, cost.

        >>> Usage(calls=3, input_tokens=5200, output_tokens=300, cost_usd=0.0123).in_words
        '3 calls, 5,500 tokens, 0.0123 USD'
        """
        if not self.calls and not self.reused:
            return "no calls"
        words = [f"{self.calls:,} call{'s' * (self.calls != 1)}"]
        words.append(f"{'about ' * self.estimated}{self.tokens:,} tokens")
        if self.cached_tokens:
            words.append(f"{self.cached_tokens:,} of them cached")
        if self.reused:
            words.append(f"{self.reused:,} answers reused")
        if self.cost_usd is not None:
            words.append(f"{self.cost_usd:.4g} USD")
            if self.unpriced_tokens:
                words.append(f"{self.unpriced_tokens:,} tokens without a price")
        return ", ".join(words)

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cost_usd=_sum(self.cost_usd, other.cost_usd),
            unpriced_tokens=self.unpriced_tokens + other.unpriced_tokens,
            reused=self.reused + other.reused,
            seconds=self.seconds + other.seconds,
            estimated=self.estimated or other.estimated,
        )


def _sum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


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
