"""Errors of the moduli, hardness and Debye temperature of the tool `elasticity` against measurement, and the laws fitted to them.

    python benchmarks/elastic_errors.py            # compute what is missing, print the tables
    python benchmarks/elastic_errors.py --write    # and write src/matsmith/knowledge/elastic_errors.json

Every corrected figure is for formulas that were left out of the fit. Results of the potential are kept in `--store`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import reference_statistics as statistics
from fitted_file import version_of, write_json
from numpy.typing import NDArray
from reference_classes import class_of
from reference_computed import Store

from matsmith.core.settings import load_settings
from matsmith.knowledge.calibration import features_of
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.elastic_errors import is_firm
from matsmith.knowledge.measured_elasticity import measured_tensors
from matsmith.knowledge.measured_properties import measured
from matsmith.models.elastic_averages import (
    averages,
    chen_hardness_gpa,
    debye_temperature_k,
    directional_modulus,
    poisson_ratio,
    stiffnesses_gpa,
    youngs_modulus_gpa,
)
from matsmith.models.elastic_response import ElasticFailure, elastic_responses
from matsmith.tools.potential import default_potential

FloatArray = NDArray[np.float64]
Key = tuple[str, str]
OUTPUT = Path(__file__).resolve().parents[1] / "src/matsmith/knowledge/elastic_errors.json"
_GRAM_PER_MOL_ANGSTROM3 = 1.66053906660
_SMALLEST_GPA = 1.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One crystal: what the potential gives and, where it was measured, the tensor."""

    key: Key
    kind: str
    amounts: dict[str, float]
    density_g_per_cm3: float
    mass_g_per_mol: float
    relaxed: FloatArray
    clamped: FloatArray
    measured: FloatArray | None

    @property
    def firm(self) -> bool:
        """Whether the potential holds the crystal firmly, as the tool tells it."""
        return is_firm(self.relaxed)

    @property
    def bulk(self) -> float:
        """Hill's bulk modulus of the relaxed-ion tensor, GPa."""
        return max(averages(self.relaxed).bulk_hill_gpa, _SMALLEST_GPA)

    @property
    def shear(self) -> float:
        """Voigt's shear modulus of the clamped-ion tensor, GPa."""
        return max(averages(self.clamped).shear_voigt_gpa, _SMALLEST_GPA)


def compute(store: Store) -> None:
    """The tensors that the table needs and the store lacks, smallest cells first, a few crystals at a time."""
    potential = default_potential(load_settings())
    wanted = set(measured_tensors()) | set(measured("hardness"))
    missing = sorted(
        (c for c in measured_crystals() if (c.formula, c.name) in wanted and store.get(_name(c)) is None),
        key=lambda crystal: len(crystal.structure()),
    )
    for begin in range(0, len(missing), 10):
        part = missing[begin : begin + 10]
        for index, result in elastic_responses([c.structure() for c in part], potential=potential):
            if isinstance(result, ElasticFailure):
                value: dict[str, Any] = {"failure": f"{result.code}: {result.message}"}
            else:
                value = {
                    "relaxed": result.relaxed_ion.tensor_gpa.tolist(),
                    "clamped": result.clamped_ion.tensor_gpa.tolist(),
                    "spread": result.relaxed_ion.spread_gpa.tolist(),
                    "volume": result.structure.volume / len(result.structure),
                }
            store.put(_name(part[index]), value)
        print(f"  {begin + len(part)} of {len(missing)}", flush=True)


def rows_of(store: Store) -> list[Row]:
    """The crystals that have a tensor."""
    truths = measured_tensors()
    rows: list[Row] = []
    for crystal in measured_crystals():
        held = store.get(_name(crystal))
        if not held or "failure" in held:
            if held:
                print(f"  {crystal.formula} {crystal.name}: {held['failure']}")
            continue
        composition: Any = crystal.structure().composition
        amounts = {str(symbol): float(n) for symbol, n in composition.as_dict().items()}
        mass = float(composition.weight) / float(composition.num_atoms)
        rows.append(
            Row(
                key=(crystal.formula, crystal.name),
                kind=class_of(amounts),
                amounts=amounts,
                density_g_per_cm3=mass * _GRAM_PER_MOL_ANGSTROM3 / float(held["volume"]),
                mass_g_per_mol=mass,
                relaxed=np.array(held["relaxed"]),
                clamped=np.array(held["clamped"]),
                measured=truths.get((crystal.formula, crystal.name)),
            )
        )
    return rows


def _name(crystal: MeasuredCrystal) -> str:
    return f"elastic-response|{crystal.formula}|{crystal.name}"


