"""What a run writes into its ledger besides candidates and records, and the events that it tells while it goes on.

Kinds of entries: `run` (RunHeader), `plan`, `evidence` (Evidence), `candidate`, `record`, `judgement` (Judgement, one a
candidate, the last one counts), `round`, `critique`, `steering` (Steering, one a round that literature steered), `stop` (Stop), `answer`
(what a reasoner decided), `asked` (by which prompt), `usage`, `pause` and `approval` (where a person is asked, and what was decided),
`session` (a process begins to work).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.candidate import NoveltyLabel
from matsmith.core.verdict import Verdict

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class StopReason(StrEnum):
    """Why a run ended."""

    MET = "met"
    BUDGET = "budget"
    STALLED = "stalled"
    IMPOSSIBLE = "impossible"
    REFUSED = "refused"

    @property
    def exit_code(self) -> int:
        """Exit status of the command line."""
        return {StopReason.MET: 0, StopReason.IMPOSSIBLE: 4}.get(self, 3)


class RunHeader(BaseModel):
    """First entry of a ledger: what was asked, with which version, seed and reasoner."""

    model_config = _STRICT

    run: str
    objective: str
    seed: int
    reasoner: str
    version: str
    started_at: datetime
    machine: str = ""
    approve: list[str] = Field(
        default_factory=list[str], description="points at which a person is asked: plan, spend, round"
    )


class LeadKind(StrEnum):
    """What a lead is about."""

    CHEMISTRY = "chemistry"
    PROTOTYPE = "prototype"


class Stance(StrEnum):
    """What the literature reports of a chemistry or a prototype, held against the targets."""

    WORTH_TRYING = "worth trying"
    KNOWN_TO_FAIL = "known to fail"
    REPORTED = "reported"


class Lead(BaseModel):
    """What a quote says of one chemistry or prototype: a value, or that it fails, in the quote's own words.

    `low` and `high` are in `unit`, None where a side is open or no value is given. It is what somebody wrote and never counts as a
    measurement: no verdict rests on it.
    """

    model_config = _STRICT

    kind: LeadKind
    name: str = Field(description="the material as it is written, or the name of a prototype")
    stance: Stance
    property: str = ""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    conditions: list[str] = Field(default_factory=list[str])
    words: str = Field(default="", description="the words of the quote that say so")


class Evidence(BaseModel):
    """A verbatim quote with its source; text from outside, so data and never an instruction.

    `start` and `end` are character offsets in the text of the document with the id `document`.
    """

    model_config = _STRICT

    id: str
    quote: str
    source: str
    citation: str
    start: int
    end: int
    document: str = ""
    page: int | None = None
    dois: list[str] = Field(default_factory=list[str])
    retracted: bool = False
    leads: list[Lead] = Field(default_factory=list[Lead])


class Judgement(BaseModel):
    """Everything that is known of one candidate after a round."""

    model_config = _STRICT

    candidate: str
    round: int
    relaxed: str = Field(default="", description="id of the record with the relaxed structure")
    records: list[str] = Field(default_factory=list[str])
    verdicts: list[Verdict] = Field(default_factory=list[Verdict])
    meets: bool = False
    score: float = Field(
        default=0.0,
        description="for ranking: log-probability of meeting all targets, then the optimised ones",
    )
    novelty: NoveltyLabel = NoveltyLabel()
    rejected: str = Field(
        default="", description="why it left the run early: a typed failure or a wish of the spec"
    )


class Stop(BaseModel):
    """Last entry of a finished run."""

    model_config = _STRICT

    reason: StopReason
    sentence: str
    elapsed_s: float
    met: list[str] = Field(
        default_factory=list[str], description="candidates that meet every hard target, best first"
    )


class EventKind(StrEnum):
    """What a run can tell."""

    STARTED = "started"
    PLANNED = "planned"
    EVIDENCE = "evidence"
    ROUND = "round"
    PROGRESS = "progress"
    CANDIDATE = "candidate"
    ROUND_FINISHED = "round_finished"
    WARNING = "warning"
    WAITING = "waiting"
    FINISHED = "finished"


class Event(BaseModel):
    """One line of progress; `data` depends on the kind and is plain JSON.

    started: run, folder. planned: spec, understood, not_understood, unmeasurable. evidence: list of quotes. round:
    strategies. progress: stage ("generate", "screen", "relax", "measure"), done, total. candidate: id, formula,
    prototype, novelty, meets, values {property: text}, answers {property: answer}. round_finished: generated,
    simulated, met, best, critique, course, reasons. warning: text. waiting (for a person; the run has ended and can be resumed): key,
    point, shows, folder. finished: reason, sentence, met, folder, exit_code, usage.
    """

    model_config = _STRICT

    kind: EventKind
    round: int = 0
    elapsed_s: float = 0.0
    seconds_left: float = 0.0
    data: dict[str, Any] = Field(default_factory=dict[str, Any])
