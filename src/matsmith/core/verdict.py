"""`Verdict`: does a candidate meet a target? Computed from records; no language model takes part.

Met when the probability of meeting the target, from value and sigma, is at least the specification's level (0.84, one
sigma on one side), not met at most one minus that, else unknown. Two methods that disagree give unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.spec import DesignSpec, Target

# Two methods disagree when their difference exceeds this many combined sigmas: 1 % of honest pairs by chance.
DISAGREEMENT_SIGMAS = 2.6


class Answer(StrEnum):
    """The three possible verdicts."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


class Measurement(BaseModel):
    """One quantity with the record it stands in; `conclusive` is False when the method can refute but not confirm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: str
    tool: str
    quantity: Quantity
    conclusive: bool = True
    caveat: str = ""


class Verdict(BaseModel):
    """The answer for one candidate and one target, with its margin and the record it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: str
    target: int
    property: str
    answer: Answer
    probability: float | None = None
    margin: float | None = None
    quantity: Quantity | None = None
    record: str = ""
    others: tuple[str, ...] = ()
    reason: str = ""


def judge(
    target: Target, measurements: Sequence[Measurement], *, spec: DesignSpec, candidate: str, index: int
) -> Verdict:
    """Judge one target from what was measured, in any order.

    Of the conclusive measurements the one with the smallest sigma decides; without any, the best of the others may refute
    and never confirms. An upper bound speaks for what lies between zero and it. One that differs from it by more than `DISAGREEMENT_SIGMAS` combined sigmas makes it unknown, whether
    both are held against computation or one against experiment: what is wanted is the property.
    """
    if not measurements:
        return Verdict(
            candidate=candidate,
            target=index,
            property=target.property,
            answer=Answer.UNKNOWN,
            reason="not measured",
        )
    best = min(
        measurements,
        key=lambda one: (
            one.quantity.truth is Truth.UPPER_BOUND,
            not one.conclusive,
            one.quantity.sigma,
            one.record,
        ),
    )
    interval = target.interval
    probability = best.quantity.probability(low=interval.low, high=interval.high)
    answer, reason = Answer.UNKNOWN, ""
    bounded = best.quantity.truth is Truth.UPPER_BOUND
    if bounded:
        # Between zero and the bound: met when all of that lies inside, not met when none of it does.
        reached = best.quantity.probability(low=interval.low)
        probability = (
            best.quantity.probability(high=interval.high) if interval.low <= 0 else min(reached, 0.5)
        )
    if probability >= spec.probability_met:
        answer = Answer.MET
    elif probability <= spec.probability_not_met and not (bounded and interval.low <= 0 <= interval.high):
        answer = Answer.NOT_MET
    else:
        reason = "only an upper bound is known" if bounded else "the uncertainty spans the threshold"
    for other in measurements:
        gap = abs(other.quantity.value - best.quantity.value)
        combined = math.hypot(other.quantity.sigma, best.quantity.sigma)
        truths = {other.quantity.truth, best.quantity.truth}
        comparable = truths.isdisjoint((Truth.EXACT, Truth.UPPER_BOUND))
        if comparable and gap > DISAGREEMENT_SIGMAS * combined:
            answer = Answer.UNKNOWN
            reason = f"two methods disagree: {best.tool} {best.quantity}, {other.tool} {other.quantity}"
    if answer is Answer.MET and not best.conclusive:
        answer, reason = Answer.UNKNOWN, best.caveat
    return Verdict(
        candidate=candidate,
        target=index,
        property=target.property,
        answer=answer,
        probability=probability,
        margin=target.margin(best.quantity),
        quantity=best.quantity,
        record=best.record,
        others=tuple(other.record for other in measurements if other.record != best.record),
        reason=reason or best.caveat,
    )


def meets_all(verdicts: Sequence[Verdict], *, spec: DesignSpec) -> bool:
    """Say whether every hard target is met; a specification without a hard target is met by whatever was judged."""
    answers = {verdict.target: verdict.answer for verdict in verdicts}
    return all(
        answers.get(index) is Answer.MET
        for index, target in enumerate(spec.targets)
        if target.hard and target.is_constraint
    )
