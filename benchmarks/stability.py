"""Stable or not: formulas drawn from the table of what is on the Materials Project's hull, judged in several ways.

    MATSMITH_DATA=DIR python benchmarks/stability.py

1. By the DFT table: each formula's lowest row against the hull of the table, its own row in it and left out.
2. By the potential: formulas of two and three elements whose stoichiometry a prototype has; every decoration screened, the
   lowest few relaxed (`decorated_energies.py`), judged against the table's hull without the formula's own row. The first
   sixty of the draw are the test; what is fitted (a threshold, a logistic model) is fitted to the others. Analogues are known
   formulas in which one element is replaced by a similar one; the formula's own row is never among them.
3. By what ships alone, where it covers the elements.

F1 is that of the class "on the hull". A formula without a row counts as called unstable in 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, cast

import numpy as np
from chosen_candidates import TEST_FORMULAS, Judged, judged
from decorated_energies import drawn, prototype_shapes, shape, stored
from numpy.typing import NDArray

from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.formulas import key_amounts, key_elements, reduced_key
from matsmith.knowledge.phases import searched_systems
from matsmith.knowledge.references import (
    GAP_SOURCE,
    ON_HULL_EV_PER_ATOM,
    SHIPPED_ELEMENTS,
    known_tables,
    references_for,
)
from matsmith.knowledge.tables import KnownTables
from matsmith.tools.strategies.similarity import INDEX, element_distances

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_SCALES = (0.1, 0.15, 0.2, 0.3)
_PRIOR_WEIGHT, _RIDGE, _SATURATION_EV = 0.1, 0.3, 0.08
_FOLDS = 10


def scores(called: BoolArray, stable: BoolArray) -> str:
    """F1, precision and recall in one line."""
    hits = int((called & stable).sum())
    f1 = 2 * hits / max(1, int(called.sum() + stable.sum()))
    return (
        f"F1 {f1:.3f} (precision {hits / max(1, called.sum()):.3f}, recall {hits / max(1, stable.sum()):.3f})"
    )


def f1_of(called: BoolArray, stable: BoolArray) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * float((called & stable).sum()) / max(1.0, float(called.sum() + stable.sum()))


def labels(tables: KnownTables) -> dict[str, bool]:
    """Whether each formula is on the hull."""
    table = tables.table("mp_stability")
    return dict(zip(table.keys, (table.lowest() > 0.5).tolist(), strict=True))


def by_table(settings: Settings, stable: dict[str, bool], *, count: int, seed: int) -> None:
    """Judge formulas of any number of elements by their DFT rows."""
    keys = sorted(stable)
    order: list[int] = np.random.default_rng(seed).permutation(len(keys))[:count].tolist()
    chosen = [keys[index] for index in order]
    above: dict[str, list[float]] = {
        "own row in the hull": [],
        "own row left out": [],
        "and no stand-ins": [],
    }
    for key in chosen:
        found = references_for(
            key_elements(key), data_dir=settings.data_dir, cache_dir=settings.cache_dir, only="dft_table"
        )
        row = found.table_formation_energy(key)
        rows_only = replace(found, phases=tuple(p for p in found.phases if p.source != GAP_SOURCE))
        ways = (found, found.without(key), rows_only.without(key))
        for name, way in zip(above, ways, strict=True):
            above[name].append(float("inf") if row is None else way.energy_above_hull(key, row))
    truth = np.array([stable[key] for key in chosen])
    print(
        f"1. By the DFT table: {count} formulas, {np.isinf(above['own row left out']).sum()} without a row; always yes: {scores(np.ones(count, dtype=bool), truth)}"
    )
    for name, values in above.items():
        print(f"   {name:20s} {scores(np.array(values) <= ON_HULL_EV_PER_ATOM, truth)}")
    print(
        "   The first two agree: a row is on the hull of all rows when it lies on or below the hull of the others. What is tested\n"
        "   is the hull and what the table lacks, not an energy; a candidate's own energy is tested in 2."
    )


def coverage(stable: dict[str, bool]) -> None:
    """Print which share of all formulas has a prototype's stoichiometry."""
    shapes = prototype_shapes()
    covered = [shape(key_amounts(key)) in shapes for key in stable]
    small = [len(key_elements(key)) <= 3 for key in stable]
    both = sum(c and s for c, s in zip(covered, small, strict=True))
    print(
        f"\n   A prototype has the stoichiometry of {sum(covered) / len(covered):.3f} of the {len(covered)} formulas, and of "
        f"{both / sum(small):.3f} of those of at most three elements"
    )


class Analogues:
    """Share of stable formulas among those with one element replaced, weighted by exp(-distance / scale)."""

    def __init__(self, keys: Sequence[str], stable: dict[str, bool]) -> None:
        distances = element_distances()
        self._base = float(np.mean(list(stable.values())))
        self._found: list[tuple[FloatArray, FloatArray]] = []
        for key in keys:
            amounts = key_amounts(key)
            near: list[tuple[float, bool]] = []
            for old in amounts:
                for new in INDEX:
                    swapped = {new if s == old else s: float(n) for s, n in amounts.items()}
                    other = reduced_key(swapped) if new not in amounts else ""
                    if other in stable:
                        near.append((float(distances[INDEX[old], INDEX[new]]), stable[other]))
            self._found.append((np.array([d for d, _ in near]), np.array([float(s) for _, s in near])))

    def log_odds(self, scale: float) -> FloatArray:
        """Logarithm of the odds, held towards the share of all formulas."""
        shares: list[float] = []
        for distances, are in self._found:
            weights = np.exp(-distances / scale)
            shares.append(
                float(((weights * are).sum() + _PRIOR_WEIGHT * self._base) / (weights.sum() + _PRIOR_WEIGHT))
            )
        share = np.array(shares)
        return np.log(share / (1 - share))


