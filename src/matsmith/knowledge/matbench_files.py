"""The Matbench v0.1 files: where each is, how to know it, and how its rows become rows of our tables.

A file is a gzipped JSON object with `columns`, `index` and `data` (one list a row); the crystals are pymatgen dictionaries.
The largest unpacks to more than a gigabyte, so that rows are decoded one at a time and only formula and value are kept.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from matsmith.core.errors import DataError, SpecError
from matsmith.knowledge.formulas import reduced_key

_CHUNK_CHARACTERS = 1 << 20
_SPACE = " \t\r\n"


@dataclass(frozen=True, kw_only=True)
class Download:
    """One file: its address, its fingerprint and number of rows where known, its value column, and the table it becomes."""

    table: str
    column: str
    url: str
    value_column: str
    rows: int | None
    sha256: str | None
    needed: bool = True

    @property
    def file(self) -> str:
        """Name of the table's file in the data folder."""
        return f"{self.table}.csv.gz"


def _matbench(name: str) -> str:
    return f"https://ml.materialsproject.org/projects/matbench_{name}.json.gz"


# Value columns and row counts: Dunn et al. 2020; fingerprints: the data set list of matminer, where it states one.
DOWNLOADS: tuple[Download, ...] = (
    Download(
        table="mp_formation_energy",
        column="formation_energy_eV_per_atom",
        url=_matbench("mp_e_form"),
        value_column="e_form",
        rows=132_752,
        sha256="dedcb1d4ba2e3e50dbdd45ba5bc647a00e9c2bcf8f8bf556dc8e92caa39eb21f",
    ),
    Download(
        table="mp_log10_bulk_modulus",
        column="log10_K_VRH_GPa",
        url=_matbench("log_kvrh"),
        value_column="log10(K_VRH)",
        rows=10_987,
        sha256="44b113ddb7e23aa18731a62c74afa7e5aa654199e0db5f951c8248a00955c9cd",
    ),
    Download(
        table="mp_log10_shear_modulus",
        column="log10_G_VRH_GPa",
        url=_matbench("log_gvrh"),
        value_column="log10(G_VRH)",
        rows=10_987,
        sha256=None,
    ),
    Download(
        table="mp_band_gap",
        column="band_gap_eV",
        url=_matbench("mp_gap"),
        value_column="gap pbe",
        rows=106_113,
        sha256="58b65746bd88329986ed66031a2ac1369c7c522f7bc9f9081528e07097c2c057",
    ),
    Download(
        table="expt_band_gap",
        column="band_gap_eV",
        url=_matbench("expt_gap"),
        value_column="gap expt",
        rows=4_604,
        sha256=None,
    ),
    Download(
        table="mp_refractive_index",
        column="refractive_index",
        url=_matbench("dielectric"),
        value_column="n",
        rows=4_764,
        sha256="83befa09bc2ec2f4b6143afc413157827a90e5e2e42c1eb507ccfa01bf26a1d6",
    ),
    Download(
        table="mp_phonon_peak",
        column="last_phdos_peak_per_cm",
        url=_matbench("phonons"),
        value_column="last phdos peak",
        rows=1_265,
        sha256=None,
        needed=False,
    ),
    Download(
        table="jarvis_exfoliation_energy",
        column="exfoliation_energy_meV_per_atom",
        url=_matbench("jdft2d"),
        value_column="exfoliation_en",
        rows=636,
        sha256="26057dc4524e193e32abffb296ce819b58b6e11d1278cae329a2f97817a4eddf",
        needed=False,
    ),
    Download(
        table="expt_metallic_glass",
        column="forms_glass",
        url=_matbench("glass"),
        value_column="gfa",
        rows=5_680,
        sha256=None,
        needed=False,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How many rows a table got, and how many of the file's rows were left out for want of a formula or a number."""

    rows: int
    dropped: int


def convert(source: Path, target: Path, *, download: Download) -> Conversion:
    """Write a table from a Matbench file, whole or not at all.

    Raises `DataError` when the file is cut short or no such file, lacks the value column, or has another number of rows
    than it should, and when the table cannot be written.
    """
    again = "Run `matsmith data get` again."
    rows: list[tuple[str, float]] = []
    dropped = 0
    try:
        with gzip.open(source, "rt", encoding="utf-8") as text:
            for formula, value in _formula_values(cast("TextIO", text), value_column=download.value_column):
                if formula and math.isfinite(value):
                    rows.append((formula, value))
                else:
                    dropped += 1
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{source.name} is cut short or no Matbench file.", hint=again, retryable=True
        ) from error
    found = len(rows) + dropped
    if download.rows is not None and found != download.rows:
        raise DataError(
            f"{source.name} has {found} rows and not {download.rows}.", hint=again, retryable=True
        )
    if not rows:
        raise DataError(f"{source.name} has no row with a formula and a number.", hint=again)
    _write_table(target, rows, column=download.column)
    return Conversion(rows=len(rows), dropped=dropped)


def _write_table(target: Path, rows: list[tuple[str, float]], *, column: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["formula", column])
    writer.writerows((formula, repr(value)) for formula, value in rows)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            # No time stamp in the file: the same rows make the same bytes.
            part.write(gzip.compress(text.getvalue().encode(), mtime=0))
        Path(part.name).chmod(0o644)
        Path(part.name).replace(target)
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error.strerror}.",
            hint="Free some space, or choose another data folder.",
        ) from error


