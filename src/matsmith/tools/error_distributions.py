"""Means and standard deviations of normal errors under what is known beforehand: a bound from below, or a floor at zero."""

from __future__ import annotations

import math


def bounded_below(
    value: float, sigma: float, *, bound: float, ground_share: float = 0.0, excess: float = math.inf
) -> tuple[float, float]:
    """Mean and standard deviation of an energy measured as `value` with a normal error, known not to lie below `bound`.

    Beforehand it lies at the bound with probability `ground_share` (the structure is the lowest phase itself), otherwise
    above it by an exponential excess of mean `excess`. With the defaults this is a normal distribution cut off at `bound`.

    >>> mean, deviation = bounded_below(0.0, 1.0, bound=0.0)
    >>> round(mean, 4), round(deviation, 4)
    (0.7979, 0.6028)
    """
    rate = 0.0 if math.isinf(excess) else 1.0 / excess
    centre = value - rate * sigma * sigma
    start = (bound - centre) / sigma
    survival = 0.5 * math.erfc(start / math.sqrt(2.0))
    if survival < 1e-12:
        return bound, sigma
    hazard = math.exp(-0.5 * start * start) / math.sqrt(2.0 * math.pi) / survival
    above, spread = (
        centre + sigma * hazard,
        sigma * math.sqrt(max(0.0, 1.0 + start * hazard - hazard * hazard)),
    )
    if ground_share <= 0.0 or rate <= 0.0:
        return above, spread
    # Bayes' rule for the two cases, with the common factor exp(-(value - bound)^2 / 2 sigma^2) taken out.
    gap = (value - bound) / sigma
    at_bound = ground_share / (sigma * math.sqrt(2.0 * math.pi))
    tail = 0.5 * (rate * sigma) ** 2 - rate * (value - bound) + 0.5 * gap * gap
    higher = (1.0 - ground_share) * rate * math.exp(min(tail, 600.0)) * survival
    share = at_bound / (at_bound + higher)
    mean = share * bound + (1.0 - share) * above
    variance = share * (bound - mean) ** 2 + (1.0 - share) * (spread**2 + (above - mean) ** 2)
    return mean, math.sqrt(variance)


def rectified(value: float, sigma: float) -> tuple[float, float]:
    """Mean and standard deviation of max(0, x) for x normal about `value`.

    >>> mean, deviation = rectified(0.0, 1.0)
    >>> round(mean, 4), round(deviation, 4)
    (0.3989, 0.5838)
    """
    z = value / sigma
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    share = 0.5 * math.erfc(-z / math.sqrt(2.0))
    mean = value * share + sigma * density
    square = (value * value + sigma * sigma) * share + value * sigma * density
    return mean, math.sqrt(max(0.0, square - mean * mean))
