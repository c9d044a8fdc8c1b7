"""Tables of known values on disk, looked up by reduced formula.

A table is a gzipped CSV file with a header, a formula and a number a row; a formula has a row for each polymorph. Parsed
tables are kept in a cache folder under the hash of their source, so that a changed file is never answered from old rows.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.knowledge.formulas import element_bits, key_elements, reduced_key
from matsmith.knowledge.table_sources import BY_PROPERTY, SOURCES, TableSource

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_GET = "Run `matsmith data get`, or set MATSMITH_DATA to the folder that holds it."
_CACHE_VERSION = 1
_WORDS = {"TRUE": 1.0, "FALSE": 0.0}


@dataclass(frozen=True, kw_only=True)
class KnownValue:
    """A value that a table holds for a formula.

    `value` is the lowest row for energies and the median over the polymorphs' rows otherwise; `spread` is the highest
    minus the lowest row, in the property's unit, and 0 for one row.
    """

    property: str
    value: float
    unit: str
    spread: float
    rows: int
    table: str
    title: str
    date: str
    citation: str
    truth: str

    @cached_property
    def label(self) -> str:
        """How a report names where the value comes from."""
        return f"known: {self.title} ({self.date})"


class Table:
    """One table, grouped by reduced formula. `values[starts[i]:starts[i + 1]]` are the rows of `keys[i]`, ascending."""

    def __init__(
        self,
        *,
        source: TableSource,
        keys: list[str],
        starts: IntArray,
        values: FloatArray,
        bits: NDArray[np.uint64],
    ) -> None:
        self.source = source
        self.keys = keys
        self._starts = starts
        self._values = values
        self._bits = bits
        self._index = {key: index for index, key in enumerate(keys)}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, formula: str) -> bool:
        return self._find(formula) is not None

    def _find(self, formula: str) -> int | None:
        found = self._index.get(formula)
        return self._index.get(reduced_key(formula)) if found is None else found

    def rows(self, formula: str) -> FloatArray:
        """Return every row of a formula, ascending, as the file has it (log10 where it is); empty when there is none."""
        found = self._find(formula)
        if found is None:
            return np.empty(0)
        return self._values[self._starts[found] : self._starts[found + 1]]

    def credible(self, formula: str) -> FloatArray:
        """Return the rows of a formula that tell of it, ascending, in the source's unit; empty when there is none."""
        rows = self.rows(formula)
        rows = 10.0**rows if self.source.log10 else rows
        return rows[rows <= self.source.credible]

    def chosen(self, rows: FloatArray) -> float:
        """Return the one of a formula's rows (ascending, at least one) that stands for it, by the source's choice."""
        choices = {"lowest": rows[0], "lower median": rows[(len(rows) - 1) // 2], "median": np.median(rows)}
        return float(choices[self.source.choice])

    def lowest(self) -> FloatArray:
        """Return the lowest row of each key, shape (len(keys),)."""
        return self._values[self._starts[:-1]]

    def within(self, elements: Collection[str]) -> IntArray:
        """Return the indices of the keys made of these elements only, ascending."""
        low, high = element_bits(elements)
        outside = np.array([~low & (2**64 - 1), ~high & (2**64 - 1)], dtype=np.uint64)
        return np.flatnonzero(~(self._bits & outside).any(axis=1))


class KnownTables:
    """The tables of one data folder, each parsed when first asked for.

    `cache_dir` keeps parsed tables for the next start; without one, or where it cannot be written, they are parsed again.
    """

    def __init__(self, data_dir: Path | None, *, cache_dir: Path | None = None) -> None:
        self.data_dir = data_dir
        self.cache_dir = cache_dir
        self._loaded: dict[str, Table] = {}

    def has(self, name: str) -> bool:
        """Say whether the folder holds a table's file."""
        return self.data_dir is not None and (self.data_dir / SOURCES[name].file).is_file()

    def names(self) -> list[str]:
        """Return the names of the tables whose files are there."""
        return [name for name in SOURCES if self.has(name)]

    def table(self, name: str) -> Table:
        """Return a table. Raises `UsageError` for a name that is not listed, `DataError` when its file is missing or damaged."""
        if name not in SOURCES:
            raise UsageError(f"There is no table {name!r}.", hint=f"Choose one of {', '.join(SOURCES)}.")
        if name not in self._loaded:
            source = SOURCES[name]
            if self.data_dir is None:
                raise DataError(f"The table {name} is not here: no data folder is set.", hint=_GET)
            self._loaded[name] = load_table(
                self.data_dir / source.file, source=source, cache_dir=self.cache_dir
            )
        return self._loaded[name]

    def lookup(self, property_name: str, formula: str) -> KnownValue | None:
        """Return what is known of a formula, or None when no table at hand holds it. Raises `DataError` for a damaged table."""
        source = BY_PROPERTY.get(property_name)
        if source is None or not self.has(source.name):
            return None
        table = self.table(source.name)
        rows = table.credible(formula)
        if not len(rows):
            return None
        return KnownValue(
            property=property_name,
            value=table.chosen(rows),
            unit=source.unit,
            spread=float(rows[-1] - rows[0]),
            rows=len(rows),
            table=source.name,
            title=source.title,
            date=source.date,
            citation=source.citation,
            truth=source.truth,
        )

    def known_formulas(self, property_name: str | None = None) -> frozenset[str]:
        """Return the reduced keys that the table of a property holds, or those of every table at hand."""
        if property_name is None:
            return frozenset(key for name in self.names() for key in self.table(name).keys)
        source = BY_PROPERTY.get(property_name)
        return frozenset(self.table(source.name).keys) if source and self.has(source.name) else frozenset()


def load_table(path: Path, *, source: TableSource, cache_dir: Path | None = None) -> Table:
    """Read a table from its file, or from the cache made of the very same file. Raises `DataError`."""
    try:
        packed = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"The table {path} is not there.", hint=_GET) from error
    except OSError as error:
        raise DataError(
            f"The table {path} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error
    digest = hashlib.sha256(packed).hexdigest()[:20]
    cached = None if cache_dir is None else cache_dir / f"{source.name}-{digest}-v{_CACHE_VERSION}.npz"
    if cached is not None and (found := _read_cache(cached, source=source)) is not None:
        return found
    keys, values = _parse(packed, path=path, source=source)
    table = _group(keys, values, source=source)
    if cached is not None:
        _write_cache(cached, table)
    return table


def _parse(packed: bytes, *, path: Path, source: TableSource) -> tuple[list[str], FloatArray]:
    again = "Delete it and run `matsmith data get`, or copy it again."
    try:
        text = gzip.decompress(packed).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"The table {path} is damaged or cut short.", hint=again) from error
    lines: Iterator[list[str]] = csv.reader(io.StringIO(text, newline=""))
    header: list[str] = next(lines, list[str]())
    if header[:2] != ["formula", source.column]:
        raise DataError(
            f"The table {path} has the columns {', '.join(header) or 'none'}, not formula, {source.column}.",
            hint=again,
        )
    keys: list[str] = []
    values: list[float] = []
    for number, line in enumerate(lines, start=2):
        try:
            formula, text_value = line
            word = _WORDS.get(text_value.upper())
            values.append(float(text_value) if word is None else word)
            keys.append(reduced_key(formula))
        except (ValueError, SpecError) as error:
            raise DataError(f"Line {number} of {path} is not a formula and a number.", hint=again) from error
    found = np.array(values)
    if not keys:
        raise DataError(f"The table {path} is empty.", hint=again)
    if not np.isfinite(found).all():
        number = int(np.flatnonzero(~np.isfinite(found))[0]) + 2
        raise DataError(f"Line {number} of {path} holds {found[number - 2]}.", hint=again)
    return keys, found


def _group(keys: list[str], values: FloatArray, *, source: TableSource) -> Table:
    unique = sorted(set(keys))
    place = {key: index for index, key in enumerate(unique)}
    owner = np.array([place[key] for key in keys], dtype=np.int64)
    return Table(
        source=source,
        keys=unique,
        starts=np.concatenate([[0], np.cumsum(np.bincount(owner))]).astype(np.int64),
        values=values[np.lexsort((values, owner))],
        bits=np.array([element_bits(key_elements(key)) for key in unique], dtype=np.uint64),
    )


def _write_cache(path: Path, table: Table) -> None:
    """Keep a parsed table; a folder that cannot be written costs time at the next start and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as target:
            np.savez(
                target,
                keys=np.frombuffer("\n".join(table.keys).encode(), dtype=np.uint8),
                starts=table._starts,  # pyright: ignore[reportPrivateUsage]
                values=table._values,  # pyright: ignore[reportPrivateUsage]
                bits=table._bits,  # pyright: ignore[reportPrivateUsage]
            )
        Path(target.name).replace(path)
    except OSError:
        return


def _read_cache(path: Path, *, source: TableSource) -> Table | None:
    """Return a kept table, or None when there is none or it is damaged (it is then made again)."""
    try:
        with np.load(path, allow_pickle=False) as held:
            keys = bytes(held["keys"]).decode().split("\n")
            starts, values, bits = held["starts"], held["values"], held["bits"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    if len(starts) != len(keys) + 1 or len(bits) != len(keys) or starts[-1] != len(values):
        return None
    return Table(source=source, keys=keys, starts=starts, values=values, bits=bits)
