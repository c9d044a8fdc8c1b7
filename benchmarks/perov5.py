"""Structure prediction on Perov-5: how often samples of the diffusion model match the known crystal of a formula.

The data are `perov_5_val.csv.gz` alone (3,787 of the 18,928 crystals of Castelli et al. 2012 in the form of Xie et al. 2022), split here by formula, so the
figures are not those of the published split. Matches are pymatgen's StructureMatcher with stol 0.5, ltol 0.3, angle_tol 10; RMSE is over matched
crystals, in units of the cube root of the volume per atom; cRMSE counts a miss as 0.5; METRe is the share of known crystals matched by
any sample of their formula, whichever of its crystals that sample was drawn for. Match at 1 is close to a coin flip: most ABX3 have a BAX3.
Two baselines: the ideal perovskite with the bigger ion on the corner, and atoms at random in a cubic cell.

    python benchmarks/perov5.py --data perov5.npz                                       # builds the table, scores the baselines
    python -m matsmith.models.diffusion.prediction --weights run/weights.safetensors --data perov5.npz --per-crystal 20 --out samples.npz
    python benchmarks/perov5.py --data perov5.npz --samples samples.npz

Any other table is scored in the same way without the baselines: --data general.npz --only lowest_polymorph --samples samples.npz --no-baselines.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Structure

from matsmith.core.errors import DataError, MatsmithError
from matsmith.models.diffusion.data_builder import build_table, find_source, rows_of_csv
from matsmith.models.diffusion.data_format import CrystalTable, load_table, save_table
from matsmith.models.diffusion.matching import Score, distances, score, to_structure
from matsmith.models.diffusion.prediction import rows_of

SOURCE = "perov_5_val.csv.gz"


def _size(number: int) -> float:
    element = Element.from_Z(number)
    radius = float(element.average_ionic_radius)
    return radius if radius > 0 else float(element.atomic_radius_calculated or element.atomic_radius or 1.5)


def template(numbers: NDArray[np.int64]) -> Structure:
    """Return the ideal perovskite of five atomic numbers: the three most electronegative are X, the bigger of the rest is on the corner."""
    order = sorted(numbers.tolist(), key=lambda number: Element.from_Z(number).X)
    metals, anions = sorted(order[:2], key=_size, reverse=True), order[2:]
    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return to_structure(
        np.array([*metals, *anions]), np.array(sites, np.float32), (4 * np.eye(3)).astype(np.float32)
    )


def baseline(
    table: CrystalTable, rows: NDArray[np.int64], *, kind: str, per_crystal: int
) -> list[list[Structure]]:
    """Return the structures of a baseline, `template` or `noise`, for every row."""
    draw = np.random.default_rng(0)
    made: list[list[Structure]] = []
    for row in rows.tolist():
        numbers = table.atoms_of(row)[0]
        if kind == "template":
            made.append([template(numbers)])
            continue
        cell = (4 * np.eye(3)).astype(np.float32)
        made.append(
            [
                to_structure(numbers, draw.random((len(numbers), 3), np.float32), cell)
                for _ in range(per_crystal)
            ]
        )
    return made


def read_samples(path: Path, rows: NDArray[np.int64]) -> list[list[Structure]]:
    """Return the samples of every row in the order they were made. Raises `DataError` when a row has none."""
    samples = load_table(path)
    if "reference" not in samples.properties:
        raise DataError(
            f"{path.name} holds no predictions.", hint="Make them with matsmith.models.diffusion.prediction."
        )
    of_row: dict[int, list[Structure]] = {}
    starts = samples.starts
    for index, row in enumerate(samples.properties["reference"].astype(int).tolist()):
        part = slice(int(starts[index]), int(starts[index] + samples.counts[index]))
        of_row.setdefault(row, []).append(
            to_structure(samples.numbers[part], samples.frac[part], samples.lattice[index])
        )
    missing = [row for row in rows.tolist() if row not in of_row]
    if missing:
        raise DataError(
            f"{path.name} has no sample for {len(missing)} rows.", hint="Use the same --data and --first."
        )
    return [of_row[row] for row in rows.tolist()]


def _report(name: str, scores: list[Score]) -> None:
    for s in scores:
        print(
            f"{name:<28} k={s.k:<3} n={s.crystals:<4} match {100 * s.match:5.1f} ± {100 * s.match_error:3.1f} %  "
            f"RMSE {s.rmse:.4f}  cRMSE {s.crmse:.4f}  METRe {100 * s.metre:5.1f} % (RMSE {s.metre_rmse:.4f})",
            flush=True,
        )


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description="Perov-5 structure prediction: baselines and samples.")
    parser.add_argument("--data", type=Path, required=True, help="table (.npz); built when it is not there")
    parser.add_argument("--samples", type=Path, nargs="*", default=[], help="predictions to score")
    parser.add_argument("--split", default="test")
    parser.add_argument("--only", default="", help="only rows whose property of this name is 1")
    parser.add_argument("--first", type=int, default=0, help="only so many crystals; 0: all")
    parser.add_argument("--k", type=int, default=20, help="samples a crystal for the second line")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    try:
        if not given.data.exists():
            table, skipped = build_table(rows_of_csv(find_source(SOURCE)), quiet=False)
            save_table(table, given.data)
            print(f"{len(table)} crystals in {given.data}, {skipped.total()} skipped")
        table = load_table(given.data)
        rows = rows_of(table, split=given.split, only=given.only)
        rows = rows[: given.first] if given.first else rows
        known = [to_structure(*table.atoms_of(row), table.lattice[row]) for row in rows.tolist()]
        formulas = [table.formulas[int(row)] for row in rows]
        sets: dict[str, list[list[Structure]]] = {}
        if not given.no_baselines:
            sets["bigger ion on the corner"] = baseline(table, rows, kind="template", per_crystal=1)
            sets["atoms at random"] = baseline(table, rows, kind="noise", per_crystal=given.k)
        sets |= {path.stem: read_samples(path, rows) for path in given.samples}
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    results: dict[str, list[dict[str, float]]] = {}
    for name, samples in sets.items():
        own = [len(made) for made in samples]
        found = distances(known, formulas, samples)
        scores = [score(found, own=own, k=k) for k in sorted({1, min(given.k, max(own))})]
        _report(name, scores)
        results[name] = [asdict(s) for s in scores]
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