def _bulk_features(row: Row) -> FloatArray:
    found = features_of(row.amounts, computed=row.bulk)
    if found is None:
        raise SystemExit(f"{row.key} has an element without electronegativity")
    return np.array([found[name] for name in _BULK_FEATURES])


_NAMES = (
    "bulk_modulus",
    "shear_modulus",
    "youngs_modulus",
    "pugh_ratio",
    "debye_temperature",
    "poisson_ratio",
)
_BULK_FEATURES = ("ln_computed", "mean_electronegativity", "electronegativity_spread")


def _shear_features(row: Row) -> FloatArray:
    return np.array([math.log(row.bulk), math.log(row.shear)])


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Corrected moduli (repeats, n) of every row, each from laws fitted without its formula."""

    bulk: FloatArray
    shear: FloatArray


def leave_out(rows: Sequence[Row]) -> LeftOut:
    """Moduli by laws that never saw the formula; rows that were not measured are out of every fit."""
    groups = [row.key[0] for row in rows]
    known = np.array([row.measured is not None for row in rows])
    bulk_x, shear_x = (
        np.array([_bulk_features(r) for r in rows]),
        np.array([_shear_features(r) for r in rows]),
    )
    bulk_log, shear_log = _truth_logs(rows)
    ln_bulk, ln_shear = np.log([r.bulk for r in rows]), np.log([r.shear for r in rows])
    bulks: list[FloatArray] = []
    shears: list[FloatArray] = []
    for seed in range(5):
        fold = statistics.folds(groups, seed=seed)
        bulk, shear = np.empty(len(rows)), np.empty(len(rows))
        for k in sorted(set(fold.tolist())):
            out = fold == k
            fit = ~out & known
            bulk[out] = statistics.fit(bulk_x[fit], bulk_log[fit]).shift(bulk_x[out])
            shear[out] = statistics.fit(shear_x[fit], shear_log[fit]).shift(shear_x[out])
        bulks.append(np.exp(ln_bulk + bulk))
        shears.append(np.exp(ln_shear + shear))
    return LeftOut(bulk=np.array(bulks), shear=np.array(shears))


def _truth_logs(rows: Sequence[Row]) -> tuple[FloatArray, FloatArray]:
    bulk, shear = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for i, row in enumerate(rows):
        if row.measured is not None:
            truth = averages(row.measured)
            bulk[i] = math.log(truth.bulk_hill_gpa / row.bulk)
            shear[i] = math.log(truth.shear_hill_gpa / row.shear)
    return bulk, shear


def _derived(name: str, *, bulk: float, shear: float, row: Row) -> float:
    if name == "bulk_modulus":
        return bulk
    if name == "shear_modulus":
        return shear
    if name == "youngs_modulus":
        return youngs_modulus_gpa(bulk, shear)
    if name == "poisson_ratio":
        return poisson_ratio(bulk, shear)
    if name == "pugh_ratio":
        return bulk / shear
    if name == "hardness":
        return chen_hardness_gpa(bulk, shear)
    return debye_temperature_k(
        bulk_gpa=bulk,
        shear_gpa=shear,
        density_g_per_cm3=row.density_g_per_cm3,
        mass_g_per_mol_atoms=row.mass_g_per_mol,
    )


def _extremes(tensor: FloatArray, *, bulk: float, shear: float) -> tuple[float, float]:
    """Extremes of Young's modulus of a tensor, scaled so that its average is that of the moduli given."""
    own = averages(tensor)
    scale = youngs_modulus_gpa(bulk, shear) / youngs_modulus_gpa(own.bulk_hill_gpa, own.shear_hill_gpa)
    found = directional_modulus(tensor)
    return found.smallest_gpa * scale, found.largest_gpa * scale


def errors(rows: Sequence[Row], left: LeftOut) -> dict[str, dict[str, dict[str, float | int]]]:
    """Sigma by property for firm and for soft crystals, measured on left-out values, printed with its coverage."""
    print(
        f"\n  {'property':29s}   n   median |error|, 90th %     sigma: relative, absolute   within one, two sigma (left out)"
    )
    found: dict[str, dict[str, dict[str, float | int]]] = {"firm": {}, "soft": {}}
    hard = measured("hardness")
    for grade, entries in found.items():
        part = [i for i, row in enumerate(rows) if row.firm == (grade == "firm")]
        for name in _NAMES:
            picked = [i for i in part if rows[i].measured is not None]
            truth = np.array([_truth(name, rows[i]) for i in picked])
            entries[name] = _error(name, rows, left, picked=picked, truth=truth)
        picked = [i for i in part if rows[i].key in hard]
        truth = np.array([hard[rows[i].key].value for i in picked])
        entries["hardness"] = _error("hardness", rows, left, picked=picked, truth=truth)
        entries |= _direction_errors(rows, left, part=part)
    return found


