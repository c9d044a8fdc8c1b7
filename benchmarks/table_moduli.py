"""Errors of the DFT tables of bulk and shear moduli, and of hardness and ratios made from them, against measurement.

    python benchmarks/table_moduli.py            # needs the tables (MATSMITH_DATA); prints the table
    python benchmarks/table_moduli.py --write    # and writes src/matsmith/knowledge/table_moduli.json

Formulas whose polymorphs differ by more than a fifth are left out: the tables do not say which of them was measured here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import elastic_errors as elastic
import numpy as np
from fitted_file import version_of, write_json
from numpy.typing import NDArray

from matsmith.core.settings import load_settings
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.measured_elasticity import measured_tensors
from matsmith.knowledge.measured_properties import measured
from matsmith.knowledge.references import known_tables
from matsmith.models.elastic_averages import averages, chen_hardness_gpa, poisson_ratio, youngs_modulus_gpa

FloatArray = NDArray[np.float64]
OUTPUT = Path(__file__).resolve().parents[1] / "src/matsmith/knowledge/table_moduli.json"
_LARGEST_SPREAD = 0.2
_HARDNESS_FLOOR_GPA = 1.0


def table_of() -> dict[tuple[str, str], tuple[float, float]]:
    """Bulk and shear modulus (GPa) of the table for every measured crystal that it tells apart."""
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for crystal in measured_crystals():
        bulk, shear = (tables.lookup(name, crystal.formula) for name in ("bulk_modulus", "shear_modulus"))
        alike = bulk and shear and all(one.spread < _LARGEST_SPREAD * one.value for one in (bulk, shear))
        if bulk and shear and alike and crystal.stable_at_ambient:
            found[crystal.formula, crystal.name] = (bulk.value, shear.value)
    return found


def derived(name: str, bulk: FloatArray, shear: FloatArray) -> FloatArray:
    """One property of every pair of moduli (GPa)."""
    return np.array([_derived(name, float(k), float(g)) for k, g in zip(bulk, shear, strict=True)])


def _derived(name: str, bulk_gpa: float, shear_gpa: float) -> float:
    if name == "bulk_modulus":
        return bulk_gpa
    if name == "shear_modulus":
        return shear_gpa
    if name == "youngs_modulus":
        return youngs_modulus_gpa(bulk_gpa, shear_gpa)
    if name == "poisson_ratio":
        return poisson_ratio(bulk_gpa, shear_gpa)
    if name == "pugh_ratio":
        return bulk_gpa / shear_gpa
    return chen_hardness_gpa(bulk_gpa, shear_gpa)


def entry(name: str, values: FloatArray, truth: FloatArray, groups: Sequence[str]) -> dict[str, float | int]:
    """Sigma of one property on left-out values, printed with its coverage."""
    absolute = name == "poisson_ratio"
    floor = _HARDNESS_FLOOR_GPA / 0.3 if name == "hardness" else 0.0
    gaps = (truth - values)[None] if absolute else ((truth - values) / np.hypot(values, floor))[None]
    sigma, one, two = elastic.one_sigma(gaps, groups)
    size = np.abs(truth - values) if absolute else 100 * np.abs(values / truth - 1)
    unit = "" if absolute else " %"
    print(
        f"  {name:16s} {len(truth):3d}   {np.median(size):7.3g}{unit}, {np.percentile(size, 90):6.3g}{unit}   sigma {sigma:.3f}   "
        f"{one:.2f}, {two:.2f}"
    )
    return {
        "relative": 0.0 if absolute else round(sigma, 4),
        "absolute": round(sigma if absolute else sigma * floor, 4),
        "crystals": len(truth),
    }


def main() -> None:
    """Print the table, and write when asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/table_moduli.json")
    options = parser.parse_args()
    table, tensors, hard = table_of(), measured_tensors(), measured("hardness")
    keys = [key for key in table if key in tensors]
    if not keys:
        raise SystemExit("The tables of moduli are not here: set MATSMITH_DATA.")
    bulk, shear = (np.array([table[key][place] for key in keys]) for place in (0, 1))
    truths = [averages(tensors[key]) for key in keys]
    bulk_truth = np.array([one.bulk_hill_gpa for one in truths])
    shear_truth = np.array([one.shear_hill_gpa for one in truths])
    bulk_factor, shear_factor = (
        float(np.median(truth / value)) for truth, value in ((bulk_truth, bulk), (shear_truth, shear))
    )
    print(f"  measured over table: bulk modulus {bulk_factor:.3f}, shear modulus {shear_factor:.3f}")
    print("  property           n   |error|: median, 90th   left out: sigma, within one and two sigma")
    left_bulk, left_shear = (
        np.array([value[k] * np.median(np.delete(truth / value, k)) for k in range(len(value))])
        for truth, value in ((bulk_truth, bulk), (shear_truth, shear))
    )
    groups = [key[0] for key in keys]
    errors = {
        name: entry(
            name, derived(name, left_bulk, left_shear), derived(name, bulk_truth, shear_truth), groups
        )
        for name in ("bulk_modulus", "shear_modulus", "youngs_modulus", "poisson_ratio", "pugh_ratio")
    }
    # Two factors on some hundred crystals: leaving one out changes nothing that shows here.
    keys = [key for key in table if key in hard]
    values = derived(
        "hardness",
        np.array([bulk_factor * table[key][0] for key in keys]),
        np.array([shear_factor * table[key][1] for key in keys]),
    )
    errors["hardness"] = entry(
        "hardness", values, np.array([hard[key].value for key in keys]), [key[0] for key in keys]
    )
    body: dict[str, Any] = {
        "bulk_factor": round(bulk_factor, 4),
        "shear_factor": round(shear_factor, 4),
        "errors": errors,
        "source": f"{errors['shear_modulus']['crystals']} measured elastic tensors and {errors['hardness']['crystals']} hardnesses "
        "against Matbench v0.1 log_kvrh and log_gvrh",
    }
    body["version"] = version_of(body)
    if options.write:
        write_json(OUTPUT, body)


if __name__ == "__main__":
    main()
