"""How wide the intervals of a composition model are: its expected error times a factor, which depends on what is predicted.

    factor_level(y) = quantile of |residual| / expected error among left-out formulas of which about as much is predicted as y

One factor for all would hold its share of a table as a whole and not where it matters: of band gaps, metals are predicted almost exactly, and the
intervals of all others would be too narrow. Conformal prediction by groups after Vovk, Lindsay, Nouretdinov and Gammerman 2003 (Mondrian confidence machine).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FOLDS, FloatArray, IntArray

ONE_SIGMA, NINETY = 0.6827, 0.9
_LEVELS = (ONE_SIGMA, NINETY)
_MOST_GROUPS = 8
_FEWEST = 150
"""Residuals of a group: with fewer its quantiles say little."""


@dataclass(frozen=True)
class Widths:
    """`factors` (2, groups), of one sigma and of the 90 % interval, where `middles` (groups,) is predicted on the model's scale; between them in proportion."""

    middles: FloatArray
    factors: FloatArray

    def of(self, middle: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Factors of one sigma and of half the 90 % interval for predictions `middle` (n,), both (n,)."""
        one: FloatArray = np.asarray(np.interp(middle, self.middles, self.factors[0]), dtype=np.float64)
        ninety: FloatArray = np.asarray(np.interp(middle, self.middles, self.factors[1]), dtype=np.float64)
        return one, ninety

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """What is stored, by name."""
        return {"quantiles": self.factors, "quantile_middles": self.middles}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[np.float64]]) -> Widths:
        """From what was stored, now or by an earlier version, which had one factor of each kind. Raises ValueError for another shape."""
        factors = arrays["quantiles"].reshape(2, -1)
        middles = arrays.get("quantile_middles", np.zeros(1))
        if middles.shape != factors.shape[1:] or not (np.diff(middles) > 0).all():
            raise ValueError("the factors of the intervals belong to other groups")
        return cls(middles=middles, factors=factors)


def fit_widths(middle: FloatArray, score: FloatArray) -> Widths:
    """Factors from left-out predictions `middle` (n,) and residuals in units of the expected error `score` (n,)."""
    count = max(1, min(_MOST_GROUPS, len(score) // _FEWEST))
    chunk = np.empty(len(score), dtype=np.int64)
    chunk[np.argsort(middle, kind="stable")] = np.arange(len(score)) * count // max(1, len(score))
    each = [float(np.median(middle[chunk == place])) for place in range(count)]
    middles = np.unique(each)
    group = np.searchsorted(middles, each)[chunk]
    factors = [
        [conformal_quantile(score[group == place], level) for place in range(len(middles))]
        for level in _LEVELS
    ]
    return Widths(middles=middles, factors=np.array(factors))


def coverage_of(
    middle: FloatArray, score: FloatArray, *, folds: IntArray, inside: NDArray[np.bool_]
) -> dict[str, float]:
    """Share of residuals within the intervals, each fold's widths fitted to the others: of all, outside of the domain, and the least of a fifth of the predictions.

    Fifths go by how much is predicted.
    """
    hit = np.empty((2, len(score)), dtype=bool)
    for fold in range(FOLDS):
        rows = folds == fold
        widths = fit_widths(middle[~rows], score[~rows]).of(middle[rows])
        hit[:, rows] = score[rows] <= np.stack(widths)
    fifths = np.array_split(np.argsort(middle, kind="stable"), 5)
    found: dict[str, float] = {}
    for level, own in zip(_LEVELS, hit, strict=True):
        found[f"{level:g}"] = float(own.mean())
        found[f"{level:g} outside of the domain"] = float(own[~inside].mean())
        found[f"{level:g} in the worst fifth by prediction"] = float(min(own[part].mean() for part in fifths))
    return found


def conformal_quantile(score: FloatArray, level: float) -> float:
    """The quantile of n residuals that holds for one more: the next higher of n + 1."""
    place = min(len(score) - 1, int(np.ceil((len(score) + 1) * level)) - 1)
    return float(np.sort(score)[place])