def _truth(name: str, row: Row) -> float:
    if row.measured is None:
        raise ValueError(f"{row.key} was not measured")
    truth = averages(row.measured)
    return _derived(name, bulk=truth.bulk_hill_gpa, shear=truth.shear_hill_gpa, row=row)


def _error(
    name: str, rows: Sequence[Row], left: LeftOut, *, picked: list[int], truth: FloatArray
) -> dict[str, float | int]:
    values = np.array(
        [
            [_derived(name, bulk=bulk[i], shear=shear[i], row=rows[i]) for i in picked]
            for bulk, shear in zip(left.bulk, left.shear, strict=True)
        ]
    )
    return _sigma(
        name, values, truth=truth, groups=[rows[i].key[0] for i in picked], firm=rows[picked[0]].firm
    )


def _sigma(
    name: str, values: FloatArray, *, truth: FloatArray, groups: Sequence[str], firm: bool
) -> dict[str, float | int]:
    """Relative sigma against the value given out; for the Poisson ratio absolute, for the hardness 1 GPa beside it."""
    absolute = {"hardness": 1.0}.get(name, 0.0)
    gaps = truth - values
    scaled = gaps if name == "poisson_ratio" else gaps / np.hypot(values, absolute / 0.3)
    sigma, one, two = one_sigma(scaled, groups)
    size = np.abs(gaps) if name == "poisson_ratio" else 100 * np.abs(gaps) / truth
    entry: dict[str, float | int] = {
        "relative": 0.0 if name == "poisson_ratio" else round(sigma, 4),
        "absolute": round(sigma, 4) if name == "poisson_ratio" else round(sigma * absolute / 0.3, 4),
        "crystals": len(truth),
    }
    unit = "" if name == "poisson_ratio" else " %"
    title = f"{name}, {'firm' if firm else 'soft'}"
    print(
        f"  {title:29s} {len(truth):3d}   {np.median(size):8.3g}{unit}, {np.percentile(size, 90):6.3g}{unit}"
        f"        {entry['relative']:8.3f}, {entry['absolute']:6.3f}         {one:.2f}, {two:.2f}"
    )
    return entry


def one_sigma(residuals: FloatArray, groups: Sequence[str]) -> tuple[float, float, float]:
    """Sigma of left-out residuals (repeats, n), and the shares within one and two of it where it was taken from other formulas.

    The one that weighs both shares, unless heavy tails make it cover too much: then the size that 68 % stay below.
    """
    one, two = statistics.coverage(residuals, groups)
    low, high = statistics.ONE_SIGMA
    if low <= one <= high:
        return statistics.sigma_of(residuals), one, two
    inside = np.zeros(2)
    for seed, row in enumerate(residuals):
        fold = statistics.folds(groups, seed=1000 + seed)
        for k in sorted(set(fold.tolist())):
            out = fold == k
            sigma = float(np.quantile(np.abs(np.asarray(row[~out], dtype=np.float64)), 0.68))
            inside += np.array(statistics.shares(row[out], sigma)) * out.sum()
    one, two = (float(share) for share in inside / residuals.size)
    return float(np.quantile(np.abs(residuals), 0.68)), one, two


def _direction_errors(
    rows: Sequence[Row], left: LeftOut, *, part: Sequence[int]
) -> dict[str, dict[str, float | int]]:
    picked = [
        i
        for i in part
        if rows[i].measured is not None and stiffnesses_gpa(rows[i].relaxed)[0] > _SMALLEST_GPA
    ]
    truth = np.array([_measured_extremes(rows[i]) for i in picked])
    values = np.array(
        [
            [_extremes(rows[i].relaxed, bulk=bulk[i], shear=shear[i]) for i in picked]
            for bulk, shear in zip(left.bulk[:2], left.shear[:2], strict=True)
        ]
    )
    groups = [rows[i].key[0] for i in picked]
    return {
        name: _sigma(
            name, values[:, :, place], truth=truth[:, place], groups=groups, firm=rows[picked[0]].firm
        )
        for place, name in enumerate(("smallest_youngs_modulus", "largest_youngs_modulus"))
    }


def _measured_extremes(row: Row) -> tuple[float, float]:
    if row.measured is None:
        raise ValueError(f"{row.key} was not measured")
    found = directional_modulus(row.measured)
    return found.smallest_gpa, found.largest_gpa


