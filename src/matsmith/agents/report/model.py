"""`RunReport`: everything that a report shows, as plain data; `report.json` is this and nothing else."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from matsmith.agents.decisions import RoundSummary, Understanding
from matsmith.core.candidate import Lineage, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Method, Record
from matsmith.core.run import Evidence, RunHeader, Stop
from matsmith.core.spec import DesignSpec
from matsmith.core.steering import Steering
from matsmith.core.verdict import Verdict

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class QuantityReport(BaseModel):
    """One quantity of a candidate and the record that it stands in."""

    model_config = _STRICT

    name: str
    title: str
    quantity: Quantity
    text: str = Field(description="the value as it is shown, with its sigma and unit")
    record: str
    tool: str


class FactReport(BaseModel):
    """Something that a tool found out besides its quantities."""

    model_config = _STRICT

    name: str
    value: JsonValue
    record: str
    tool: str


class FailureReport(BaseModel):
    """A computation for a candidate that failed, and how."""

    model_config = _STRICT

    tool: str
    code: str
    message: str
    hint: str
    record: str


class CandidateReport(BaseModel):
    """One candidate that was judged and not rejected; `rank` counts from 1."""

    model_config = _STRICT

    rank: int
    id: str
    formula: str
    prototype: str
    space_group: str = Field(default="", description="symbol; empty when no record states it")
    space_group_number: int | None = None
    space_group_record: str = ""
    novelty: NoveltyLabel
    lineage: Lineage
    round: int
    meets: bool
    score: float
    crystal: Crystal
    crystal_record: str = Field(
        default="", description="record of the relaxation; empty when the crystal is as generated"
    )
    verdicts: list[Verdict]
    quantities: list[QuantityReport]
    facts: list[FactReport]
    failures: list[FailureReport]
    warnings: list[str]
    records: list[str]

    @property
    def cif_name(self) -> str:
        """Name of its CIF file; only letters and digits enter it."""
        plain = _letters_and_digits(self.formula)[:40] or "crystal"
        return f"{self.rank:03d}_{plain}_{_letters_and_digits(self.id)[:8]}.cif"


class RejectedCandidate(BaseModel):
    """One candidate that left the run early, and why."""

    model_config = _STRICT

    id: str
    formula: str
    prototype: str
    strategy: str
    round: int
    reason: str
    novelty: NoveltyLabel
    failures: list[FailureReport]
    records: list[str]


class TextPart(BaseModel):
    """A piece of a text: plain words, or a number with the record that it comes from."""

    model_config = _STRICT

    text: str
    record: str = ""
    gap: bool = Field(default=False, description="a reference that no record of this run answers")


class RoundReport(BaseModel):
    """One round, and what stood after it."""

    model_config = _STRICT

    summary: RoundSummary
    critique: list[TextPart]
    critique_warnings: list[str]
    evaluated_so_far: int
    met_so_far: int
    best_score_so_far: float | None


class MethodReport(BaseModel):
    """One method and how many of the records shown rest on it."""

    model_config = _STRICT

    method: Method
    tools: list[str]
    records: int


class RunReport(BaseModel):
    """A run, ready to be shown."""

    model_config = _STRICT

    format_version: int = 1
    header: RunHeader
    spec: DesignSpec | None
    understood: list[Understanding]
    not_understood: list[str]
    questions: list[str]
    warnings: list[str]
    stop: Stop | None = Field(description="absent while the run goes on or after it was interrupted")
    outcome: str = Field(description="the verdict of the run in one sentence")
    elapsed_s: float
    last_written_at: datetime
    generated: int = Field(description="candidates in the ledger")
    waiting: int = Field(description="candidates that were never judged")
    rounds: list[RoundReport]
    candidates: list[CandidateReport] = Field(description="those that meet first, then by score")
    front: list[str] = Field(
        default_factory=list[str],
        description="with two or more targets that are only optimised: candidates that none beats by more than the errors",
    )
    rejected: list[RejectedCandidate]
    rejected_by_reason: dict[str, int]
    evidence: list[Evidence]
    steering: dict[int, Steering] = Field(
        default_factory=dict[int, Steering], description="round -> what the literature did to it"
    )
    methods: list[MethodReport]
    reference_data: list[str]
    tools: dict[str, str] = Field(description="tool -> version")
    records: dict[str, Record] = Field(description="every record that the candidates and the critic rest on")
    ledger_head: str
    ledger_entries: int

    @property
    def met(self) -> int:
        """How many candidates meet every hard target."""
        return sum(candidate.meets for candidate in self.candidates)


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isalnum())
