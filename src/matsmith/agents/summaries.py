"""What is put before a reasoner in short: candidates, rounds, evidence and budgets, every number beside its record.

All of it is made by code from the ledger. A candidate's value is a reference to a record; where a computation failed there is a gap with its
reason, never a number.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.directive import Directive

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


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
    gaps: dict[str, str] = Field(
        default_factory=dict, description="property without a value -> why, such as a computation that failed"
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
    tool_failures: dict[str, int] = Field(
        default_factory=dict, description="tool and typed failure -> candidates left without its value"
    )
    target_failures: dict[str, int] = Field(
        default_factory=dict, description="target -> candidates that do not meet it"
    )
    by_strategy: dict[str, tuple[int, int]] = Field(
        default_factory=dict,
        description="strategy -> (candidates judged, candidates that met every hard target)",
    )
    elements: dict[str, tuple[int, int]] = Field(
        default_factory=dict,
        description="element -> (candidates judged with it, those of them likely to meet every hard target)",
    )
    prototypes: dict[str, tuple[int, int]] = Field(
        default_factory=dict, description="structure type -> the same two counts"
    )
    proposed: dict[str, str] = Field(
        default_factory=dict, description="formula that was asked for -> what became of it"
    )
    dropped: list[str] = Field(
        default_factory=list[str], description="what of the round's plan could not be used, and why"
    )
    course: str = Field(default="", description="what the critic wants of the next round")
    reasons: list[str] = Field(default_factory=list[str], description="what that rests on")
    directive: Directive = Directive()


class EarlierRounds(BaseModel):
    """All rounds before those that are shown one by one, folded into counts and their best candidates."""

    model_config = _STRICT

    rounds: int = 0
    generated: int = 0
    simulated: int = 0
    met: int = 0
    best: list[CandidateSummary] = Field(default_factory=list[CandidateSummary])
    failures: dict[str, int] = Field(default_factory=dict)
    tool_failures: dict[str, int] = Field(default_factory=dict)
    target_failures: dict[str, int] = Field(default_factory=dict)
    by_strategy: dict[str, tuple[int, int]] = Field(default_factory=dict)
    elements: dict[str, tuple[int, int]] = Field(default_factory=dict)
    prototypes: dict[str, tuple[int, int]] = Field(default_factory=dict)
    proposed: dict[str, str] = Field(default_factory=dict)
    directions: list[str] = Field(
        default_factory=list[str], description="reasons of the directives that were tried, oldest first"
    )


class LeadBrief(BaseModel):
    """What a quote says of one chemistry or structure type: what somebody reported, and no measurement."""

    model_config = _STRICT

    kind: str
    name: str
    stance: str
    property: str = ""
    words: str = ""


class EvidenceBrief(BaseModel):
    """A quote in short, with its leads."""

    model_config = _STRICT

    id: str
    quote: str
    source: str
    retracted: bool = False
    leads: list[LeadBrief] = Field(default_factory=list[LeadBrief])


class BudgetLeft(BaseModel):
    """What may still be spent."""

    model_config = _STRICT

    seconds: int = 0
    rounds: int = 0
    evaluations: int = 0
    model_calls: int = 0
    model_tokens: int = 0
    model_cost_usd: float | None = None
