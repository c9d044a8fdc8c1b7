"""The logistic model on top of the views: fitted by Newton's method, measured by cross-fitting, checked for calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FOLDS, FloatArray, fold_of
from matsmith.models.predictors.targets import logistic

_RIDGE = 1e-3
_STEPS = 50
_BINS = 15


def fitted_logistic(logits: FloatArray, truth: NDArray[np.bool_]) -> FloatArray:
    """Offset and one weight a column of `logits` (n, columns) for the chance of `truth` (n,), shape (columns + 1,)."""
    x = np.concatenate([np.ones((len(logits), 1)), logits], axis=1)
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = logistic(x @ weights)
        slope = x.T @ (truth - chance) - _RIDGE * weights
        curvature = (x * (chance * (1 - chance))[:, None]).T @ x + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def crossed(logits: FloatArray, truth: NDArray[np.bool_], *, keys: Sequence[str]) -> FloatArray:
    """Log-odds of the stack for each formula, (n,), by weights fitted to other formulas; parts go by hash of the formula."""
    # Salted: the plain hash has already chosen which formulas are here.
    part = np.array([fold_of(f"stack {key}") for key in keys])
    found = np.empty(len(logits))
    for one in range(FOLDS):
        rows = part == one
        weights = fitted_logistic(logits[~rows], truth[~rows])
        found[rows] = weights[0] + logits[rows] @ weights[1:]
    return found


def calibration_error(chance: FloatArray, truth: NDArray[np.bool_]) -> float:
    """Expected calibration error: how far chances are from the share that comes true, over bins of equal numbers."""
    total = 0.0
    for rows in np.array_split(np.argsort(chance, kind="stable"), _BINS):
        if len(rows):
            total += len(rows) / len(chance) * abs(float(chance[rows].mean()) - float(truth[rows].mean()))
    return total
