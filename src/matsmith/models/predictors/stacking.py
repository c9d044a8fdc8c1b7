"""Two views of a composition, trees and networks, put together: y_m = w_t,m trees_m + w_n,m network_m for the member m of each fold, none negative.

Member m was not trained on fold m, and its weights are fitted to left-out predictions of the other folds: what it says of fold m is left out of all.
The weights make the mean absolute error least, by reweighted least squares. Stacking after Breiman 1996, Mach. Learn. 24, 49.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matsmith.models.predictors.compositions import FOLDS, FloatArray, IntArray

_STEPS = 40
_CLOSE = 1e-3
"""Residuals below this share of the spread count alike, so that no weight is infinite."""


def non_negative_weights(
    columns: FloatArray, truth: FloatArray, *, counts: FloatArray | None = None
) -> FloatArray:
    """Weights (2,) of two columns (n, 2) that make the mean absolute error to `truth` (n,) least, none of them negative.

    `counts` (n,) say how much each error counts.
    """
    weights = np.full(2, 0.5)
    least = _CLOSE * max(float(truth.std()), 1e-12)
    for _ in range(_STEPS):
        each = (1.0 if counts is None else counts) / np.maximum(np.abs(truth - columns @ weights), least)
        found = _least_squares(columns, truth, each=each)
        done = float(np.abs(found - weights).max()) < 1e-4
        weights = found
        if done:
            break
    return weights


def _least_squares(columns: FloatArray, truth: FloatArray, *, each: FloatArray) -> FloatArray:
    """Weighted least squares of two columns without negative weights, (2,): the best of both, the one alone and the other alone."""
    square = (columns * each[:, None]).T @ columns
    right = (columns * each[:, None]).T @ truth
    tiny = 1e-12 * max(float(np.trace(square)), 1e-300)
    both: FloatArray = np.linalg.solve(square + tiny * np.eye(2), right).astype(np.float64)
    if (both >= 0).all():
        return both
    alone = [
        np.eye(2)[place] * max(0.0, float(right[place] / (square[place, place] + tiny))) for place in (0, 1)
    ]
    return min(alone, key=lambda one: float(one @ square @ one - 2.0 * one @ right))


def weights_by_fold(
    trees: FloatArray,
    network: FloatArray,
    *,
    truth: FloatArray,
    owner: IntArray,
    folds: IntArray,
    there: Sequence[int] = range(FOLDS),
    counts: FloatArray | None = None,
) -> FloatArray:
    """Weights of each member, shape (FOLDS, 2), from left-out predictions `trees` and `network` (n,) of formulas in `folds` (n,).

    `truth` (rows,) are the values to be met, `owner` (rows,) their formulas, `counts` (rows,) how much each error counts, `there` the folds that have a network: in the others trees have
    all the weight. A network that is the only one shares evenly, since there is nothing to fit its weight to.
    """
    columns = np.stack([trees, network], axis=1)
    found = np.tile([1.0, 0.0], (FOLDS, 1))
    for fold in there:
        others = (folds[owner] != fold) & np.isin(folds[owner], list(there))
        if not others.any() or (counts is not None and not counts[others].any()):
            found[fold] = 0.5
            continue
        found[fold] = non_negative_weights(
            columns[owner[others]], truth[others], counts=None if counts is None else counts[others]
        )
    return found
