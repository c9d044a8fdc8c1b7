"""Confidence intervals for few tries: Wilson's for shares, the bootstrap for medians and for differences between arms."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_Z95 = 1.959963984540054
_SAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its 95 % interval; the sides are None where too little is known for one."""

    value: float
    low: float | None
    high: float | None


def wilson(successes: int, tries: int) -> Estimate | None:
    """Share of successes with its 95 % score interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209); None without a try.

    >>> share = wilson(8, 10)
    >>> round(share.low, 3), round(share.high, 3)
    (0.49, 0.943)
    """
    if tries == 0:
        return None
    share, z2 = successes / tries, _Z95**2
    centre = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    half = _Z95 * math.sqrt(share * (1 - share) / tries + z2 / (4 * tries**2)) / (1 + z2 / tries)
    return Estimate(value=share, low=max(0.0, centre - half), high=min(1.0, centre + half))


def bootstrap(
    values: Sequence[float], *, of: Callable[[Sequence[float]], float] = statistics.median, seed: int = 0
) -> Estimate | None:
    """A statistic with its 95 % percentile interval from resampled values (Efron 1979, Ann. Stat. 7, 1); None without a value.

    One value alone has no interval.
    """
    if not values:
        return None
    found = of(values)
    if len(values) == 1:
        return Estimate(value=found, low=None, high=None)
    draws = random.Random(seed)  # noqa: S311 - resampling guards nothing
    sampled = sorted(of(draws.choices(values, k=len(values))) for _ in range(_SAMPLES))
    low, high = sampled[round(0.025 * _SAMPLES)], sampled[round(0.975 * _SAMPLES) - 1]
    return Estimate(value=found, low=low, high=high)


def paired_difference(pairs: Sequence[tuple[float, float]], *, seed: int = 0) -> Estimate | None:
    """Mean of the second less the first over tasks that both tried, with its bootstrap interval; None without a pair."""
    return bootstrap([second - first for first, second in pairs], of=statistics.fmean, seed=seed)
