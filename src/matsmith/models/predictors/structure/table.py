"""A person's table of crystals: CIF texts in a CSV file, or a file of `matsmith data crystals`; the value to learn, the conditions it was found at; folds by composition as everywhere."""

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
    from matsmith.models.diffusion.data_format import CrystalTable

STRUCTURE_HEADS = ("cif", "structure")
MAX_ATOMS = 100
FEWEST = 60
CRYSTALS = ".npz"
"""Ending of the files that `matsmith data crystals` writes."""


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
    """Names of the columns of a CSV file, gzipped or not, or of what a file of crystals knows. Raises `DataError` when it cannot be read."""
    if path.suffix == CRYSTALS:
        from matsmith.models.diffusion.data_format import load_table

        return [STRUCTURE_HEADS[1], *load_table(path).properties]
    return next(_lines(path), list[str]())


def read_structure_table(
    path: Path, *, column: str, conditions: Sequence[str] = (), limit: int | None = None
) -> StructureTable:
    """Read a CSV file with a column of CIF texts, or a file of crystals. Rows whose crystal or value cannot be read are left out and counted.

    Raises `UsageError` for a missing column, `DataError` for a damaged file or too few usable rows.
    """
    head = head_of(path)
    for name in (column, *conditions):
        if name not in head:
            raise UsageError(
                f"{path.name} has no column {name!r}, but {', '.join(head[:10])}.", hint="Name one of them."
            )
    if structure_column(head) is None:
        raise UsageError(f"{path.name} has no column cif.", hint="One column must hold the CIF texts.")
    rows = _stored if path.suffix == CRYSTALS else _written
    crystals: list[CrystalArrays] = []
    values: list[float] = []
    held: list[list[float]] = []
    skipped: Counter[str] = Counter()
    for row in rows(path, names=(column, *conditions)):
        if limit is not None and len(crystals) >= limit:
            break
        if isinstance(row, str):
            skipped[row] += 1
            continue
        crystal, (value, *own) = row
        crystals.append(crystal)
        values.append(value)
        held.append(own)
    folds = [fold_of(key_of(crystal)) for crystal in crystals]
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


Row = tuple[CrystalArrays, list[float]] | str
"""A crystal with its value and conditions, or why it is left out."""
_NO_VALUE = "no value"


def _written(path: Path, *, names: Sequence[str]) -> Iterator[Row]:
    """Rows of a CSV file."""
    from matsmith.models.diffusion.data_builder import SourceRow, read_crystal

    lines = _lines(path)
    head = next(lines)
    at = structure_column(head)
    for number, line in enumerate(lines):
        cells = dict(zip(head, line, strict=False))
        values = [_number(cells.get(name, "")) for name in names]
        if not np.isfinite(values[0]):
            yield _NO_VALUE
            continue
        found = read_crystal(
            SourceRow(str(number), cells.get(at or "", "")), max_atoms=MAX_ATOMS, symmetry=False
        )
        yield found.problem or (arrays_of(found), values)


def _stored(path: Path, *, names: Sequence[str]) -> Iterator[Row]:
    """Rows of a file of crystals."""
    from matsmith.models.diffusion.data_format import load_table

    table = load_table(path)
    for place, crystal in enumerate(crystals_of(table)):
        values = [float(table.properties[name][place]) for name in names]
        yield (crystal, values) if np.isfinite(values[0]) else _NO_VALUE


def crystals_of(table: CrystalTable) -> list[CrystalArrays]:
    """The crystals of a file, one by one."""
    return [
        CrystalArrays(
            numbers=table.numbers[begin : begin + count],
            frac_coords=table.frac[begin : begin + count].astype(np.float64),
            lattice_angstrom=lattice.astype(np.float64),
        )
        for begin, count, lattice in zip(
            table.starts.tolist(), table.counts.tolist(), table.lattice, strict=True
        )
    ]


def arrays_of(found: ReadCrystal) -> CrystalArrays:
    """A crystal that was read, as plain arrays."""
    return CrystalArrays(numbers=found.numbers, frac_coords=found.frac, lattice_angstrom=found.lattice)


def key_of(crystal: CrystalArrays) -> str:
    """The name of its composition."""
    numbers: list[int] = crystal.numbers.tolist()
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