def _formula_values(text: TextIO, *, value_column: str) -> Iterator[tuple[str, float]]:
    """Yield formula (empty where there is none) and value (NaN where there is none) of each row."""
    reader = _Reader(text)
    columns: list[str] | None = None
    waiting: list[list[Any]] = []
    reader.expect("{")
    while True:
        name = reader.value()
        reader.expect(":")
        if name != "data":
            value = reader.value()
            if name == "columns":
                columns = [str(column) for column in value]
        else:
            for cells in reader.items():
                slim = [
                    _formula_of(cast("dict[str, Any]", cell)) if isinstance(cell, dict) else cell
                    for cell in cells
                ]
                if columns is None:
                    waiting.append(slim)
                else:
                    yield _pick(slim, columns=columns, value_column=value_column)
        if reader.next_mark() == "}":
            break
    if columns is None:
        raise json.JSONDecodeError("no columns", "", 0)
    for slim in waiting:
        yield _pick(slim, columns=columns, value_column=value_column)


def _pick(cells: list[Any], *, columns: list[str], value_column: str) -> tuple[str, float]:
    first = next((name for name in ("structure", "composition", "formula") if name in columns), None)
    if first is None or value_column not in columns or len(cells) != len(columns):
        raise DataError(
            f"A Matbench file has the columns {', '.join(columns)}, without {value_column}.",
            hint="It is not the file that matsmith knows: report it.",
        )
    formula, value = cells[columns.index(first)], cells[columns.index(value_column)]
    try:
        reduced_key(formula)
    except (SpecError, TypeError, AttributeError):
        formula = ""
    number = float(value) if isinstance(value, (int, float)) else math.nan
    return str(formula), number


def _formula_of(crystal: dict[str, Any]) -> str:
    """Return the formula of a pymatgen structure dictionary's cell, symbols in alphabetical order; empty when it is none."""
    amounts: dict[str, float] = {}
    try:
        for site in crystal["sites"]:
            for species in site["species"]:
                symbol = str(species["element"])
                amounts[symbol] = amounts.get(symbol, 0.0) + float(species["occu"])
    except (KeyError, TypeError, ValueError):
        return ""
    return "".join(f"{symbol}{amounts[symbol]:g}" for symbol in sorted(amounts))


class _Reader:
    """Decodes JSON values from a stream, holding one value and a chunk of text."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._place = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def _more(self) -> bool:
        chunk = self._text.read(max(_CHUNK_CHARACTERS, len(self._buffer) - self._place))
        self._buffer = self._buffer[self._place :] + chunk
        self._place = 0
        self._ended = not chunk
        return bool(chunk)

    def next_mark(self) -> str:
        """Return the next character that is not white space, and pass it."""
        while True:
            while self._place < len(self._buffer):
                mark = self._buffer[self._place]
                self._place += 1
                if mark not in _SPACE:
                    return mark
            if not self._more():
                raise json.JSONDecodeError("the text ends too early", "", 0)

    def expect(self, mark: str) -> None:
        """Pass a character that has to come next."""
        if self.next_mark() != mark:
            raise json.JSONDecodeError(f"there is no {mark}", "", 0)

    def value(self) -> Any:
        """Return the next value, and pass it."""
        self.next_mark()
        self._place -= 1
        while True:
            try:
                found, end = self._decode(self._buffer, self._place)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # A number at the very end of the chunk may go on in the next one.
            if end == len(self._buffer) and not self._ended and self._more():
                continue
            self._place = end
            return found

    def items(self) -> Iterator[Any]:
        """Yield the values of the array that comes next, one at a time."""
        self.expect("[")
        if self.next_mark() == "]":
            return
        self._place -= 1
        while True:
            yield self.value()
            mark = self.next_mark()
            if mark == "]":
                return
            if mark != ",":
                raise json.JSONDecodeError("there is no comma", "", 0)
