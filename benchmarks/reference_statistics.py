"""Laws that correct a computed value towards measurement, fitted robustly, and what they leave on crystals left out.

A law is ln(measured / computed) = intercept + Σ coefficient · feature, with the features of `matsmith.knowledge.calibration`. It is
fitted by iteratively reweighted least squares with Huber's weights (Huber 1964, Ann. Math. Stat. 35, 73) and a ridge on the
scaled features. Every figure is for formulas left out of the fit: all polymorphs of a formula go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_HUBER, _RIDGE, _ROUNDS = 1.35, 3.0, 60
ONE_SIGMA, TWO_SIGMA = (0.63, 0.73), (0.92, 0.98)
_SCATTER = (0.466, 0.218)  # sqrt(p·(1 - p)) at 0.68 and 0.95
_FOLDS, _REPEATS, _TRIED = 10, 5, 160


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A law: what is added to ln(computed), as an intercept and one coefficient a feature."""

    intercept: float
    coefficients: FloatArray

    def shift(self, features: FloatArray) -> FloatArray:
        """ln(measured / computed) by the law, for features (n, k)."""
        return self.intercept + features @ self.coefficients


def fit(features: FloatArray, logs: FloatArray) -> Fitted:
    """Fit a law to features (n, k) and ln(measured / computed) (n,); with no feature it is the median."""
    if features.shape[1] == 0:
        return Fitted(intercept=float(np.median(logs)), coefficients=np.zeros(0))
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    x = np.hstack([np.ones((len(logs), 1)), (features - centre) / scale])
    ridge = _RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    weights = np.ones(len(logs))
    solution = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        weighted = x * weights[:, None]
        solution = np.linalg.solve(weighted.T @ x + ridge, weighted.T @ logs)
        residual = np.abs(logs - x @ solution)
        spread = max(1.4826 * float(np.median(residual)), 1e-6)
        weights = np.minimum(1.0, _HUBER * spread / np.maximum(residual, 1e-12))
    coefficients = solution[1:] / scale
    return Fitted(intercept=float(solution[0] - centre @ coefficients), coefficients=coefficients)


def folds(groups: Sequence[str], *, seed: int) -> NDArray[np.int64]:
    """Fold of each row (n,): all rows of a group stand in one fold."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[int(index)]: k % _FOLDS for k, index in enumerate(order)}
    return np.array([place[group] for group in groups], dtype=np.int64)


def left_out(features: FloatArray, logs: FloatArray, groups: Sequence[str]) -> FloatArray:
    """What a law leaves, ln(measured / corrected), where it was not fitted; shape (repeats, n)."""
    rounds: list[FloatArray] = []
    for seed in range(_REPEATS):
        fold = folds(groups, seed=seed)
        residual = np.empty(len(logs))
        for k in range(_FOLDS):
            out = fold == k
            if out.any():
                residual[out] = logs[out] - fit(features[~out], logs[~out]).shift(features[out])
        rounds.append(residual)
    return np.array(rounds)


def sigma_of(residuals: FloatArray, *, own: FloatArray | float = 0.0) -> float:
    """One sigma by quantile: once it covers 63 to 73 %, twice it 92 to 98 %, as near to both as the tails let it.

    With heavy tails the central 68 % alone would leave too many beyond two sigma; then sigma is larger. `own` is an error that
    every value brings along (the scatter of its fit) and that is added in squares before anything is counted.
    """
    size = np.abs(residuals)
    tried = np.linspace(0.0, float(np.quantile(size, 0.99)), _TRIED + 1)[1:]
    best, largest = float(tried[-1]), -np.inf
    for sigma in tried:
        found = shares(size, np.hypot(sigma, own))
        # The distance to the nearest bound, in units of the scatter that a share of this size has by chance.
        margin = min(
            min(share - low, high - share) / scatter
            for share, (low, high), scatter in zip(found, (ONE_SIGMA, TWO_SIGMA), _SCATTER, strict=True)
        )
        if margin > largest:
            best, largest = float(sigma), margin
    return best


def shares(residuals: FloatArray, sigma: FloatArray | float) -> tuple[float, float]:
    """Shares of residuals within one and two sigma."""
    size = np.abs(residuals)
    return float((size <= sigma).mean()), float((size <= 2 * np.asarray(sigma)).mean())


def coverage(
    residuals: FloatArray, groups: Sequence[str], *, own: FloatArray | float = 0.0
) -> tuple[float, float]:
    """Shares of left-out values (repeats, n) within one and two sigma, sigma taken from the other folds."""
    errors = np.broadcast_to(np.asarray(own, dtype=np.float64), (residuals.shape[1],))
    inside = np.zeros(2)
    for seed, row in enumerate(residuals):
        fold = folds(groups, seed=1000 + seed)
        for k in range(_FOLDS):
            out = fold == k
            if out.any():
                sigma = np.hypot(sigma_of(row[~out], own=errors[~out]), errors[out])
                inside += np.array(shares(row[out], sigma)) * out.sum()
    one, two = inside / residuals.size
    return float(one), float(two)


def relative_errors(residuals: FloatArray) -> FloatArray:
    """|corrected - measured| / measured, from ln(measured / corrected)."""
    return np.abs(np.expm1(-residuals))