def logistic(features: FloatArray, stable: BoolArray, *, at: FloatArray) -> FloatArray:
    """Probabilities at other features of a ridge logistic regression, features (n, k) and (m, k)."""
    from scipy.optimize import minimize  # pyright: ignore[reportUnknownVariableType]

    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack([np.ones(len(features)), (features - middle) / spread])
    sign = np.where(stable, 1.0, -1.0)

    def loss(weights: FloatArray) -> float:
        return float(np.logaddexp(0, -sign * (design @ weights)).sum() + _RIDGE * (weights[1:] ** 2).sum())

    found = cast("Any", minimize)(loss, np.zeros(design.shape[1]))
    weights = np.asarray(found.x, dtype=np.float64)
    return 1 / (1 + np.exp(-np.column_stack([np.ones(len(at)), (at - middle) / spread]) @ weights))


def left_out(features: FloatArray, stable: BoolArray) -> FloatArray:
    """Probability of each formula by a fit to the other nine tenths."""
    fold = np.random.default_rng(0).permutation(len(stable)) % _FOLDS
    found = np.empty(len(stable))
    for k in range(_FOLDS):
        found[fold == k] = logistic(features[fold != k], stable[fold != k], at=features[fold == k])
    return found


def best_threshold(probabilities: FloatArray, stable: BoolArray) -> float:
    """The probability from which to call stable for the highest F1: half of that F1 (Lipton, Elkan & Naryanaswamy 2014).

    Steadier than the threshold that does best on a few formulas.
    """
    return max(f1_of(probabilities >= value, stable) for value in np.unique(probabilities).tolist()) / 2


def by_potential(rows: list[Judged], stable: dict[str, bool], *, test: set[str]) -> None:
    """Print F1 of the test formulas, and of all by cross-validation, of each way."""
    truth = np.array([stable[row.formula] for row in rows])
    mine = np.array([row.formula in test for row in rows])
    above = np.array([row.above for row in rows])
    logs = np.log([row.decorations for row in rows])
    energy = np.tanh(above / _SATURATION_EV)
    analogues = Analogues([row.formula for row in rows], stable)
    print(
        f"\n2. By the potential, own row left out: {mine.sum()} test formulas, {(~mine).sum()} to fit to; always yes: "
        f"{scores(np.ones(int(mine.sum()), dtype=np.bool_), truth[mine])}"
    )
    print(f"   {'':44s} {'test':52s} all, ten-fold")
    print(
        f"   {'on or below the hull':44s} {scores(above[mine] <= 0, truth[mine]):52s} {scores(above <= 0, truth)}"
    )

    def scale_of(columns: list[FloatArray]) -> float:
        """The scale of the analogues with the best left-out likelihood among the formulas to fit to."""

        def likelihood(scale: float) -> float:
            features = np.column_stack([*columns, analogues.log_odds(scale)])[~mine]
            p = left_out(features, truth[~mine])
            return float(np.log(np.where(truth[~mine], p, 1 - p)).sum())

        return max(_SCALES, key=likelihood)

    with_number = [energy, logs]
    ways = {
        "a threshold": [energy],
        "and the number of decorations": with_number,
        "analogues alone": [analogues.log_odds(scale_of([]))],
        "potential and analogues": [energy, analogues.log_odds(scale_of([energy]))],
        "and the number of decorations ": [*with_number, analogues.log_odds(scale_of(with_number))],
    }
    for name, columns in ways.items():
        features = np.column_stack(columns)
        limit = best_threshold(left_out(features[~mine], truth[~mine]), truth[~mine])
        p = logistic(features[~mine], truth[~mine], at=features[mine])
        every = left_out(features, truth)
        print(f"   {name:44s} {scores(p >= limit, truth[mine]):52s} {scores(every >= limit, truth)}")


def by_shipped(rows: list[Judged], stable: dict[str, bool], *, test: set[str], settings: Settings) -> None:
    """Print what the phases that ship say of the same formulas."""
    covers = {pair for pair in searched_systems() if pair <= SHIPPED_ELEMENTS}
    covered = [
        row
        for row in rows
        if all(frozenset(pair) in covers for pair in combinations(key_elements(row.formula), 2))
    ]
    above: list[float] = []
    for row in covered:
        found = references_for(
            key_elements(row.formula), data_dir=None, cache_dir=settings.cache_dir, only="shipped"
        )
        above.append(found.without(row.formula).energy_above_hull(row.formula, row.formation))
    truth = np.array([stable[row.formula] for row in covered])
    print(
        f"\n3. By what ships alone: it covers {len(covered)} of {len(rows)} formulas, {sum(r.formula in test for r in covered)} of them "
        f"test formulas (all of elements whose pairs were searched)\n   not above the hull of elements and binaries: "
        f"{scores(np.array(above) <= 0, truth)}; always yes: {scores(np.ones(len(truth), dtype=bool), truth)}"
    )


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=600, help="formulas judged by the DFT table, 0 to skip")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    stable = labels(tables)
    if options.count:
        by_table(settings, stable, count=options.count, seed=options.seed)
    coverage(stable)
    if not stored():
        print("\nRun benchmarks/decorated_energies.py first for the rest.")
        return
    rows, test = judged(settings), set(drawn(tables, seed=0)[:TEST_FORMULAS])
    by_potential(rows, stable, test=test)
    by_shipped(rows, stable, test=test, settings=settings)


if __name__ == "__main__":
    main()
