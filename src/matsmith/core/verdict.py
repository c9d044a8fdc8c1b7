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
    """One quantity with the record it stands in; `conclusive` is False when the method can refute but not confirm.

    `method` tells apart what one tool does with different models or files: only equal ones are compared across materials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: str
    tool: str
    quantity: Quantity
    conclusive: bool = True
    caveat: str = ""
    method: str = ""


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
    target: Target,
    measurements: Sequence[Measurement],
    *,
    spec: DesignSpec,
    candidate: str,
    index: int,
    references: Sequence[Measurement] = (),
) -> Verdict:
    """Judge one target from what was measured, in any order; `references` are measurements of the material that it compares with.

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
    if target.reference is not None:
        return _judge_against(
            target, measurements, references=references, spec=spec, candidate=candidate, index=index
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


def _judge_against(
    target: Target,
    measurements: Sequence[Measurement],
    *,
    references: Sequence[Measurement],
    spec: DesignSpec,
    candidate: str,
    index: int,
) -> Verdict:
    """Judge against the reference material by each method that measured both, with both errors; methods that contradict each other give unknown.

    The errors are added as if they were independent. What a method gets wrong of both materials alike cancels in truth, so a real
    difference may be called unknown, and chance is not called a difference.
    """
    found: list[tuple[float, Verdict]] = []
    for one in measurements:
        for other in references:
            if (one.tool, one.method) != (other.tool, other.method):
                continue
            factor = abs(target.value or 0.0)
            widened = one.quantity.model_copy(
                update={"sigma": math.hypot(one.quantity.sigma, factor * other.quantity.sigma)}
            )
            alone = judge(
                target.against(other.quantity),
                [one.model_copy(update={"quantity": widened})],
                spec=spec,
                candidate=candidate,
                index=index,
            )
            said = f"{target.reference} by the same method: {other.quantity}"
            verdict = alone.model_copy(
                update={
                    "quantity": one.quantity,
                    "others": (other.record,),
                    "reason": "; ".join(part for part in (alone.reason, said) if part),
                }
            )
            found.append((widened.sigma, verdict))
    if not found:
        return Verdict(
            candidate=candidate,
            target=index,
            property=target.property,
            answer=Answer.UNKNOWN,
            quantity=measurements[0].quantity,
            record=measurements[0].record,
            reason=f"{target.reference} was not measured by the same method",
        )
    best = min(found, key=lambda pair: (pair[1].answer is Answer.UNKNOWN, pair[0], pair[1].record))[1]
    if {Answer.MET, Answer.NOT_MET} <= {verdict.answer for _, verdict in found}:
        return best.model_copy(
            update={
                "answer": Answer.UNKNOWN,
                "reason": f"two methods disagree on which has more, {target.reference} or this",
            }
        )
    return best


def meets_all(verdicts: Sequence[Verdict], *, spec: DesignSpec) -> bool:
    """Say whether every hard target is met; a specification without a hard target is met by whatever was judged."""
    answers = {verdict.target: verdict.answer for verdict in verdicts}
    return all(
        answers.get(index) is Answer.MET
        for index, target in enumerate(spec.targets)
        if target.hard and target.is_constraint
    )
