"""Composition models of a person's own tables: read a CSV file with formulas and values, train on it, predict from the folder it left."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.models.predictors.compositions import FOLDS, fold_of, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.library import Prediction, check_covered, helper_columns, one_of, weights_path
from matsmith.models.predictors.model import CompositionModel, load_model
from matsmith.models.predictors.sealed import read_sealed
from matsmith.models.predictors.targets import PREDICTED, PredictedProperty, Scale
from matsmith.models.predictors.training_table import TrainingTable, table_of

FEWEST = 50
"""Formulas below which five folds and an interval that is checked on left-out ones mean nothing."""
_HELPERS = ("formation_energy", "computed_band_gap")
_FORMULA_HEADS = ("formula", "composition", "pretty_formula", "material", "compound")
_NAME = re.compile(r"[^a-z0-9]+")
_ENTRY = "entry"


@dataclass(frozen=True, kw_only=True)
class OwnTable:
    """A person's table: what its column holds, its rows by composition, and the lines that could not be used, with their reasons."""

    entry: PredictedProperty
    table: TrainingTable
    skipped: list[str]


def read_own_table(
    path: Path,
    *,
    column: str = "",
    name: str = "",
    unit: str = "",
    of: str = "",
    scale: Scale = "linear",
    lowest: bool = False,
    helpers: bool = True,
) -> OwnTable:
    """Read a CSV file (plain or gzipped) with a column of formulas and one of values.

    `column` names the values; without it there must be one column of numbers only. Lines that are no formula and number are left out and told.
    Raises `UsageError` for a missing file or column, `DataError` for a damaged file, or one with fewer than 50 usable formulas.
    """
    lines, digest = _lines(path)
    head = [cell.strip() for cell in lines[0]]
    lowered = [cell.lower() for cell in head]
    formula_at = next((lowered.index(one) for one in _FORMULA_HEADS if one in lowered), None)
    if formula_at is None:
        raise UsageError(
            f"{path} has no column formula, but {', '.join(head[:6])}.", hint="Name the column formula."
        )
    value_at = _value_column(path, head, lines[1:], column=column, formula_at=formula_at)
    title = (name or head[value_at]).strip()
    if scale not in ("linear", "log10", "probability"):
        raise UsageError(f"There is no scale {scale!r}.", hint="Choose linear, log10 or probability.")
    pairs: list[tuple[str, float]] = []
    skipped: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            formula, value = line[formula_at].strip(), _number(line[value_at])
            check_covered(read_formula(formula))
        except (ValueError, IndexError):
            skipped.append(f"line {number}: no number in {head[value_at]}")
            continue
        except SpecError as error:
            skipped.append(f"line {number}: {error.message}")
            continue
        if scale == "log10" and value <= 0:
            skipped.append(f"line {number}: {value:g} has no logarithm")
            continue
        if scale == "probability" and value not in (0.0, 1.0):
            skipped.append(f"line {number}: {value:g} is neither yes nor no")
            continue
        pairs.append((formula, value))
    there = [one for one in _HELPERS if helpers and weights_path(one).is_file()]
    entry = PredictedProperty(
        name=_NAME.sub("_", title.lower()).strip("_") or "value",
        title=title,
        unit=unit,
        of=of or f"as in {path.name}",
        table=path.name,
        column=head[value_at],
        citation=f"{path.name}, sha256 {digest[:12]}",
        scale=scale,
        choice="lowest" if lowest else "median",
        helpers=tuple(there),
    )
    table = table_of(pairs, entry)
    folds = Counter(fold_of(key) for key in table.keys)
    if len(table) < FEWEST or min(folds[fold] for fold in range(FOLDS)) < 2:
        told = f" {len(skipped)} lines were left out, such as {skipped[0]}." if skipped else ""
        raise DataError(
            f"{path} has {len(table)} usable formulas; at least {FEWEST} are needed.{told}",
            hint="Give more rows, or mend those.",
        )
    if float(np.ptp(table.targets)) == 0.0:
        raise DataError(
            f"Every value of {head[value_at]} in {path} is the same.", hint="Choose another column."
        )
    return OwnTable(entry=entry, table=table, skipped=skipped)


