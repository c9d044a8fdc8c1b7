"""A person's table of crystals: CIF texts, the value to learn, the conditions it was found at; folds by composition as everywhere."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.predictors.compositions import FloatArray, IntArray, composition_key, fold_of

if TYPE_CHECKING:
    from matsmith.models.diffusion.data_builder import ReadCrystal

STRUCTURE_HEADS = ("cif", "structure")
MAX_ATOMS = 100
FEWEST = 60


@dataclass(frozen=True, kw_only=True)
class StructureTable:
    """`m` crystals with `values` (m,), `conditions` (m, c) named by `condition_names`, not a number where unknown, and `folds` (m,)."""

    crystals: list[CrystalArrays]
    values: FloatArray
    conditions: FloatArray
    condition_names: tuple[str, ...]
    folds: IntArray
    skipped: dict[str, int]

    def __len__(self) -> int:
        return len(self.crystals)


def structure_column(head: Sequence[str]) -> str | None:
    """The column that holds structures, or None."""
    return next((name for name in head if name.strip().lower() in STRUCTURE_HEADS), None)


def head_of(path: Path) -> list[str]:
    """Names of the columns of a CSV file, gzipped or not. Raises `DataError` when it cannot be read."""
    return next(_lines(path), list[str]())


def read_structure_table(
    path: Path, *, column: str, conditions: Sequence[str] = (), limit: int | None = None
) -> StructureTable:
    """Read a CSV file with a column of CIF texts. Rows whose crystal or value cannot be read are left out and counted.

    Raises `UsageError` for a missing column, `DataError` for a damaged file or too few usable rows.
    """
    from matsmith.models.diffusion.data_builder import SourceRow, read_crystal

    lines = _lines(path)
    head = next(lines, list[str]())
    at = structure_column(head)
    for name in (column, *conditions):
        if name not in head:
            raise UsageError(
                f"{path.name} has no column {name!r}, but {', '.join(head[:10])}.", hint="Name one of them."
            )
    if at is None:
        raise UsageError(f"{path.name} has no column cif.", hint="One column must hold the CIF texts.")
    crystals: list[CrystalArrays] = []
    values: list[float] = []
    held: list[list[float]] = []
    folds: list[int] = []
    skipped: Counter[str] = Counter()
    for number, line in enumerate(lines):
        if limit is not None and len(crystals) >= limit:
            break
        cells = dict(zip(head, line, strict=False))
        value = _number(cells.get(column, ""))
        if not np.isfinite(value):
            skipped["no value"] += 1
            continue
        found = read_crystal(SourceRow(str(number), cells.get(at, "")), max_atoms=MAX_ATOMS, symmetry=False)
        if found.problem:
            skipped[found.problem] += 1
            continue
        crystals.append(arrays_of(found))
        values.append(value)
        held.append([_number(cells.get(name, "")) for name in conditions])
        folds.append(fold_of(key_of(found)))
    if len(crystals) < FEWEST or len(set(folds)) < 2:
        told = ", ".join(f"{count} {why}" for why, count in skipped.items()) or "none was left out"
        raise DataError(
            f"{path.name} has {len(crystals)} usable crystals ({told}); at least {FEWEST} are needed.",
            hint="Give more rows, or mend those.",
        )
    if float(np.ptp(values)) == 0.0:
        raise DataError(f"Every value of {column} is the same.", hint="Choose another column.")
    return StructureTable(
        crystals=crystals,
        values=np.array(values),
        conditions=np.array(held, dtype=np.float64).reshape(len(crystals), len(conditions)),
        condition_names=tuple(conditions),
        folds=np.array(folds, dtype=np.int64),
        skipped=dict(skipped),
    )


def arrays_of(found: ReadCrystal) -> CrystalArrays:
    """A crystal that was read, as plain arrays."""
    return CrystalArrays(numbers=found.numbers, frac_coords=found.frac, lattice_angstrom=found.lattice)


def key_of(found: ReadCrystal) -> str:
    """The name of its composition."""
    numbers: list[int] = found.numbers.tolist()
    counts = Counter(SYMBOLS[number - 1] for number in numbers)
    return composition_key({symbol: float(count) for symbol, count in counts.items()})


def read_cif(path: Path) -> CrystalArrays:
    """One CIF file. Raises `DataError` when it cannot be read, is disordered or has more than 100 atoms."""
    from matsmith.models.diffusion.data_builder import SourceRow, read_crystal

    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read.", hint="Give a CIF file.") from error
    found = read_crystal(SourceRow(path.stem, text), max_atoms=MAX_ATOMS, symmetry=False)
    if found.problem:
        raise DataError(f"{path.name} is {found.problem}.", hint="Give the CIF of an ordered crystal.")
    return arrays_of(found)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _lines(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(10_000_000)
    try:
        with (
            gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream,
        ):
            yield from csv.reader(stream)
    except FileNotFoundError as error:
        raise UsageError(f"There is no table {path}.", hint="Give a CSV file.") from error
    except (OSError, EOFError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} cannot be read.", hint="It must be a CSV file, gzipped or not."
        ) from error
