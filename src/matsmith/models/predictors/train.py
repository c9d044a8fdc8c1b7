"""Train composition models from the tables of known values; needs scikit-learn, which predicting does not.

    python -m matsmith.models.predictors.train --data DIR                              # all, in order
    python -m matsmith.models.predictors.train --data DIR --property bulk_modulus --work DIR

Each fold's fit is kept in the work folder as soon as it is done: the same call goes on where it was stopped. A property's
helpers must be trained before it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import MatsmithError, UsageError
from matsmith.models.predictors import library
from matsmith.models.predictors.cards import write_card
from matsmith.models.predictors.compositions import FOLDS, FloatArray, IntArray
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import BORDER_QUANTILE, Domain
from matsmith.models.predictors.evaluation import (
    DISTANCE_SEED,
    KEPT_FOR_DISTANCE,
    area_under_curve,
    errors_of,
    helper_by_fold,
    left_out,
    left_out_distance,
)
from matsmith.models.predictors.model import (
    NINETY,
    ONE_SIGMA,
    CompositionModel,
    Helper,
    error_codes,
    grown,
    save_model,
)
from matsmith.models.predictors.targets import PREDICTED, PredictedProperty, predicted_property
from matsmith.models.predictors.training_table import TrainingTable, read_training_table
from matsmith.models.predictors.trees import Trees, cuts_of, encode, merged, of_boosting

_MARKS = 63
_SEED = 20


@dataclass(frozen=True)
class Boosting:
    """Settings of one fold's fit."""

    iterations: int
    learning_rate: float
    leaves: int
    smallest_leaf: int
    share_of_columns: float = 0.3
    shrinkage: float = 1.0
    loss: str = "squared_error"

    @classmethod
    def for_size(cls, formulas: int, *, absolute_loss: bool) -> Boosting:
        """Settings by the size of the table."""
        loss = "absolute_error" if absolute_loss else "squared_error"
        if formulas < 2_000:
            return cls(300, 0.04, 12, 8, loss=loss)
        if formulas < 20_000:
            return cls(450, 0.05, 31, 8, loss=loss)
        return cls(300, 0.12, 95, 15, loss=loss)

    def halved(self) -> Boosting:
        """Half as many trees with steps of twice the size."""
        return replace(self, iterations=self.iterations // 2, learning_rate=2.0 * self.learning_rate)


_OF_ERRORS = Boosting(80, 0.06, 8, 30)


def main(argv: list[str] | None = None) -> int:
    """Train what is asked for; exit status as everywhere: 0, 1 for a failure, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument(
        "--property", action="append", help="one of the properties; may be repeated; all by default"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("predictor-training"), help="folder for finished fits"
    )
    parser.add_argument("--limit", type=int, help="take so many formulas of each table")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="half as many trees with steps of twice the size: a little less exact",
    )
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.property or list(PREDICTED):
            train(
                predicted_property(name),
                data_dir=arguments.data,
                work=arguments.work,
                limit=arguments.limit,
                quick=arguments.quick,
            )
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def train(
    entry: PredictedProperty, *, data_dir: Path, work: Path, limit: int | None = None, quick: bool = False
) -> CompositionModel:
    """Train one property in five folds, calibrate it on left-out formulas, write weights and card."""
    missing = [name for name in entry.helpers if not library.weights_path(name).is_file()]
    if missing:
        raise UsageError(
            f"{entry.name} takes {missing[0]} as a descriptor.", hint=f"Train {missing[0]} first."
        )
    table = read_training_table(data_dir, entry, limit=limit)
    return fit_table(
        entry, table, work=work, path=library.weights_path(entry.name), whole=limit is None, quick=quick
    )


def fit_table(
    entry: PredictedProperty,
    table: TrainingTable,
    *,
    work: Path,
    path: Path,
    helper: Helper | None = None,
    whole: bool = True,
    quick: bool = False,
    settings: Boosting | None = None,
    facts: dict[str, Any] | None = None,
) -> CompositionModel:
    """Train a table of any origin in five folds, calibrate it on left-out formulas, write weights and card to `path`.

    `helper` gives the columns that `entry.helpers` names; without one they are predictions of the models that ship.
    `settings` are chosen by the size of the table otherwise; `facts` go into the card over what is written there of itself.
    """
    started = time.monotonic()
    plain = descriptors(table.compositions)
    helper = helper or helper_by_fold(table.folds)
    more = [helper(name, table.compositions, plain) for name in entry.helpers]
    columns = np.concatenate([plain, *(one[:, None].astype(np.float32) for one in more)], axis=1)
    cuts = cuts_of(columns)
    codes = encode(columns, cuts)
    settings = settings or Boosting.for_size(len(table), absolute_loss=entry.absolute_loss)
    settings = settings.halved() if quick else settings
    _say(
        f"{entry.name}: {len(table.values)} rows, {len(table)} formulas, {table.left_out} left out, {settings}"
    )
    folder = work / entry.name / _digest(codes, table.targets, settings)
    classes = entry.scale == "probability"
    trees = _folds(folder / "value", codes, table.targets, table.folds, settings=settings, classes=classes)
    metal = None
    if entry.name == "measured_band_gap":
        gapless = (table.targets <= 0.0).astype(np.float64)
        metal = _folds(folder / "metal", codes, gapless, table.folds, settings=settings, classes=True)
    draft = CompositionModel(
        entry=entry,
        cuts=cuts,
        trees=trees,
        error_trees=trees,
        domain=_domain(plain, table, border=1.0),
        quantile_sigma=1.0,
        quantile_90=1.0,
        metal_trees=metal,
    )
    middle = left_out(draft, codes, table.folds)
    model, calibration = _calibrated(draft, table, plain=plain, codes=codes, middle=middle, folder=folder)
    found = errors_of(model, table, middle)
    card: dict[str, Any] = {
        **model.card,
        "property": entry.name,
        "of": entry.of,
        "unit": entry.unit,
        "table": entry.table,
        "citation": entry.citation,
        "rows": len(table.values),
        "formulas": len(table),
        "left_out_rows": table.left_out,
        "whole_table": whole,
        "split": f"{FOLDS} folds by hash of the composition, the same for every table and helper",
        "polymorphs": f"aims at the {entry.choice} row of a formula; errors and intervals count every row"
        if entry.choice == "median"
        else "aims at the lowest row of a formula; errors and intervals are against that row",
        "helpers": list(entry.helpers),
        "settings": asdict(settings),
        "errors": asdict(found),
        "published": entry.published,
        **calibration,
        **(facts or {}),
    }
    if classes:
        card["roc_auc"] = area_under_curve(table.targets > 0.5, middle)
    if metal is not None:
        as_chances = replace(model, entry=predicted_property("metallic_glass"), trees=metal)
        chance = left_out(as_chances, codes, table.folds)
        card["metal_roc_auc"] = area_under_curve(table.targets <= 0.0, chance)
        card["metal_accuracy"] = float(((chance > 0.5) == (table.targets <= 0.0)).mean())
    model = replace(model, card=card)
    save_model(model, path)
    write_card(card, path.with_suffix(".md"), title=entry.title)
    seconds, size = time.monotonic() - started, path.stat().st_size / 1e6
    _say(f"{entry.name}: {card['errors']} coverage {card['coverage']} {seconds:.0f} s, {size:.2f} MB")
    return model


def _folds(
    folder: Path,
    codes: NDArray[np.uint8],
    targets: FloatArray,
    folds: IntArray,
    *,
    settings: Boosting,
    classes: bool = False,
) -> Trees:
    """One fit for each fold left out, kept in the folder as it is done."""
    fitted: list[Trees] = []
    for fold in range(FOLDS):
        path = folder.with_name(f"{folder.name}-{fold}.npz")
        kept = kept_trees(path)
        if kept is None:
            started = time.monotonic()
            rows = folds != fold
            kept = fit_trees(
                codes[rows], targets[rows], settings=settings, classes=classes, seed=_SEED + fold
            )
            keep_trees(kept, path)
            _say(
                f"  {folder.parent.parent.name} {folder.name} fold {fold + 1} of {FOLDS}: {time.monotonic() - started:.0f} s"
            )
        fitted.append(kept)
    return merged(fitted)


def _digest(codes: NDArray[np.uint8], targets: FloatArray, settings: Boosting) -> str:
    """Name of a fit: what it is made of, so that nothing finished is taken for a fit to other data or settings."""
    digest = hashlib.sha256(repr((codes.shape, settings)).encode())
    digest.update(codes.tobytes())
    digest.update(targets.tobytes())
    return digest.hexdigest()[:12]


def keep_trees(trees: Trees, path: Path) -> None:
    """Keep a finished fit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part.npz")
    np.savez(draft, allow_pickle=False, **trees.arrays())
    draft.replace(path)


def kept_trees(path: Path) -> Trees | None:
    """A finished fit, or None where there is no sound one."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            return Trees.of_arrays({name: held[name] for name in held.files})
    except (OSError, ValueError, KeyError, EOFError):
        return None  # half written or of another version: it is fitted again


def fit_trees(
    codes: NDArray[np.uint8], targets: FloatArray, *, settings: Boosting, classes: bool, seed: int
) -> Trees:
    """One fit of boosted trees to codes (n, columns), as arrays; `targets` (n,) are above 0.5 for yes where they are classes."""
    from sklearn.ensemble import (  # pyright: ignore[reportMissingImports]
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    common: dict[str, Any] = {
        "learning_rate": settings.learning_rate, "max_iter": settings.iterations, "max_leaf_nodes": settings.leaves,
        "min_samples_leaf": settings.smallest_leaf, "l2_regularization": settings.shrinkage,
        "max_features": settings.share_of_columns, "max_bins": 255, "max_depth": 9, "early_stopping": False,
        "random_state": seed,
    }  # fmt: skip
    model: Any
    if classes:
        model = HistGradientBoostingClassifier(**common)
        model.fit(codes.astype(np.float32), (targets > 0.5).astype(np.int64))
    else:
        model = HistGradientBoostingRegressor(loss=settings.loss, **common)
        model.fit(codes.astype(np.float32), targets)
    return of_boosting(model)


def _domain(plain: NDArray[np.float32], table: TrainingTable, *, border: float) -> Domain:
    return Domain.fit(plain, table.compositions, kept=KEPT_FOR_DISTANCE, seed=DISTANCE_SEED, border=border)


def _calibrated(
    draft: CompositionModel,
    table: TrainingTable,
    *,
    plain: NDArray[np.float32],
    codes: NDArray[np.uint8],
    middle: FloatArray,
    folder: Path,
) -> tuple[CompositionModel, dict[str, Any]]:
    """Fit the error model to left-out residuals, take its quantiles, and measure the coverage on folds left out of both."""
    distance = left_out_distance(plain, table)
    border = float(np.quantile(distance, BORDER_QUANTILE))
    every_row = draft.entry.choice == "median"
    owner = table.owner if every_row else np.arange(len(table))
    values = table.values if every_row else table.targets
    residual = np.abs(values - middle[owner])
    marks = {
        name: [float(mark) for mark in np.unique(np.quantile(own, np.linspace(0, 1, _MARKS + 2)[1:-1]))]
        for name, own in (("middle", middle), ("distance", distance))
    }
    own = error_codes(codes, middle=middle, distance=distance, marks=marks)[owner]
    folds = table.folds[owner]
    least = max(0.1 * float(np.median(residual)), 1e-3 * float(values.std()), 1e-9)
    error_trees = _folds(
        folder / "error", own, np.log(np.maximum(residual, least)), folds, settings=_OF_ERRORS
    )
    expected = np.empty(len(owner))
    for fold in range(FOLDS):
        rows = folds == fold
        expected[rows] = np.exp(error_trees.predict(own[rows], members=[fold])[:, 0])
    expected = grown(expected, distance[owner] / border)
    score = residual / expected
    inside = distance[owner] <= border
    coverage: dict[str, float] = {}
    for level in (ONE_SIGMA, NINETY):
        hit = np.empty(len(score), dtype=bool)
        for fold in range(FOLDS):
            rows = folds == fold
            hit[rows] = score[rows] <= _quantile(score[~rows], level)
        coverage[f"{level:g}"] = float(hit.mean())
        coverage[f"{level:g} outside of the domain"] = float(hit[~inside].mean())
    error = np.abs(draft.entry.from_scale(values) - draft.entry.from_scale(middle[owner]))
    model = replace(
        draft,
        error_trees=error_trees,
        domain=_domain(plain, table, border=border),
        quantile_sigma=_quantile(score, ONE_SIGMA),
        quantile_90=_quantile(score, NINETY),
        card={"error_marks": marks},
    )
    return model, {
        "coverage": coverage,
        "error_in_domain": float(error[inside].mean()),
        "error_outside": float(error[~inside].mean()),
        "border": border,
    }


def _quantile(score: FloatArray, level: float) -> float:
    """The conformal quantile: the next higher of n + 1."""
    place = min(len(score) - 1, int(np.ceil((len(score) + 1) * level)) - 1)
    return float(np.sort(score)[place])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