def _lines(path: Path) -> tuple[list[list[str]], str]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no table {path}.",
            hint=f"Give a CSV file, or one of the properties that can be trained: {', '.join(PREDICTED)}.",
        ) from error
    except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is no CSV file, or is damaged.", hint="Save it as CSV in UTF-8.") from error
    lines = [line for line in csv.reader(text.splitlines()) if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise DataError(f"{path} has no rows.", hint="Give a CSV file with a head and rows.")
    return lines, hashlib.sha256(raw).hexdigest()


def _value_column(
    path: Path, head: list[str], lines: Sequence[list[str]], *, column: str, formula_at: int
) -> int:
    if column:
        if column not in head:
            raise UsageError(
                f"{path} has no column {column!r}, but {', '.join(head[:8])}.", hint="Name one of them."
            )
        return head.index(column)
    numeric = [place for place in range(len(head)) if place != formula_at and _mostly_numbers(lines, place)]
    if len(numeric) != 1:
        found = ", ".join(head[place] for place in numeric) or "none"
        raise UsageError(
            f"{path} does not say which column to learn: those with numbers are {found}.",
            hint="Name it with --column.",
        )
    return numeric[0]


def _mostly_numbers(lines: Sequence[list[str]], place: int) -> bool:
    count = 0
    for line in lines:
        try:
            _number(line[place])
        except (ValueError, IndexError):
            continue
        count += 1
    return 2 * count > len(lines)


def _number(text: str) -> float:
    word = text.strip().lower()
    if word in ("true", "yes"):
        return 1.0
    if word in ("false", "no"):
        return 0.0
    value = float(word)
    if not np.isfinite(value):
        raise ValueError(text)
    return value


def card_facts(own: OwnTable) -> dict[str, Any]:
    """What the card of a person's model must hold so that it can be read back."""
    # No file of JSON holds an infinite number.
    return {_ENTRY: {**asdict(own.entry), "floor": None}, "skipped_lines": len(own.skipped)}


def own_model(folder: Path) -> CompositionModel:
    """The model that training left in a folder. Raises `UsageError` when there is none or several, `DataError` for a damaged one."""
    return _own_model(folder, tuple((path, path.stat().st_mtime_ns) for path in _weights_in(folder)))


def _weights_in(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.glob("*.safetensors") if not path.name.endswith(".explained.safetensors")
    )


@lru_cache(maxsize=4)
def _own_model(folder: Path, files: tuple[tuple[Path, int], ...]) -> CompositionModel:
    if len(files) != 1:
        what = "no trained model" if not files else f"{len(files)} models"
        raise UsageError(
            f"{folder} holds {what}.", hint="Give the folder that `matsmith train predictor` wrote."
        )
    path = files[0][0]
    _, header = read_sealed(path, what=path.stem, hint="Train it again.")
    try:
        card = json.loads(header["card"])
        entry = PREDICTED[header["property"]] if _ENTRY not in card else _entry_of(card[_ENTRY])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no composition model.", hint="Train it again.") from error
    return load_model(path, entry=entry)


def _entry_of(stored: dict[str, Any]) -> PredictedProperty:
    fields: dict[str, Any] = {**stored, "helpers": tuple(stored["helpers"]), "floor": -np.inf}
    return PredictedProperty(**fields)


def predict_own(model: CompositionModel, formulas: Sequence[str]) -> list[Prediction]:
    """Predictions of a person's model. Raises `SpecError` for what is no composition or has unknown elements."""
    fractions = [read_formula(formula) for formula in formulas]
    for one in fractions:
        check_covered(one)
    if not fractions:
        return []
    compositions = gather(fractions)
    found = model.predict(compositions, descriptors(compositions), helper=helper_columns())
    return [
        one_of(found, row, name=model.entry.name, formula=formula, entry=model.entry)
        for row, formula in enumerate(formulas)
    ]
