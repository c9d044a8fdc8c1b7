"""What a series from molecular dynamics is worth: its mean with an honest error, whether it drifts, from where it is steady, slopes.

Samples of one trajectory are correlated. The error of a mean comes from means over blocks (H. Flyvbjerg and H. G. Petersen, J. Chem.
Phys. 91, 461 (1989)), at the shortest block B with B³ > 2 N (s_B / s_1)⁴ (R. M. Lee et al., Phys. Rev. E 83, 066706 (2011)). A series is
steady from where the number of independent samples that remain is largest (J. D. Chodera, J. Chem. Theory Comput. 12, 1799 (2016)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import CALMER, DynamicsError

FEWEST_SAMPLES, FEWEST_BLOCKS = 8, 4
DRIFTED = 3.0
"""From so many sigmas between the halves of a series on, it drifts."""
_ORIGINS = 24
_LATEST = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """A mean with its one-sigma error; `inefficiency` is how many samples in a row count as one.

    `resolved` is False where the series is too short against its own memory for the error to be trusted: it is then a lower bound.
    """

    mean: float
    sigma: float
    samples: int
    inefficiency: float
    resolved: bool

    @property
    def independent(self) -> float:
        """How many independent samples the mean rests on."""
        return self.samples / self.inefficiency

    def times(self, factor: float) -> Average:
        """The mean of as much times the series."""
        return replace(self, mean=factor * self.mean, sigma=abs(factor) * self.sigma)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far the second half of a series lies above the first, with its error."""

    change: float
    sigma: float

    @property
    def significance(self) -> float:
        """The change over its error."""
        if self.sigma > 0:
            return self.change / self.sigma
        return 0.0 if self.change == 0 else math.copysign(math.inf, self.change)

    @property
    def steady(self) -> bool:
        """Whether the change is no more than chance gives."""
        return abs(self.significance) < DRIFTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line y = intercept + slope (x - centre), whose two parameters have uncorrelated errors.

    `misfit` is the scatter of the points about the line over what their errors allow; nan where no errors were given.
    """

    slope: float
    slope_sigma: float
    intercept: float
    intercept_sigma: float
    centre: float
    misfit: float

    def at(self, x: float) -> tuple[float, float]:
        """Value and one-sigma error at a place."""
        away = x - self.centre
        return self.intercept + self.slope * away, math.hypot(self.intercept_sigma, self.slope_sigma * away)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tangent:
    """Value and slope of a curve at one place, each with its one-sigma error; `misfit` is that of the curve, about 1 when sound."""

    value: float
    value_sigma: float
    slope: float
    slope_sigma: float
    misfit: float


def average(series: Sequence[float] | FloatArray) -> Average:
    """The mean of a series (n,) of correlated samples; raises DynamicsError below 8 samples or where one is not finite."""
    values = _checked(series)
    count = len(values)
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    # Rounding of a constant is no spread.
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        return Average(mean=mean, sigma=0.0, samples=count, inefficiency=1.0, resolved=True)
    plain = spread / math.sqrt(count)
    largest, length = plain, 1
    while count // length >= FEWEST_BLOCKS:
        sigma = block_sigma(values, blocks=count // length)
        largest = max(largest, sigma)
        if length**3 > 2 * count * (sigma / plain) ** 4:
            sigma = max(sigma, plain)
            return Average(
                mean=mean, sigma=sigma, samples=count, inefficiency=(sigma / plain) ** 2, resolved=True
            )
        length = max(length + 1, math.ceil(1.2 * length))
    return Average(
        mean=mean, sigma=largest, samples=count, inefficiency=(largest / plain) ** 2, resolved=False
    )


def block_means(series: FloatArray, *, blocks: int) -> FloatArray:
    """Means of so many blocks of equal length; what is left over at the beginning is dropped. Works along the first axis."""
    length = len(series) // blocks
    kept = series[len(series) - blocks * length :]
    return kept.reshape(blocks, length, *series.shape[1:]).mean(axis=1)


def block_sigma(series: FloatArray, *, blocks: int) -> float:
    """One-sigma error of the mean of a series (n,) from the scatter of its block means."""
    return float(block_means(series, blocks=blocks).std(ddof=1)) / math.sqrt(blocks)


def drift(series: Sequence[float] | FloatArray) -> Drift:
    """The mean of the second half less that of the first, each with its own error."""
    values = _checked(series)
    half = len(values) // 2
    if half < FEWEST_SAMPLES:
        raise DynamicsError(
            "too_short",
            f"A drift cannot be told from {len(values)} samples.",
            hint="Sample longer, or more often.",
        )
    first, second = average(values[:half]), average(values[half:])
    return Drift(change=second.mean - first.mean, sigma=math.hypot(first.sigma, second.sigma))


def inefficiency(series: FloatArray) -> float:
    """How many samples (n,) in a row count as one: 1 + 2 Σ (1 - t / n) c(t), over lags up to the first negative correlation."""
    values = np.asarray(series, dtype=np.float64) - float(np.mean(series))
    count = len(values)
    variance = float(values @ values) / count
    if count < 2 or variance <= 0:
        return 1.0
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(values, size)
    raw: FloatArray = np.fft.irfft(spectrum * spectrum.conj(), size)[:count]
    correlation = raw / (count - np.arange(count)) / variance
    negative = np.flatnonzero(correlation <= 0)
    end = int(negative[0]) if len(negative) else count
    lags = np.arange(1, end)
    return max(1.0, 1.0 + 2.0 * float(((1.0 - lags / count) * correlation[1:end]).sum()))


def steady_from(series: Sequence[float] | FloatArray) -> int:
    """Index from which a series (n,) is steady: there the number of independent samples left is the largest; at most 60 % are dropped."""
    values = _checked(series)
    count = len(values)
    starts = np.unique(np.linspace(0, _LATEST * count, _ORIGINS).astype(np.int64))
    worth = [(count - int(start)) / inefficiency(values[start:]) for start in starts]
    return int(starts[int(np.argmax(worth))])


def steady_average(series: Sequence[float] | FloatArray) -> Average:
    """The mean of the steady part of a series (n,)."""
    values = _checked(series)
    return average(values[min(steady_from(values), len(values) - FEWEST_SAMPLES) :])


def line(
    x: Sequence[float] | FloatArray,
    y: Sequence[float] | FloatArray,
    sigma: Sequence[float] | FloatArray | None = None,
) -> Line:
    """The straight line through points (k,), weighted by their errors.

    Where the points scatter by more than their errors, these are widened by as much; without errors, the scatter is the error. Two
    points without errors give errors of nan. Raises DynamicsError for fewer than two different places.
    """
    places, values = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(places) < 2 or np.ptp(places) == 0:
        raise DynamicsError("too_short", "A straight line needs points at two places or more.")
    errors = None if sigma is None else np.asarray(sigma, dtype=np.float64)
    known = errors is not None and bool((errors > 0).all())
    weights: FloatArray = 1.0 / errors**2 if errors is not None and known else np.ones(len(places))
    total = float(weights.sum())
    centre = float(weights @ places) / total
    away = places - centre
    spread = float(weights @ away**2)
    slope, height = float(weights @ (away * values)) / spread, float(weights @ values) / total
    spare = len(places) - 2
    square = float(weights @ (values - height - slope * away) ** 2)
    misfit = math.sqrt(square / spare) if spare > 0 else math.nan
    widen = max(1.0, 0.0 if math.isnan(misfit) else misfit) if known else misfit
    return Line(
        slope=slope,
        slope_sigma=widen / math.sqrt(spread),
        intercept=height,
        intercept_sigma=widen / math.sqrt(total),
        centre=centre,
        misfit=misfit if known else math.nan,
    )


def tangent(at: float, *, x: FloatArray, y: FloatArray, sigma: FloatArray, rounding: float = 1e-9) -> Tangent:
    """Value and slope at a place of the parabola through points (k,) with errors (k,); of a straight line for fewer than four points.

    Where the points scatter by more than their errors, these are widened by as much; no error is taken below `rounding` of its value.
    """
    order = 2 if len(x) > 3 else 1
    away = x - at
    scale = float(np.abs(away).max())
    errors = np.maximum(sigma, rounding * np.abs(y))
    rows: FloatArray = np.vander(away / scale, order + 1, increasing=True) / errors[:, None]
    covariance: FloatArray = np.asarray(np.linalg.inv(rows.T @ rows), dtype=np.float64)
    # About their mean, as an energy is large beside what it changes by.
    middle = float(y.mean())
    found = covariance @ (rows.T @ ((y - middle) / errors))
    spare = len(x) - order - 1
    square = float((((y - middle) / errors - rows @ found) ** 2).sum())
    misfit = math.sqrt(square / spare) if spare > 0 else 1.0
    covariance = covariance * max(1.0, misfit) ** 2
    return Tangent(
        value=middle + float(found[0]),
        value_sigma=math.sqrt(float(covariance[0, 0])),
        slope=float(found[1]) / scale,
        slope_sigma=math.sqrt(float(covariance[1, 1])) / scale,
        misfit=misfit,
    )


def combined(parts: Sequence[Average]) -> Average:
    """The mean of averages of the same thing from independent runs, weighted by their samples; its error knows their scatter too."""
    counts = np.array([part.samples for part in parts], dtype=np.float64)
    shares = counts / counts.sum()
    means, sigmas = np.array([part.mean for part in parts]), np.array([part.sigma for part in parts])
    mean, within = float(shares @ means), math.sqrt(float(shares**2 @ sigmas**2))
    between = float(means.std(ddof=1)) / math.sqrt(len(parts)) if len(parts) > 2 else 0.0
    return Average(
        mean=mean,
        sigma=max(within, between),
        samples=int(counts.sum()),
        inefficiency=float(shares @ [part.inefficiency for part in parts]),
        resolved=all(part.resolved for part in parts),
    )


def _checked(series: Sequence[float] | FloatArray) -> FloatArray:
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST_SAMPLES:
        raise DynamicsError(
            "too_short",
            f"{values.size} samples are too few for a mean with an error: {FEWEST_SAMPLES} are needed.",
            hint="Sample longer, or more often.",
        )
    if not np.isfinite(values).all():
        raise DynamicsError(
            "diverged",
            "The series holds values that are not finite.",
            hint=f"The run has diverged. {CALMER}",
        )
    return values
