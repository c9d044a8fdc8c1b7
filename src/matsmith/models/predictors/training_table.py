"""A training table grouped by composition: one target a formula, all rows kept for measuring errors, a fold for each."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matsmith.core.errors import DataError, SpecError
from matsmith.models.predictors.compositions import (
    Compositions,
    FloatArray,
    IntArray,
    composition_key,
    fold_of,
    gather,
    read_formula,
)
from matsmith.models.predictors.descriptors import element_table
from matsmith.models.predictors.targets import PredictedProperty

_WORDS = {"TRUE": 1.0, "FALSE": 0.0}


@dataclass(frozen=True)
class TrainingTable:
    """`n` formulas: `targets` (n,) on the model's scale, `folds` (n,); every row's `values` on that scale and its `owner`."""

    keys: list[str]
    compositions: Compositions
    targets: FloatArray
    folds: IntArray
    values: FloatArray
    owner: IntArray
    left_out: int

    def __len__(self) -> int:
        return len(self.keys)


def read_training_table(
    data_dir: Path, entry: PredictedProperty, *, limit: int | None = None
) -> TrainingTable:
    """Read a property's table. `limit` takes a part of the formulas, the same each time.

    Rows that the model's scale cannot hold (a conductivity of 0 on a logarithm) or with an element that is not covered are left
    out and counted. Raises `DataError` when the file is missing or damaged.
    """
    path = data_dir / f"{entry.table}.csv.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
    except FileNotFoundError as error:
        raise DataError(
            f"The table {path} is not there.", hint="Give --data the folder that holds it."
        ) from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"The table {path} is damaged.", hint="Copy it again.") from error
    if not lines or lines[0][:2] != ["formula", entry.column]:
        raise DataError(f"{path} has no columns formula and {entry.column}.", hint="Copy it again.")
    rows: list[tuple[str, float]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            value = _WORDS.get(line[1].upper())
            rows.append((line[0], float(line[1]) if value is None else value))
            read_formula(line[0])
        except (ValueError, IndexError, SpecError) as error:
            raise DataError(
                f"Line {number} of {path} is not a formula and a number.", hint="Copy it again."
            ) from error
    return table_of(rows, entry, limit=limit)


def table_of(
    pairs: Iterable[tuple[str, float]], entry: PredictedProperty, *, limit: int | None = None
) -> TrainingTable:
    """Group formulas and values by composition. `limit` and what is left out as in `read_training_table`.

    Raises `SpecError` for what is no composition.
    """
    covered = element_table().covered
    fractions: dict[str, dict[str, float]] = {}
    rows: dict[str, list[float]] = {}
    left_out = 0
    for formula, value in pairs:
        one = read_formula(formula)
        usable = value > 0 or entry.scale != "log10" or entry.table_is_log10
        if not usable or not covered.issuperset(one):
            left_out += 1
            continue
        key = composition_key(one)
        fractions.setdefault(key, one)
        rows.setdefault(key, []).append(value)
    keys: list[str] = sorted(rows)
    if limit is not None and limit < len(keys):
        step: list[int] = np.linspace(0, len(keys) - 1, limit).astype(int).tolist()
        keys = [keys[place] for place in step]
    scaled = [np.sort(entry.to_scale(np.array(rows[key]))) for key in keys]
    targets = [one[0] if entry.choice == "lowest" else float(np.median(one)) for one in scaled]
    return TrainingTable(
        keys=keys,
        compositions=gather([fractions[key] for key in keys]),
        targets=np.array(targets, dtype=np.float64),
        folds=np.array([fold_of(key) for key in keys], dtype=np.int64),
        values=np.concatenate(scaled),
        owner=np.repeat(np.arange(len(keys)), [len(one) for one in scaled]),
        left_out=left_out,
    )
