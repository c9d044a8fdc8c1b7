"""How promising a candidate is: before it is measured from cheap estimates, afterwards from its verdicts.

Scores order work and answers; they decide nothing. Before measurement an estimate has a wide sigma of its own, so a cheap
number cannot rule a candidate out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Verdict

_LEAST_PROBABILITY = 1e-4


def optimise_scale(name: str) -> float:
    """A difference in a property that matters, in its unit: a tenth of its physical range."""
    entry = PROPERTIES[name]
    width = entry.high - max(entry.low, 0.0)
    return width / 10.0 if math.isfinite(width) and width > 0 else 10.0


def _gain(target: Target, value: float, *, sigma: float = 0.0) -> float:
    """Preference for a value of a target that is only optimised: for what it is at least, one `sigma` to the worse."""
    sign = 1.0 if target.relation is Relation.MAXIMISE else -1.0
    return (sign * value - sigma) / optimise_scale(target.property)


def promise(spec: DesignSpec, estimates: Mapping[str, Quantity]) -> float:
    """Log-probability of meeting the targets by the estimates at hand; a target without one counts as even odds."""
    total = 0.0
    for target in spec.targets:
        estimate = estimates.get(target.property)
        if not target.is_constraint:
            total += 0.3 * target.weight * (_gain(target, estimate.value) if estimate else 0.0)
            continue
        probability = 0.5
        if estimate is not None:
            interval = target.interval
            probability = estimate.probability(low=interval.low, high=interval.high)
        weight = target.weight if target.hard else 0.3 * target.weight
        total += weight * math.log(max(_LEAST_PROBABILITY, probability))
    return total


def score(spec: DesignSpec, verdicts: Sequence[Verdict]) -> float:
    """Log-probability of meeting all constraints by the verdicts, plus the gain in what is only optimised."""
    total = 0.0
    for verdict in verdicts:
        target = spec.targets[verdict.target]
        if not target.is_constraint:
            if verdict.quantity is not None:
                total += (
                    0.3 * target.weight * _gain(target, verdict.quantity.value, sigma=verdict.quantity.sigma)
                )
            continue
        probability = verdict.probability if verdict.probability is not None else 0.3
        weight = target.weight if target.hard else 0.3 * target.weight
        total += weight * math.log(max(_LEAST_PROBABILITY, probability))
    return total
