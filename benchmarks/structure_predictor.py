"""The structure predictor on perovskites of five atoms (Perov-5, heat of formation), on formulas left out, beside what the composition alone tells.

    python benchmarks/structure_predictor.py                       # a slice of 800 crystals, 600 steps: about five minutes on one thread
    python benchmarks/structure_predictor.py --limit 3787 --steps 3000 --column dir_gap

Needs the tables (MATSMITH_DATA) and torch. The formulas of one fold of five are left out; the composition's part is ridge regression on descriptors.
Data: Castelli et al. 2012, Energy Environ. Sci. 5, 5814; the split of Xie et al. 2022 (CDVAE), of which this is the validation part.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.core.settings import load_settings
from matsmith.models.predictors.compositions import gather
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.structure.network import StructureSettings
from matsmith.models.predictors.structure.table import StructureTable, read_structure_table
from matsmith.models.predictors.structure.train import LEFT_OUT, train_structures

_RIDGE = 1.0


def of_the_composition(table: StructureTable) -> float:
    """Mean absolute error on the formulas left out of a linear model of composition descriptors."""
    counts = [Counter(SYMBOLS[int(number) - 1] for number in one.numbers) for one in table.crystals]
    columns = descriptors(gather([{symbol: float(n) for symbol, n in one.items()} for one in counts]))
    inside = table.folds != LEFT_OUT
    scaled = (columns - columns[inside].mean(axis=0)) / np.maximum(columns[inside].std(axis=0), 1e-6)
    x = np.concatenate([np.ones((len(scaled), 1)), scaled], axis=1).astype(np.float64)
    square = x[inside].T @ x[inside] + _RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(square, x[inside].T @ table.values[inside])
    return float(np.abs(x[~inside] @ weights - table.values[~inside]).mean())


def measured(*, column: str, limit: int, steps: int, work: Path) -> dict[str, Any]:
    """Train on a slice and measure."""
    started = time.perf_counter()
    table = read_structure_table(load_settings().data_dir / "perov_5_val.csv.gz", column=column, limit=limit)
    read_s = time.perf_counter() - started
    facts = {
        "property": column, "title": column, "unit": "eV/atom" if column == "heat_ref" else "eV", "of": "computed, 0 K",
        "table": "perov_5_val", "citation": "Castelli et al. 2012; Xie et al. 2022",
    }  # fmt: skip
    model = train_structures(
        table,
        path=work / f"{column}.safetensors",
        work=work / "fits",
        facts=facts,
        settings=StructureSettings(steps=steps),
    )
    kept = ("rows", "trained_on", "error", "error_on_training", "error_of_the_median", "coverage")
    return {
        "column": column,
        **{key: model.card[key] for key in kept},
        "error_of_the_composition": of_the_composition(table),
        "seconds_to_read": read_s,
        "seconds": time.perf_counter() - started,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--column", default="heat_ref", choices=["heat_ref", "dir_gap", "ind_gap"])
    parser.add_argument("--limit", type=int, default=800)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--work", type=Path, help="folder for weights and checkpoints")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(
            column=arguments.column,
            limit=arguments.limit,
            steps=arguments.steps,
            work=arguments.work or Path(scratch),
        )
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{found['column']}: {found['rows']} crystals, {found['trained_on']} trained on, {found['seconds']:.0f} s"
    )
    print("| mean absolute error on formulas left out | |\n| --- | --- |")
    print(f"| graph network | {found['error']:.4f} |")
    print(f"| composition alone, linear | {found['error_of_the_composition']:.4f} |")
    print(f"| always the median | {found['error_of_the_median']:.4f} |")
    print(f"| graph network on what it was trained on | {found['error_on_training']:.4f} |")
    print(f"Inside the 90 % interval: {found['coverage']['0.9']:.3f}")


if __name__ == "__main__":
    main()
