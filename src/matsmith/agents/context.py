"""What the agents of one run share and what is no plain data: ledger, tools, reasoner, clock, listener."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matsmith.agents.asked import KIND as ASKED
from matsmith.agents.asked import Asked
from matsmith.agents.decisions import Answer, AnswerT, GenerationPlan, Plan, Question
from matsmith.agents.reasoners.interface import Reasoner, Usage, checked
from matsmith.agents.summaries import BudgetLeft, RoundSummary
from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.errors import BudgetExceeded, LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record
from matsmith.core.run import Event, EventKind, Evidence, Judgement
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.tools.runner import ToolRunner

# What a complaint quotes of an answer: a person is told that it was dropped, and never reads the number that was made up.
_MADE_UP = re.compile(r"'[^']*\d[^']*'|\{r:[^}]*\}")
REFERENCE = "reference"
"""Kind of the entries that say of a record which material it measured for targets to compare with: key the record, body the formula."""
# Kept back from the wall time for the last verdicts and the report.
REPORT_RESERVE_S = 3.0


@dataclass
class Pace:
    """Seconds that each stage takes per structure, learnt as the run goes."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"screen": 0.08, "relax": 1.0, "measure": 4.0, "generate": 0.02}
    )

    _stages: set[str] = field(default_factory=set[str], repr=False)

    def learnt(self, stage: str) -> bool:
        """Whether a stage has been timed in this session."""
        return stage in self._stages

    def learn(self, stage: str, *, seconds: float, count: int) -> None:
        """Take in what a batch has cost; recent batches weigh half."""
        if count > 0:
            self._stages.add(stage)
            self.seconds[stage] = 0.5 * self.seconds[stage] + 0.5 * seconds / count


@dataclass
class RunContext:
    """One run's tools and limits. `spent_before_s` and `usage_before` are what earlier sessions of a resumed run had used.

    `approve` names the points at which a person is asked before the run goes on.
    """

    folder: Path
    ledger: Ledger
    settings: Settings
    runner: ToolRunner
    reasoner: Reasoner
    seed: int
    spent_before_s: float = 0.0
    usage_before: Usage = field(default_factory=Usage)
    approve: frozenset[str] = frozenset()
    listener: Callable[[Event], None] | None = None
    evaluations: int = 0
    pace: Pace = field(default_factory=Pace)
    started: float = field(default_factory=time.monotonic)
    _rounds_read: dict[int, RoundSummary] = field(default_factory=dict[int, RoundSummary], repr=False)

    @cached_property
    def plan(self) -> Plan:
        """The plan that was approved last."""
        return last_plan(self.ledger)

    @property
    def spec(self) -> DesignSpec:
        """What is wanted."""
        return self.plan.spec

    @cached_property
    def references(self) -> dict[str, list[Record]]:
        """What was measured of the materials that targets compare with, by formula; it grows as they are measured."""
        found: dict[str, list[Record]] = {}
        for entry in self.ledger.entries(REFERENCE):
            found.setdefault(entry.body, []).append(self.ledger.consume(entry.key))
        return found

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

    def left(self, *, round_number: int) -> BudgetLeft:
        """What may still be spent after the rounds before this one."""
        budget = self.spec.budget
        used = self.usage_before + self.reasoner.usage
        return BudgetLeft(
            seconds=round(max(0.0, self.seconds_left)),
            rounds=max(0, budget.rounds - round_number),
            evaluations=max(0, budget.evaluations - self.evaluations),
            model_calls=max(0, budget.model_calls - used.calls),
            model_tokens=max(0, budget.model_tokens - used.tokens),
            model_cost_usd=None
            if budget.model_cost_usd is None
            else round(max(0.0, budget.model_cost_usd - (used.cost_usd or 0.0)), 4),
        )

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

        The answer is written to the ledger under `role/key` with a hash of the question, and beside it who answered by which prompt. What
        an answer may not hold is left out here whoever answered. Raises `BudgetExceeded` when the run's time ends before it comes.
        """
        name = f"{question.role}/{key}/{question.digest()}"
        kept = self.ledger.latest("answer", name)
        if kept is not None:
            return question.answer_type().model_validate_json(kept)
        try:
            answer = self.reasoner.decide(question, deadline=self.deadline)
        except BaseException:
            # What was spent in vain is spent all the same: a resumed run must not count its budget anew.
            self.ledger.append("usage", self.reasoner.name, self.reasoner.usage)
            raise
        answer = without_complaints(question, answer)
        self.ledger.append_many(
            [
                ("answer", name, answer),
                (ASKED, name, Asked.of(question, reasoner=self.reasoner)),
                ("usage", self.reasoner.name, self.reasoner.usage),
            ]
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
        """What each finished round tried and found; one that was judged again by an edited plan counts as it stands now."""
        rounds: dict[str, RoundSummary] = {}
        for entry in self.ledger.entries("round"):
            # The ledger only grows, so what was read once need not be read again in a long run.
            if entry.seq not in self._rounds_read:
                self._rounds_read[entry.seq] = RoundSummary.model_validate_json(entry.body)
            rounds[entry.key] = self._rounds_read[entry.seq]
        return list(rounds.values())

    def generation_plan(self, round_number: int) -> GenerationPlan | None:
        """What the generator decided for a round, when the ledger holds it."""
        body = self.ledger.latest("generation", str(round_number))
        return None if body is None else GenerationPlan.model_validate_json(body)

    def evidence(self) -> list[Evidence]:
        """What the literature agent found."""
        return [Evidence.model_validate_json(entry.body) for entry in self.ledger.entries("evidence")]

    def directive(self) -> Directive:
        """The critic's last directive."""
        history = self.history()
        return history[-1].directive if history else Directive()


def last_plan(ledger: Ledger) -> Plan:
    """The plan that a run goes by: the last one that a person gave or approved. Raises `LedgerError` when there is none."""
    body = None
    for entry in ledger.entries("plan"):
        body = entry.body
    if body is None:
        raise LedgerError("The run has no plan.", hint="Start it again.")
    return Plan.model_validate_json(body)


def without_complaints(question: Question[AnswerT], answer: Answer) -> AnswerT:
    """The answer without what its question may not be answered with; its warnings say what was dropped."""
    complaints, kept = question.review(answer)
    new = [f"Dropped: {_MADE_UP.sub('(…)', complaint)}" for complaint in complaints]
    missing = [warning for warning in new if warning not in kept.warnings]
    if missing:
        kept = kept.model_copy(update={"warnings": [*kept.warnings, *missing]})
    return checked(question, kept)
