"""A person in the loop: the points at which a run waits, what is shown there, and what was decided.

A run that waits has written a `pause` to its ledger and ended; a decision is an `approval` in the ledger, so that neither a kill nor a lost
checkpoint asks twice or forgets an answer. The graph only reads them: its nodes interrupt where a decision is missing.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.context import RunContext, last_plan
from matsmith.core.errors import Interrupted, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import EventKind
from matsmith.core.spec import DesignSpec

PAUSE, APPROVAL = "pause", "approval"
EDITED_SPEC = "edited_spec"
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Point(StrEnum):
    """Where a person can be asked."""

    PLAN = "plan"
    SPEND = "spend"
    ROUND = "round"

    @property
    def question(self) -> str:
        """What is asked there."""
        return {
            Point.PLAN: "the plan",
            Point.SPEND: "the computing of this round",
            Point.ROUND: "another round",
        }[self]


class Pause(BaseModel):
    """A run that waits: for what, and what a person should see. `shows` is plain data that depends on the point.

    plan: nothing beside the plan. spend: candidates by strategy, seconds by stage. round: round (RoundSummary), critique, course, reasons.
    All: `left` (BudgetLeft) and `usage` of the language model in words.
    """

    model_config = _STRICT

    key: str = Field(description="plan, or the point and the round: spend/3")
    point: Point
    round: int = 0
    shows: dict[str, Any] = Field(default_factory=dict[str, Any])


class Decision(StrEnum):
    """What a person can say."""

    APPROVE = "approve"
    REFUSE = "refuse"


class Approval(BaseModel):
    """A person's decision at one pause."""

    model_config = _STRICT

    key: str
    decision: Decision
    edited: bool = Field(default=False, description="whether the specification was changed with it")


class AwaitingApproval(Interrupted):
    """The run waits for a person; it holds nothing and can be resumed at any time."""

    def __init__(self, pause: Pause, *, folder: Path) -> None:
        super().__init__(
            f"The run waits for approval of {pause.point.question}.",
            hint=f"Go on with `matsmith resume {shlex.quote(str(folder))}` and --approve, --refuse or --spec FILE.",
        )
        self.pause = pause
        self.folder = folder


def points_of(names: str) -> frozenset[Point]:
    """Read a list such as `plan,round`. Raises `UsageError` for a point that does not exist.

    >>> sorted(points_of("round, plan"))
    [<Point.PLAN: 'plan'>, <Point.ROUND: 'round'>]
    """
    given = [name.strip().lower() for name in names.split(",") if name.strip()]
    known = [point.value for point in Point]
    unknown = [name for name in given if name not in known]
    if unknown or not given:
        raise UsageError(
            f"There is no point {unknown[0]!r} to approve." if unknown else "No point to approve is named.",
            hint=f"Choose from {', '.join(known)}, several with commas between them.",
        )
    return frozenset(Point(name) for name in given)


def pause_at(context: RunContext, point: Point, *, round_number: int = 0, shows: dict[str, Any]) -> Pause:
    """Write the pause to the ledger, once, and tell of it; asked again for the same point, it returns what was written."""
    key = point.value if point is Point.PLAN else f"{point.value}/{round_number}"
    kept = context.ledger.latest(PAUSE, key)
    if kept is not None:
        pause = Pause.model_validate_json(kept)
    else:
        left = context.left(round_number=round_number)
        used = context.usage_before + context.reasoner.usage
        common = {"left": left.model_dump(mode="json"), "usage": used.in_words if used.tokens else ""}
        pause = Pause(key=key, point=point, round=round_number, shows={**shows, **common})
        context.ledger.append(PAUSE, key, pause)
    if decision_at(context.ledger, pause) is None:
        context.tell(
            EventKind.WAITING,
            round_number=round_number,
            key=key,
            point=point.value,
            shows=pause.shows,
            folder=str(context.folder),
        )
    return pause


def decision_at(ledger: Ledger, pause: Pause) -> Approval | None:
    """The decision that was taken at a pause, or None while it is open."""
    body = ledger.latest(APPROVAL, pause.key)
    return None if body is None else Approval.model_validate_json(body)


def open_pause(ledger: Ledger) -> Pause | None:
    """The pause at which a run waits, or None when it does not wait."""
    last = None
    for entry in ledger.entries(PAUSE):
        last = entry.body
    if last is None or any(ledger.entries("stop")):
        return None
    pause = Pause.model_validate_json(last)
    return pause if decision_at(ledger, pause) is None else None


def decide(ledger: Ledger, pause: Pause, *, decision: Decision, spec: DesignSpec | None = None) -> Approval:
    """Write a decision, and with it the edited specification when there is one; all of it or nothing.

    A decision that stands already is kept. The objective's words stay those of the run.
    """
    kept = decision_at(ledger, pause)
    if kept is not None:
        return kept
    plan = last_plan(ledger)
    edited = None
    if spec is not None and decision is Decision.APPROVE:
        edited = spec.model_copy(update={"objective": plan.spec.objective})
        edited = None if edited == plan.spec else edited
    approval = Approval(key=pause.key, decision=decision, edited=edited is not None)
    rows: list[tuple[str, str, BaseModel | str]] = [(APPROVAL, pause.key, approval)]
    if edited is not None:
        rows.append(("plan", pause.key, plan.model_copy(update={"spec": edited})))
        rows.append((EDITED_SPEC, pause.key, json.dumps({"before": plan.spec.model_dump(mode="json")})))
    ledger.append_many(rows)
    return approval


def cost_of_round(
    context: RunContext, candidates: Iterable[str], *, relaxed: int, measured: int
) -> dict[str, Any]:
    """What the simulation of these candidates may take, by the pace of the run so far; at most what is left of the time."""
    by_strategy: dict[str, int] = {}
    listed = list(candidates)
    for candidate in listed:
        name = context.candidate(candidate).lineage.strategy
        by_strategy[name] = by_strategy.get(name, 0) + 1
    pace = context.pace.seconds
    seconds = {
        "screen": round(len(listed) * pace["screen"], 1),
        "relax": round(min(len(listed), relaxed) * pace["relax"], 1),
        "measure": round(min(len(listed), measured) * pace["measure"], 1),
    }
    return {"candidates": len(listed), "by_strategy": by_strategy, "seconds": seconds}
