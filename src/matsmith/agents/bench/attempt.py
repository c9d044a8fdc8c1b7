"""`Attempt`: what one arm left behind on one task, as plain data that a grader can open without asking the arm."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.reasoners.interface import Usage

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class Arm(StrEnum):
    """Who works on a task."""

    RULES = "rules"
    FIVE = "five"
    ONE = "one"

    @property
    def in_words(self) -> str:
        """The arm in words."""
        return {
            "rules": "built-in rules",
            "five": "five agents with a model",
            "one": "one agent with all tools",
        }[self.value]


class Ending(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    NOT_MET = "not met"
    REFUSED = "refused"
    NOT_UNDERSTOOD = "not understood"
    STOPPED = "stopped"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"

    @property
    def claims(self) -> bool:
        """Whether it says that it has an answer."""
        return self is Ending.ANSWERED


class MadeCall(BaseModel):
    """One call of a tool."""

    model_config = _STRICT

    name: str
    ok: bool
    error: str = ""
    records: list[str] = Field(default_factory=list[str])


class ClaimedQuote(BaseModel):
    """A quote that an answer stands on; `name` is its document's file name."""

    model_config = _STRICT

    name: str
    text: str


class Attempt(BaseModel):
    """What was said, what it rests on and what it cost."""

    model_config = _STRICT

    ending: Ending
    said: str = Field(default="", description="the answer as a user reads it, numbers filled in")
    raw: str = Field(default="", description="the same with the references to records still in it")
    told: str = Field(
        default="",
        description="what code itself says beside it: verdicts, refusals, failures of tools, tables",
    )
    records: list[str] = Field(
        default_factory=list[str],
        description="records that are shown beside the words; those that `raw` names are not repeated here",
    )
    ledgers: list[str] = Field(default_factory=list[str], description="paths")
    runs: list[str] = Field(default_factory=list[str], description="folders of design runs")
    calls: list[MadeCall] = Field(default_factory=list[MadeCall])
    quotes: list[ClaimedQuote] = Field(default_factory=list[ClaimedQuote])
    questions: list[str] = Field(
        default_factory=list[str], description="ambiguities that were named, with the default taken"
    )
    unbacked: list[str] = Field(
        default_factory=list[str],
        description="numbers without a record in what the arm wrote, found by itself",
    )
    usage: Usage = Usage()
    wall_s: float = 0.0
    error: str = ""

    @property
    def words(self) -> str:
        """Everything that was said, for patterns."""
        return "\n".join([self.said, self.told, *self.questions, self.error])


class MeasuredError(BaseModel):
    """How far a named value lies from the right one; the last is its distance in its own sigmas, None for an exact one."""

    model_config = _STRICT

    property: str
    value: float
    expected: float
    unit: str
    relative: float | None
    over_tolerance: float
    sigmas: float | None


class Grade(BaseModel):
    """What code found of an attempt."""

    model_config = _STRICT

    passed: bool
    failures: list[str] = Field(
        default_factory=list[str], description="checks that do not hold, in sentences"
    )
    refuted: list[str] = Field(default_factory=list[str], description="claims that do not hold")
    bare_numbers: list[str] = Field(
        default_factory=list[str], description="numbers without a record that reached the reader"
    )
    errors: list[MeasuredError] = Field(default_factory=list[MeasuredError])
    lacking: list[str] = Field(
        default_factory=list[str], description="tools that the task needs and that are not here"
    )
    records: int = Field(default=0, ge=0, description="records that the attempt left in its ledgers")


class Result(BaseModel):
    """One line of the results: task, arm, repeat, what came of it."""

    model_config = _STRICT

    task: str
    kind: str
    arm: Arm
    repeat: int
    attempt: Attempt
    grade: Grade
    cost: float | None = Field(
        default=None, description="in the currency of the prices given; None without prices"
    )
