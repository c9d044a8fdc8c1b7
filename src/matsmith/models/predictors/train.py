"""Train composition models from the tables of known values; needs scikit-learn, which predicting does not.

    python -m matsmith.models.predictors.train --data DIR                              # all, in order
    python -m matsmith.models.predictors.train --data DIR --property bulk_modulus --work DIR
    python -m matsmith.models.predictors.train --data DIR --restack                    # new networks, the trees that lie there

Each fold's fit is kept in the work folder as soon as it is done: the same call goes on where it was stopped. A property's
helpers must be trained before it. Trees are stacked with the networks of `neural_training`, where these lie beside the weights.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import MatsmithError, UsageError
from matsmith.models.predictors import library
from matsmith.models.predictors.calibration import Widths, coverage_of, fit_widths
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
    left_out_chance,
    left_out_distance,
    left_out_views,
    stacked_left_out,
)
from matsmith.models.predictors.kernel import MOST_POINTS, Kernel, fit_kernel
from matsmith.models.predictors.model import (
    CompositionModel,
    Helper,
    error_codes,
    gapless,
    grown,
    known_of,
    load_model,
    save_model,
)
from matsmith.models.predictors.neural import Networks
from matsmith.models.predictors.stacking import weights_by_fold
from matsmith.models.predictors.targets import PREDICTED, PredictedProperty, predicted_property
from matsmith.models.predictors.training_table import TrainingTable, read_training_table
from matsmith.models.predictors.tree_fits import Boosting, fit_trees, keep_trees, kept_trees
from matsmith.models.predictors.trees import Trees, cuts_of, encode, merged

_MARKS = 63
_SEED = 20


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
    parser.add_argument(
        "--restack",
        action="store_true",
        help="take the trees of the weights that lie there; stack and calibrate them anew",
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
                restack=arguments.restack,
            )
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def train(
    entry: PredictedProperty,
    *,
    data_dir: Path,
    work: Path,
    limit: int | None = None,
    quick: bool = False,
    restack: bool = False,
) -> CompositionModel:
    """Train one property in five folds, stack it with the networks, calibrate it on left-out formulas, write weights and card.

    `restack` keeps the trees that lie there.
    """
    missing = [name for name in entry.helpers if not library.weights_path(name).is_file()]
    if missing:
        raise UsageError(
            f"{entry.name} takes {missing[0]} as a descriptor.", hint=f"Train {missing[0]} first."
        )
    table = read_training_table(data_dir, entry, limit=limit)
    path, held = library.weights_path(entry.name), None
    if restack:
        held = load_model(path, entry=entry, stacked=False)
        if held.card["formulas"] != len(table):
            raise UsageError(
                f"The trees of {entry.name} were trained on {held.card['formulas']} formulas, and the table has {len(table)}.",
                hint="Train them anew, without --restack.",
            )
    return fit_table(
        entry,
        table,
        work=work,
        path=path,
        whole=limit is None if held is None else held.card["whole_table"],
        quick=quick,
        networks=library.networks_for(entry.name),
        held=held,
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
    networks: Networks | None = None,
    held: CompositionModel | None = None,
) -> CompositionModel:
    """Train a table of any origin in five folds, calibrate it on left-out formulas, write weights and card to `path`.

    `helper` gives the columns that `entry.helpers` names; without one they are predictions of the models that ship.
    `settings` are chosen by the size of the table otherwise; `facts` go into the card over what is written there of itself. `networks` are
    stacked with the trees; the trees are those of `held`, if it is given.
    """
    started = time.monotonic()
    plain = descriptors(table.compositions)
    helper = helper or helper_by_fold(table.folds)
    more = [helper(name, table.compositions, plain) for name in entry.helpers]
    columns = np.concatenate([plain, *(one[:, None].astype(np.float32) for one in more)], axis=1)
    cuts = cuts_of(columns) if held is None else held.cuts
    codes = encode(columns, cuts)
    settings = settings or Boosting.for_size(len(table), absolute_loss=entry.absolute_loss)
    settings = settings.halved() if quick else settings
    if held is not None:
        settings = Boosting(**held.card["settings"])
    _say(
        f"{entry.name}: {len(table.values)} rows, {len(table)} formulas, {table.left_out} left out, {settings}"
    )
    folder = work / entry.name / _digest(codes, table.targets, settings)
    classes = entry.scale == "probability"
    metal = None if held is None else held.metal_trees
    trees = (
        _folds(folder / "value", codes, table.targets, table.folds, settings=settings, classes=classes)
        if held is None
        else held.trees
    )
    if entry.name == "measured_band_gap" and held is None:
        is_metal = (table.targets <= 0.0).astype(np.float64)
        metal = _folds(folder / "metal", codes, is_metal, table.folds, settings=settings, classes=True)
    draft = CompositionModel(
        entry=entry,
        cuts=cuts,
        trees=trees,
        error_trees=trees,
        domain=_domain(plain, table, border=1.0),
        widths=Widths(middles=np.zeros(1), factors=np.ones((2, 1))),
        metal_trees=metal,
    )
    chance = left_out_chance(draft, codes, table.folds)
    if networks is not None:
        kernel = _kernel(entry, table, columns)
        draft = replace(draft, networks=networks, kernel=kernel)
    views = left_out_views(draft, table.compositions, plain, full=columns, folds=table.folds)
    draft, parts = _stacked(draft, table, views=views, chance=chance)
    ensemble, disagreement = stacked_left_out(draft, folds=table.folds, views=views)
    distance = left_out_distance(plain, table)
    known = known_of(ensemble, distance=distance, disagreement=disagreement, chance=chance)
    middle = gapless(ensemble, chance)
    model, calibration = _calibrated(
        draft, table, plain=plain, codes=codes, middle=middle, known=known, folder=folder
    )
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
        **parts,
        **(facts or {}),
    }
    if classes:
        card["roc_auc"] = area_under_curve(table.targets > 0.5, middle)
    if chance is not None:
        card["metal_roc_auc"] = area_under_curve(table.targets <= 0.0, chance)
        card["metal_accuracy"] = float(((chance > 0.5) == (table.targets <= 0.0)).mean())
    if entry.name == "measured_band_gap":
        value = entry.from_scale(middle)
        card["error_of_non_metals"] = float(np.abs(value - table.targets)[table.targets > 0].mean())
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


def _stacked(
    draft: CompositionModel, table: TrainingTable, *, views: FloatArray, chance: FloatArray | None
) -> tuple[CompositionModel, dict[str, Any]]:
    """Fit the weights of trees, networks and kernel to their left-out `views` (n, views); with what the card says of the parts. Nothing is done for trees alone."""
    if draft.networks is None:
        return draft, {}
    values, owner = _counted(table, every_row=draft.entry.choice == "median")
    there = draft.networks.folds
    counts = draft.entry.from_scale(values) if draft.entry.errors_in_unit else np.ones(len(values))
    if chance is not None:
        counts = counts * (chance <= 0.5)[owner]  # metals are told otherwise
    stack = weights_by_fold(views, truth=values, owner=owner, folds=table.folds, there=there, counts=counts)
    errors = [asdict(errors_of(draft, table, gapless(view, chance))) for view in views.T]
    told: dict[str, Any] = {
        "stack": stack.mean(axis=0).round(4).tolist(),
        "folds_with_network": len(there),
        "errors_of_trees": errors[0],
    }
    if len(there) == FOLDS:
        told["errors_of_networks"] = errors[1]
    if draft.kernel is not None:
        told["errors_of_kernel"] = errors[2]
    return replace(draft, stack=stack), told


def _kernel(entry: PredictedProperty, table: TrainingTable, columns: NDArray[np.float32]) -> Kernel | None:
    """The kernel of a table that is not too large for one and holds values, not yes or no."""
    if len(table) > MOST_POINTS or entry.scale == "probability":
        return None
    started = time.monotonic()
    found = fit_kernel(
        table.compositions,
        columns,
        helpers=len(entry.helpers),
        targets=table.targets,
        folds=table.folds,
    )
    _say(f"  {entry.name} kernel: {time.monotonic() - started:.0f} s")
    return found


def _counted(table: TrainingTable, *, every_row: bool) -> tuple[FloatArray, IntArray]:
    """The values that errors are of, and the formulas they belong to: every row, or the row that is aimed at."""
    return (table.values, table.owner) if every_row else (table.targets, np.arange(len(table)))


def _domain(plain: NDArray[np.float32], table: TrainingTable, *, border: float) -> Domain:
    return Domain.fit(plain, table.compositions, kept=KEPT_FOR_DISTANCE, seed=DISTANCE_SEED, border=border)


def _calibrated(
    draft: CompositionModel,
    table: TrainingTable,
    *,
    plain: NDArray[np.float32],
    codes: NDArray[np.uint8],
    middle: FloatArray,
    known: dict[str, FloatArray],
    folder: Path,
) -> tuple[CompositionModel, dict[str, Any]]:
    """Fit the error model to left-out residuals of `middle` (n,), take its quantiles, and measure the coverage on folds left out of both."""
    distance, ensemble = known["distance"], known["middle"]
    border = float(np.quantile(distance, BORDER_QUANTILE))
    every_row = draft.entry.choice == "median"
    values, owner = _counted(table, every_row=every_row)
    residual = np.abs(values - middle[owner])
    marks = {
        name: [float(mark) for mark in np.unique(np.quantile(own, np.linspace(0, 1, _MARKS + 2)[1:-1]))]
        for name, own in known.items()
    }
    own = error_codes(codes, known=known, marks=marks)[owner]
    folds = table.folds[owner]
    # No less than this is ever said: a metal is known to have no gap, and a chance remains that it is none.
    least = max(
        0.1 * float(np.median(residual[residual > 0] if residual.any() else residual)),
        1e-3 * float(values.std()),
        1e-9,
    )
    residual = np.maximum(residual, least)
    wanted = np.log(residual)
    kept = folder / f"error-{_digest(own, wanted, _OF_ERRORS)}"
    error_trees = _folds(kept, own, wanted, folds, settings=_OF_ERRORS)
    expected = np.empty(len(owner))
    for fold in range(FOLDS):
        rows = folds == fold
        expected[rows] = np.exp(error_trees.predict(own[rows], members=[fold])[:, 0])
    expected = grown(expected, distance[owner] / border)
    score = residual / expected
    inside = distance[owner] <= border
    error = np.abs(draft.entry.from_scale(values) - draft.entry.from_scale(middle[owner]))
    model = replace(
        draft,
        error_trees=error_trees,
        domain=_domain(plain, table, border=border),
        widths=fit_widths(ensemble[owner], score),
        card={"error_marks": marks},
    )
    return model, {
        "coverage": coverage_of(ensemble[owner], score, folds=folds, inside=inside),
        "error_in_domain": float(error[inside].mean()),
        "error_outside": float(error[~inside].mean()),
        "border": border,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
