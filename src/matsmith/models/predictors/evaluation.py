"""Errors on formulas left out: each formula is predicted by the fold's model that never saw it, in this table or in a helper's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray, IntArray
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import Domain
from matsmith.models.predictors.library import model_of
from matsmith.models.predictors.model import (
    CompositionModel,
    Helper,
    error_codes,
    gapless,
    grown,
    known_of,
)
from matsmith.models.predictors.targets import logistic
from matsmith.models.predictors.training_table import TrainingTable
from matsmith.models.predictors.trees import encode

KEPT_FOR_DISTANCE = 3000
"""So many formulas of a table stand for all when distances are taken."""
DISTANCE_SEED = 20


def helper_by_fold(folds: IntArray) -> Helper:
    """Helpers' predictions such that no formula is predicted by a model that was trained on it."""
    kept: dict[str, FloatArray] = {}

    def helper(name: str, compositions: Compositions, columns: NDArray[np.float32]) -> FloatArray:
        if name not in kept:
            model = model_of(name)
            codes = encode(model.columns(compositions, columns, helper=helper), model.cuts)
            kept[name] = left_out(model, codes, folds)
        return kept[name]

    return helper


def left_out(model: CompositionModel, codes: NDArray[np.uint8], folds: IntArray) -> FloatArray:
    """Prediction of each formula by the trees that were not trained on its fold, on the model's scale, (n,)."""
    found = np.empty(len(codes))
    for fold in range(FOLDS):
        rows = folds == fold
        found[rows] = model.raw(codes[rows], members=[fold])[:, 0]
    return found


def left_out_chance(model: CompositionModel, codes: NDArray[np.uint8], folds: IntArray) -> FloatArray | None:
    """Chance of a metal of each formula by the trees that were not trained on its fold, (n,); None for what is no gap."""
    if model.metal_trees is None:
        return None
    return logistic(left_out(replace(model, trees=model.metal_trees), codes, folds))


def left_out_views(
    model: CompositionModel,
    compositions: Compositions,
    columns: NDArray[np.float32],
    *,
    full: NDArray[np.float32],
    folds: IntArray,
) -> FloatArray:
    """Of each formula what each view says that was not fitted to its fold, trees first, (n, views), from its descriptors `columns` and, in `full`, its helpers too."""
    views = [left_out(model, encode(full, model.cuts), folds)]
    if model.networks is not None:
        views.append(model.network(model.networks.left_out(compositions, columns, folds)))
    if model.kernel is not None:
        views.append(model.entry.on_scale(model.kernel.left_out(full, folds)))
    return np.stack(views, axis=1)


def stacked_left_out(
    model: CompositionModel, *, folds: IntArray, views: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """The left-out `views` (n, views) put together, (n,), each fold by its own weights.

    With how far trees and network are apart, (n,), where every fold has a network.
    """
    if model.stack is None or model.networks is None:
        return views[:, 0], None
    apart = np.abs(views[:, 0] - views[:, 1]) if len(model.networks.folds) == FOLDS else None
    return (model.stack[folds] * views).sum(axis=1), apart


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Mean absolute errors in the property's unit: of every row, of the formulas' targets, of always saying the median."""

    rows: float
    formulas: float
    of_the_median: float
    rows_log10: float | None


def errors_of(model: CompositionModel, table: TrainingTable, middle: FloatArray) -> Errors:
    """Errors of left-out predictions `middle` (n,) on the model's scale."""
    back = model.entry.from_scale
    value = back(middle)
    rows = np.abs(back(table.values) - value[table.owner])
    constant = np.empty(len(table))
    for fold in range(FOLDS):
        constant[table.folds == fold] = np.median(table.targets[table.folds != fold])
    logarithmic = model.entry.scale == "log10"
    return Errors(
        rows=float(rows.mean()),
        formulas=float(np.abs(back(table.targets) - value).mean()),
        of_the_median=float(np.abs(back(table.values) - back(constant)[table.owner]).mean()),
        rows_log10=float(np.abs(table.values - middle[table.owner]).mean()) if logarithmic else None,
    )


def area_under_curve(truth: NDArray[np.bool_], score: FloatArray) -> float:
    """Area under the receiver's curve: the chance that a true one scores above a false one; ties count half."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[place]
    positive, negative = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def left_out_distance(columns: NDArray[np.float32], table: TrainingTable) -> FloatArray:
    """Distance of each formula to those of the other folds, from its descriptors, (n,)."""
    found = np.empty(len(table))
    for fold in range(FOLDS):
        rows = table.folds != fold
        others = Domain.fit(
            columns[rows],
            table.compositions.part(np.flatnonzero(rows)),
            kept=KEPT_FOR_DISTANCE,
            seed=DISTANCE_SEED,
            border=1.0,
        )
        found[~rows] = others.distance(columns[~rows])
    return found


@dataclass(frozen=True)
class LeftOut:
    """Left-out predictions of `n` formulas on the model's scale: `middle` (n,), one `sigma` and half the 90 % interval (n,)."""

    middle: FloatArray
    sigma: FloatArray
    half_90: FloatArray


def left_out_intervals(model: CompositionModel, table: TrainingTable) -> LeftOut:
    """Predictions and intervals of every formula by the members that never saw it."""
    columns = descriptors(table.compositions)
    full = model.columns(table.compositions, columns, helper=helper_by_fold(table.folds))
    codes = encode(full, model.cuts)
    views = left_out_views(model, table.compositions, columns, full=full, folds=table.folds)
    middle, disagreement = stacked_left_out(model, folds=table.folds, views=views)
    distance, chance = left_out_distance(columns, table), left_out_chance(model, codes, table.folds)
    known = known_of(middle, distance=distance, disagreement=disagreement, chance=chance)
    own = error_codes(codes, known=known, marks=model.card["error_marks"])
    error = np.empty(len(table))
    for fold in range(FOLDS):
        rows = table.folds == fold
        error[rows] = np.exp(model.error_trees.predict(own[rows], members=[fold])[:, 0])
    error = grown(error, distance / model.domain.border)
    one, ninety = model.widths.of(middle)
    return LeftOut(middle=gapless(middle, chance), sigma=one * error, half_90=ninety * error)
