"""Error of left-out formulas against their distance from what a model was trained on, with the sigma it states; as a table and a plot.

    python benchmarks/domain_errors.py --plot docs/domain_errors.svg       # needs the tables (MATSMITH_DATA); no training

Every formula is predicted by the fold's model that never saw it, and its distance is the one to the formulas of the other folds, in units of the
border of the domain: beyond 1 a prediction is flagged as outside, as one with an element that hardly any formula has. Bins hold equally many
formulas inside of the border, and all beyond it in two.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.settings import load_settings
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import RARE
from matsmith.models.predictors.evaluation import left_out_distance, left_out_intervals
from matsmith.models.predictors.library import model_of, shipped
from matsmith.models.predictors.targets import predicted_property
from matsmith.models.predictors.training_table import read_training_table

SHOWN = (
    "measured_band_gap", "bulk_modulus", "shear_modulus", "refractive_index", "phonon_peak", "agl_debye_temperature",
)  # fmt: skip
ONE_SIGMA = 0.6827
_INSIDE, _OUTSIDE = 6, 2
_DRAWS = 200
Array = NDArray[np.float64]


def measured(name: str) -> dict[str, Any]:
    """Bins of one property: distance, what 68 % of the errors lie within with its own error, the same by the stated sigmas, formulas; mean absolute errors by the flag."""
    entry, model = predicted_property(name), model_of(name)
    table = read_training_table(load_settings().data_dir, entry)
    found = left_out_intervals(model, table)
    distance = left_out_distance(descriptors(table.compositions), table) / model.domain.border
    counts = np.bincount(table.compositions.elements[table.compositions.elements > 0], minlength=120)
    common = np.where(table.compositions.elements > 0, counts[table.compositions.elements], len(table))
    inside = (distance <= 1.0) & (common.min(axis=1) > RARE)
    error = np.abs(table.targets - found.middle)
    rows: list[dict[str, float]] = []
    for part, bins in ((distance <= 1.0, _INSIDE), (distance > 1.0, _OUTSIDE)):
        places = np.flatnonzero(part)
        for chosen in np.array_split(places[np.argsort(distance[places], kind="stable")], bins):
            if len(chosen):
                rows.append(
                    {
                        "distance": float(np.median(distance[chosen])),
                        "error": float(np.quantile(error[chosen], ONE_SIGMA)),
                        "error_of_it": _spread(error[chosen]),
                        "stated": _stated(found.sigma[chosen]),
                        "formulas": len(chosen),
                    }
                )
    return {
        "property": name,
        "title": entry.title,
        "unit": f"log10({entry.unit or 'n'})" if entry.scale == "log10" else entry.unit,
        "bins": rows,
        "error_inside": float(error[inside].mean()),
        "error_outside": float(error[~inside].mean()),
        "outside": int((~inside).sum()),
        "formulas": len(table),
        "rank_correlation": _rank_correlation(distance, error),
    }


def _spread(values: Array) -> float:
    """Standard error of the quantile, from draws with replacement."""
    random = np.random.default_rng(0)
    drawn = values[random.integers(0, len(values), (_DRAWS, len(values)))]
    return float(np.std(np.quantile(drawn, ONE_SIGMA, axis=1)))


def _stated(sigma: Array) -> float:
    """What 68 % of errors would lie within if each were normal with its own sigma; metals of a table of gaps have a small one."""
    from scipy.special import ndtr

    normal: Any = ndtr
    low, high = 0.0, 10.0 * float(sigma.max())
    for _ in range(60):
        middle = 0.5 * (low + high)
        below: Array = np.asarray(normal(middle / np.maximum(sigma, 1e-12)), dtype=np.float64)
        inside = 2.0 * float(below.mean()) - 1.0
        low, high = (middle, high) if inside < ONE_SIGMA else (low, middle)
    return high


def _rank_correlation(one: Array, other: Array) -> float:
    """Spearman's: the correlation of ranks; ties are as good as absent in distances and errors."""
    ranks: list[Array] = [
        np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)
        for values in (one, other)
    ]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def plot(results: list[dict[str, Any]], *, path: Path) -> None:
    """Error and stated sigma against distance, one panel a property."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "matsmith", "svg.fonttype": "none"}
    from matplotlib import pyplot

    library: Any = pyplot
    columns = 3
    figure, axes = library.subplots(
        -(-len(results) // columns), columns, figsize=(10, 3.1 * -(-len(results) // columns)), constrained_layout=True, squeeze=False
    )  # fmt: skip
    for axis, one in zip(axes.flat, results, strict=False):
        x, y, error, stated = (
            [row[key] for row in one["bins"]] for key in ("distance", "error", "error_of_it", "stated")
        )
        axis.errorbar(
            x,
            y,
            yerr=error,
            fmt="o-",
            color="#1f5fa8",
            markersize=4,
            capsize=2,
            label="68 % of left-out formulas lie within",
        )
        axis.plot(x, stated, "s--", color="#b3541e", markersize=4, label="the same by the stated sigmas")
        axis.axvline(1.0, color="0.5", linewidth=0.8, linestyle=":")
        axis.set_ylim(bottom=0.0)
        axis.set_xlim(left=0.0)
        axis.set_title(textwrap.fill(f"{one['title']} ({one['unit']})", 42), fontsize=8)
        axis.tick_params(labelsize=8)
    for axis in list(axes.flat)[len(results) :]:
        axis.set_visible(False)
    axes.flat[0].legend(fontsize=8, loc="upper left")
    figure.supxlabel(
        "distance to the nearest formula trained on, in borders of the domain (beyond 1: flagged as outside)",
        fontsize=9,
    )
    figure.supylabel("error", fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure, print, and plot when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--property", action="append", help="may be repeated")
    parser.add_argument("--plot", type=Path, help="write the picture here, such as docs/domain_errors.svg")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = [measured(name) for name in arguments.property or SHOWN if name in shipped()]
    if arguments.plot:
        plot(results, path=arguments.plot)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(
        "| property | unit | formulas | error inside | outside | of them outside | rank correlation of error and distance |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for one in results:
        print(
            f"| {one['property']} | {one['unit']} | {one['formulas']} | {one['error_inside']:.4g} | {one['error_outside']:.4g} | {one['outside']} "
            f"| {one['rank_correlation']:.2f} |"
        )
    for one in results:
        told = ", ".join(
            f"{row['distance']:.2f}: {row['error']:.3g} ({row['stated']:.3g})" for row in one["bins"]
        )
        print(f"{one['property']}, distance: 68 % within (stated): {told}")


if __name__ == "__main__":
    main()
