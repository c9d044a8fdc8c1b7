"""Views of a composition, trees and others, put together: y_m = sum over views v of w_v,m view_v,m for the member m of each fold, none negative.

Member m was not trained on fold m, and its weights are fitted to left-out predictions of the other folds: what it says of fold m is left out of all.
The weights make the mean absolute error least, by reweighted least squares. Stacking after Breiman 1996, Mach. Learn. 24, 49.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from matsmith.models.predictors.compositions import FOLDS, FloatArray, IntArray

_STEPS = 40
_CLOSE = 1e-3
"""Residuals below this share of the spread count alike, so that no weight is infinite."""


def non_negative_weights(
    columns: FloatArray, truth: FloatArray, *, counts: FloatArray | None = None
) -> FloatArray:
    """Weights (views,) of columns (n, views) that make the mean absolute error to `truth` (n,) least, none of them negative.

    `counts` (n,) say how much each error counts.
    """
    from scipy import optimize

    least_squares = cast("Callable[..., tuple[FloatArray, float]]", optimize.nnls)  # pyright: ignore[reportUnknownMemberType]
    weights = np.full(columns.shape[1], 1.0 / columns.shape[1])
    least = _CLOSE * max(float(truth.std()), 1e-12)
    for _ in range(_STEPS):
        each = (1.0 if counts is None else counts) / np.maximum(np.abs(truth - columns @ weights), least)
        root = np.sqrt(each)
        found = least_squares(columns * root[:, None], truth * root)[0]
        done = float(np.abs(found - weights).max()) < 1e-4
        weights = found
        if done:
            break
    return weights


def weights_by_fold(
    columns: FloatArray,
    *,
    truth: FloatArray,
    owner: IntArray,
    folds: IntArray,
    there: Sequence[int] = range(FOLDS),
    counts: FloatArray | None = None,
) -> FloatArray:
    """Weights of each member, shape (FOLDS, views), from the views' left-out predictions `columns` (n, views), the trees' first, of formulas in `folds` (n,).

    `truth` (rows,) are the values to be met, `owner` (rows,) their formulas, `counts` (rows,) how much each error counts, `there` the folds that have a network: in the others trees have
    all the weight. A network that is the only one shares evenly, since there is nothing to fit its weight to.
    """
    views = columns.shape[1]
    found = np.tile(np.eye(views)[0], (FOLDS, 1))
    for fold in there:
        others = (folds[owner] != fold) & np.isin(folds[owner], list(there))
        if not others.any() or (counts is not None and not counts[others].any()):
            found[fold] = 1.0 / views
            continue
        found[fold] = non_negative_weights(
            columns[owner[others]], truth[others], counts=None if counts is None else counts[others]
        )
    return found
