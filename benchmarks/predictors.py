"""Composition models on formulas left out, against published figures; coverage; verdicts that rest on them; speed.

    python benchmarks/predictors.py                    # needs the tables (MATSMITH_DATA); no training, one thread will do
    python benchmarks/predictors.py --property bulk_modulus --json

Every formula is predicted by the one of five models that was not trained on it, nor were the models whose predictions it takes
as descriptors: folds go by formula, over all tables alike. Matbench splits rows at random, so that polymorphs of a formula are
trained on: its figures stand for comparison and are measured on an easier split.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.settings import load_settings
from matsmith.models.predictors.evaluation import area_under_curve, errors_of, left_out_intervals
from matsmith.models.predictors.library import model_of, predict_formulas, shipped
from matsmith.models.predictors.targets import predicted_property
from matsmith.models.predictors.training_table import TrainingTable, read_training_table

_CERTAIN = 0.84
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_FORMULAS = 10_000
_OF_THE_CARD = (
    "error_in_domain", "error_outside", "metal_roc_auc", "metal_accuracy", "error_of_non_metals", "stack", "errors_of_trees",
    "errors_of_networks", "errors_of_kernel",
)  # fmt: skip
_LEAST = "{} in the worst fifth by prediction"
_TOLD = (
    "error_in_domain",
    "error_outside",
    "error_of_non_metals",
    "metal_roc_auc",
    "metal_accuracy",
    "roc_auc",
)


def evaluated(name: str) -> dict[str, Any]:
    """Errors, coverage and reliability of one property's left-out predictions."""
    entry, model = predicted_property(name), model_of(name)
    table = read_training_table(load_settings().data_dir, entry)
    part = None if model.card["whole_table"] else model.card["formulas"]
    if part is not None:
        # Trained on a part: what was trained on stays left out by fold, and the rest was seen by no member.
        table = read_training_table(load_settings().data_dir, entry, limit=2 * part)
    found = left_out_intervals(model, table)
    errors = errors_of(model, table, found.middle)
    counted = table.owner if entry.choice == "median" else np.arange(len(table))
    values = table.values if entry.choice == "median" else table.targets
    result: dict[str, Any] = {
        "property": name,
        "unit": entry.unit,
        "formulas": len(table),
        "trained_on": model.card["formulas"],
        "error_rows": errors.rows,
        "error_formulas": errors.formulas,
        "error_rows_log10": errors.rows_log10,
        "error_of_the_median": errors.of_the_median,
        # Of the card: there each fold's intervals come from the others' residuals, and are not held against themselves.
        "holds_90": model.card["coverage"]["0.9"],
        "holds_68": model.card["coverage"]["0.6827"],
        "least_90": model.card["coverage"][_LEAST.format("0.9")],
        "least_68": model.card["coverage"][_LEAST.format("0.6827")],
        "published": entry.published,
        "crabnet": entry.crabnet,
        **{key: model.card[key] for key in _OF_THE_CARD if key in model.card},
        **_verdicts(values, found.middle[counted], found.sigma[counted]),
    }  # fmt: skip
    if entry.scale == "probability":
        result["roc_auc"] = area_under_curve(table.targets > 0.5, found.middle)
    return result


def _verdicts(values: NDArray[Any], middle: NDArray[Any], sigma: NDArray[Any]) -> dict[str, float]:
    """Of thresholds across the table: how often what is predicted to lie beyond with 0.84 does, and what is ruled out does not.

    This is the error on chosen candidates: those that a prediction speaks for.
    """
    said = held = ruled = wrong = 0
    for quantile in _QUANTILES:
        threshold = float(np.quantile(values, quantile))
        above = _normal((middle - threshold) / np.maximum(sigma, 1e-12))
        sure, out = above >= _CERTAIN, above <= 1.0 - _CERTAIN
        said, held = said + int(sure.sum()), held + int((values[sure] >= threshold).sum())
        ruled, wrong = ruled + int(out.sum()), wrong + int((values[out] >= threshold).sum())
    return {"said_beyond_held": held / max(1, said), "ruled_out_wrongly": wrong / max(1, ruled)}


def _normal(values: NDArray[Any]) -> NDArray[Any]:
    from scipy.special import ndtr

    return np.asarray(ndtr(values))


def speed(table: TrainingTable) -> dict[str, tuple[float, float]]:
    """Seconds, and seconds of the processor, for many formulas written as text, one property with its helpers, weights read before."""
    formulas = [key.replace(" ", "") for key in table.keys]
    formulas = (formulas * (1 + _FORMULAS // len(formulas)))[:_FORMULAS]
    found: dict[str, tuple[float, float]] = {}
    for name in ("formation_energy", "bulk_modulus", "measured_band_gap"):
        if name not in shipped():
            continue
        predict_formulas([name], formulas[:10])
        started, begun = time.perf_counter(), time.process_time()
        predict_formulas([name], formulas)
        found[name] = (time.perf_counter() - started, time.process_time() - begun)
    return found


def _printed(rows: list[dict[str, Any]]) -> None:
    print(
        "| property | formulas | error, every row | log10 | of the median | 90 % holds (worst fifth) | 68 % holds (worst fifth) | said beyond, held | published |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for one in rows:
        logarithm = "" if one["error_rows_log10"] is None else f"{one['error_rows_log10']:.4f}"
        print(
            f"| {one['property']} | {one['formulas']} | {one['error_rows']:.4g} {one['unit']} | {logarithm} "
            f"| {one['error_of_the_median']:.4g} | {one['holds_90']:.3f} ({one['least_90']:.3f}) | {one['holds_68']:.3f} ({one['least_68']:.3f}) "
            f"| {one['said_beyond_held']:.3f} | {one['published']} |"
        )
    for one in rows:
        more = {key: float(f"{one[key]:.4g}") for key in _TOLD if key in one}
        for key in ("errors_of_trees", "errors_of_networks", "errors_of_kernel"):
            if key in one:
                more[key.removeprefix("errors_of_") + " alone"] = float(
                    f"{_compared(one[key], name=one['property']):.4g}"
                )
        print(f"{one['property']}: {more}")
    ratios = {
        one["property"]: _compared(
            {"rows": one["error_rows"], "rows_log10": one["error_rows_log10"]}, name=one["property"]
        )
        / one["crabnet"]
        for one in rows
        if one["crabnet"]
    }
    if ratios:
        better = sum(ratio <= 1.0 for ratio in ratios.values())
        print(
            f"\nError over CrabNet's on Matbench's random rows (ours are formulas left out, a harder split, of nine tenths of the rows): "
            f"{', '.join(f'{name} {ratio:.3f}' for name, ratio in ratios.items())}; at least as good on {better} of {len(ratios)}, "
            f"mean of ratios {np.mean(list(ratios.values())):.3f}"
        )


def _compared(errors: dict[str, Any], *, name: str) -> float:
    """The error that published figures are of: in log10 where the table is, else in the unit."""
    return errors["rows_log10"] if predicted_property(name).table_is_log10 else errors["rows"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--property", action="append")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [evaluated(name) for name in arguments.property or shipped()]
    table = read_training_table(load_settings().data_dir, predicted_property("bulk_modulus"))
    seconds = speed(table)
    if arguments.json:
        print(json.dumps({"properties": rows, "seconds_for_10000": seconds}, indent=2))
        return
    _printed(rows)
    print(
        f"\nSeconds (of the processor) for {_FORMULAS} formulas, helpers included: "
        + ", ".join(f"{name} {wall:.1f} ({busy:.1f})" for name, (wall, busy) in seconds.items())
    )


if __name__ == "__main__":
    main()
