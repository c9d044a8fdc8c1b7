"""What the agents of one run share and what is no plain data: ledger, tools, reasoner, clock, listener."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matsmith.agents.decisions import AnswerT, Plan, Question, RoundSummary
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.core.candidate import Candidate
from matsmith.core.crystal import content_hash
from matsmith.core.directive import Directive
from matsmith.core.errors import BudgetExceeded, LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, Evidence, Judgement
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.tools.runner import ToolRunner

# Kept back from the wall time for the last verdicts and the report.
REPORT_RESERVE_S = 3.0


@dataclass
class Pace:
    """Seconds that each stage takes per structure, learnt as the run goes."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"screen": 0.08, "relax": 1.0, "measure": 4.0, "generate": 0.02}
    )

    def learn(self, stage: str, *, seconds: float, count: int) -> None:
        """Take in what a batch has cost; recent batches weigh half."""
        if count > 0:
            self.seconds[stage] = 0.5 * self.seconds[stage] + 0.5 * seconds / count


@dataclass
class RunContext:
    """One run's tools and limits. `spent_before_s` is what earlier sessions of a resumed run had used."""

    folder: Path
    ledger: Ledger
    settings: Settings
    runner: ToolRunner
    reasoner: Reasoner
    seed: int
    spent_before_s: float = 0.0
    listener: Callable[[Event], None] | None = None
    evaluations: int = 0
    pace: Pace = field(default_factory=Pace)
    started: float = field(default_factory=time.monotonic)

    @cached_property
    def plan(self) -> Plan:
        """The plan that was approved."""
        body = next((entry.body for entry in self.ledger.entries("plan")), None)
        if body is None:
            raise LedgerError("The run has no plan.", hint="Start it again.")
        return Plan.model_validate_json(body)

    @property
    def spec(self) -> DesignSpec:
        """What is wanted."""
        return self.plan.spec

    @property
    def elapsed_s(self) -> float:
        """Wall time of all sessions of this run."""
        return self.spent_before_s + time.monotonic() - self.started

    @property
    def seconds_left(self) -> float:
        """Wall time left for work, the report's share taken off."""
        return self.spec.budget.wall_time_s - REPORT_RESERVE_S - self.elapsed_s

    @property
    def deadline(self) -> float:
        """When work must end, as a `time.monotonic` time."""
        return time.monotonic() + max(0.0, self.seconds_left)

    def spend(self, evaluations: int) -> None:
        """Count evaluations. Raises `BudgetExceeded` before the first one that the budget does not hold."""
        if self.evaluations + evaluations > self.spec.budget.evaluations:
            raise BudgetExceeded(f"The budget of {self.spec.budget.evaluations} evaluations is used up.")
        self.evaluations += evaluations

    def tell(self, kind: EventKind, *, round_number: int = 0, **data: Any) -> None:
        """Tell the listener."""
        if self.listener is not None:
            self.listener(
                Event(
                    kind=kind,
                    round=round_number,
                    elapsed_s=round(self.elapsed_s, 2),
                    seconds_left=round(max(0.0, self.seconds_left), 2),
                    data=data,
                )
            )

    def decide(self, question: Question[AnswerT], *, key: str) -> AnswerT:
        """Ask the reasoner once: a question that this run has already answered keeps its answer.

        The answer is written to the ledger under `role/key` with a hash of the question. Raises `BudgetExceeded` when the
        run's time ends before it comes.
        """
        digest = content_hash(question.model_dump(mode="json"))
        name = f"{question.role}/{key}/{digest}"
        kept = self.ledger.latest("answer", name)
        if kept is not None:
            return question.answer_type().model_validate_json(kept)
        answer = self.reasoner.decide(question, deadline=self.deadline)
        self.ledger.append_many(
            [("answer", name, answer), ("usage", self.reasoner.name, self.reasoner.usage)]
        )
        for warning in answer.warnings:
            self.tell(EventKind.WARNING, text=warning)
        return answer

    def candidate(self, candidate_id: str) -> Candidate:
        """A candidate of this run."""
        body = self.ledger.latest("candidate", candidate_id)
        if body is None:
            raise LedgerError(f"There is no candidate {candidate_id} in this run.")
        return Candidate.model_validate_json(body)

    def judgements(self) -> dict[str, Judgement]:
        """The last judgement of each candidate."""
        return {
            entry.key: Judgement.model_validate_json(entry.body) for entry in self.ledger.entries("judgement")
        }

    def history(self) -> list[RoundSummary]:
        """What each finished round tried and found."""
        return [RoundSummary.model_validate_json(entry.body) for entry in self.ledger.entries("round")]

    def evidence(self) -> list[Evidence]:
        """What the literature agent found."""
        return [Evidence.model_validate_json(entry.body) for entry in self.ledger.entries("evidence")]

    def directive(self) -> Directive:
        """The critic's last directive."""
        history = self.history()
        return history[-1].directive if history else Directive()