def components(rows: Sequence[Row]) -> dict[str, tuple[float, float, float]]:
    """Computed over measured of single constants, uncorrected: tenth percentile, median, ninetieth."""
    places = {"longitudinal": ((0, 0), (2, 2)), "off_diagonal": ((0, 1), (0, 2)), "shear": ((3, 3), (5, 5))}
    found: dict[str, tuple[float, float, float]] = {}
    print("\n  single constants, computed / measured (atoms relaxed): 10th, median, 90th")
    for name, where in places.items():
        ratio = [row.relaxed[p] / row.measured[p] for row in rows if row.measured is not None for p in where]
        low, middle, high = (round(float(v), 3) for v in np.percentile(ratio, (10, 50, 90)))
        found[name] = (low, middle, high)
        print(f"    {name:14s} {low:6.2f} {middle:6.2f} {high:6.2f}")
    return found


def law_of(names: Sequence[str], x: FloatArray, logs: FloatArray) -> dict[str, Any]:
    """A law fitted to features (n, k) and ln(measured / computed) (n,), as the calibration files hold it."""
    fitted = statistics.fit(x, logs)
    return {
        "intercept": round(fitted.intercept, 5),
        "coefficients": {n: round(float(c), 5) for n, c in zip(names, fitted.coefficients, strict=True)},
        "ranges": {
            n: [round(float(v.min()), 4), round(float(v.max()), 4)] for n, v in zip(names, x.T, strict=True)
        },
    }


def _print_classes(rows: Sequence[Row], left: LeftOut) -> None:
    print(
        "\n  shear modulus by class: n, median computed / measured (relaxed), left-out |error| median, 90th %"
    )
    kept = [(i, row) for i, row in enumerate(rows) if row.measured is not None]
    for kind in sorted({row.kind for _, row in kept}):
        part = [(i, row) for i, row in kept if row.kind == kind]
        truth = np.array([_truth("shear_modulus", row) for _, row in part])
        raw = np.array([averages(row.relaxed).shear_hill_gpa for _, row in part]) / truth
        size = 100 * np.abs(left.shear[:, [i for i, _ in part]] / truth - 1)
        print(
            f"    {kind:14s} {len(part):3d} {np.median(raw):8.2f} {np.median(size):10.1f} {np.percentile(size, 90):8.1f}"
        )


def _print_calorimetric(rows: Sequence[Row], left: LeftOut) -> None:
    known = measured("debye_temperature")
    picked = [i for i, row in enumerate(rows) if row.key in known]
    ratio = np.array(
        [
            _derived("debye_temperature", bulk=left.bulk[0][i], shear=left.shear[0][i], row=rows[i])
            / known[rows[i].key].value
            for i in picked
        ]
    )
    print(
        f"\n  Debye temperature against that from heat capacities, {len(picked)} elements: median ratio {np.median(ratio):.2f}, "
        f"|error| median {100 * np.median(np.abs(ratio - 1)):.0f} %, 90th {100 * np.percentile(np.abs(ratio - 1), 90):.0f} %"
    )


def main() -> None:
    """Compute what is missing, print the tables, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/elastic_errors.json")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-elastic-errors.jsonl"
    )
    parser.add_argument("--stored-only", action="store_true", help="compute nothing, print what is stored")
    options = parser.parse_args()
    store = Store(options.store)
    if not options.stored_only:
        compute(store)
    rows = rows_of(store)
    left = leave_out(rows)
    sigmas = errors(rows, left)
    known = [row for row in rows if row.measured is not None]
    _print_classes(rows, left)
    _print_calorimetric(rows, left)
    ratios = components(rows)
    unstable = [row.key[0] for row in known if stiffnesses_gpa(row.relaxed)[0] <= 0]
    print(
        f"\n  mechanically unstable by the potential: {len(unstable)} of {len(known)}: {', '.join(unstable)}"
    )
    bulk_log, shear_log = _truth_logs(known)
    body: dict[str, Any] = {
        "bulk": law_of(_BULK_FEATURES, np.array([_bulk_features(r) for r in known]), bulk_log),
        "shear": law_of(("ln_bulk", "ln_shear"), np.array([_shear_features(r) for r in known]), shear_log),
        "firm": sigmas["firm"],
        "soft": sigmas["soft"],
        "unstable_of_stable": [len(unstable), len(known)],
        "component_ratio": ratios,
        "source": f"{len(known)} measured elastic tensors (knowledge/reference_values.json), {sum(held['hardness']['crystals'] for held in sigmas.values())} "
        "measured hardnesses (knowledge/measured_properties.json)",
    }
    body["version"] = version_of(body)
    if options.write:
        write_json(OUTPUT, body)


if __name__ == "__main__":
    main()
