"""Puts sources of crystals together into one table to train a generator on: read, labelled, without duplicates, split."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.exchange import Exchange
from matsmith.models.diffusion.data_blocks import KeptBlocks
from matsmith.models.diffusion.data_builder import (
    SourceRow,
    build_table,
    find_source,
    rows_of_csv,
    rows_of_folder,
)
from matsmith.models.diffusion.data_format import (
    CrystalTable,
    join_tables,
    load_table,
    mark_lowest,
    save_table,
    split_by_type,
)
from matsmith.tools.duplicates import merge
from matsmith.tools.reference_builder import append_line, read_lines
from matsmith.tools.training_builder import ROWS, decorated_rows, is_work
from matsmith.tools.training_labels import Hulls, composition_moduli, static_moduli
from matsmith.tools.training_rows import shipped_rows

SHIPPED, PROJECT = "shipped", "materials-project"
BULK = "bulk_modulus_gpa"
Moduli = Literal["composition", "static", "none"]
Split = Literal["formula", "type"]
_GROUP = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """How the table is made. `elements`, `above_hull_ev_per_atom` and `limit` choose among the Materials Project's crystals."""

    max_atoms: int = 20
    split: Split = "formula"
    moduli: Moduli = "composition"
    workers: int = 1
    elements: tuple[str, ...] = ()
    above_hull_ev_per_atom: float = 0.1
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.max_atoms < 1 or self.workers < 1 or (self.limit is not None and self.limit < 1):
            raise UsageError("Atoms, workers and the limit must be above zero.", hint="20 and 1 are usual.")
        if self.split not in ("formula", "type") or self.moduli not in ("composition", "static", "none"):
            raise UsageError(
                "Split by formula or type; moduli are composition, static or none.", hint="See --help."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The table that was made, rows of each source, what was skipped and why, and which references the labels rest on."""

    table: CrystalTable
    read: dict[str, int]
    skipped: Counter[str]
    duplicates: int
    tiers: Counter[str] = field(default_factory=Counter[str])


def assemble(
    sources: Sequence[str],
    out: Path,
    *,
    wanted: TableSettings,
    settings: Settings,
    exchange: Exchange | None = None,
    quiet: bool = True,
    report: Callable[[str, int, int], None] | None = None,
) -> Assembled:
    """Make the table of these sources and write it; a call that was stopped goes on with the blocks that it had read.

    A source is `shipped`, `materials-project`, a CSV file with a cif column, a folder of CIFs, a folder of `matsmith data decorate`, or a table.
    Raises `DataError` for a source that cannot be read or holds no crystal, `UsageError` where the project is asked without an exchange.
    """
    if not sources:
        raise UsageError("Name at least one source.", hint="Such as shipped, a CSV file or a folder of CIFs.")
    hulls = Hulls(data_dir=settings.data_dir, cache_dir=settings.cache_dir)
    parts = out.with_name(out.name + ".parts")
    tables: list[CrystalTable] = []
    read: dict[str, int] = {}
    skipped: Counter[str] = Counter()
    for source in sources:
        found, left_out = _read(
            source, wanted=wanted, hulls=hulls, exchange=exchange, parts=parts, quiet=quiet
        )
        tables.append(found)
        skipped += left_out
        read[source] = len(found)
    table, duplicates = without_duplicates(join_tables(tables), report=report)
    table = _with_moduli(table, wanted.moduli, settings=settings, kept=parts / "moduli.jsonl", report=report)
    if wanted.split == "type":
        table = split_by_type(table)
    table = mark_lowest(table)
    save_table(table, out)
    shutil.rmtree(parts, ignore_errors=True)
    return Assembled(table=table, read=read, skipped=skipped, duplicates=duplicates, tiers=hulls.tiers)


def _read(
    source: str,
    *,
    wanted: TableSettings,
    hulls: Hulls,
    exchange: Exchange | None,
    parts: Path,
    quiet: bool,
) -> tuple[CrystalTable, Counter[str]]:
    skipped: Counter[str] = Counter()
    if source == SHIPPED:
        rows, stamp = shipped_rows(hulls, max_atoms=wanted.max_atoms, skipped=skipped), ""
    elif source == PROJECT:
        if exchange is None:
            raise UsageError("There is no key for the Materials Project.", hint="Set MP_API_KEY.")
        rows, stamp = project_rows(exchange, wanted=wanted), repr(wanted)
    else:
        path = find_source(source)
        if path.suffix == ".npz":
            return load_table(path), skipped
        if path.is_dir() and is_work(path):
            rows, stamp = decorated_rows(path, hulls), _stamp(path / ROWS) + hulls.stamp
        elif path.is_dir():
            rows, stamp = rows_of_folder(path), "".join(_stamp(file) for file in sorted(path.rglob("*.cif")))
        else:
            rows, stamp = rows_of_csv(path), _stamp(path)
    identity = f"{source}|{stamp}|{wanted.max_atoms}"
    # The project's pages are kept by the exchange, and what ships is read in a minute: blocks are for files.
    kept = KeptBlocks(parts, identity=identity) if stamp and source != PROJECT else None
    table, left_out = build_table(
        rows, max_atoms=wanted.max_atoms, symmetry=True, workers=wanted.workers, quiet=quiet, kept=kept
    )
    return table, skipped + left_out


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{path}:{stat.st_size}:{stat.st_mtime_ns};"


def project_rows(exchange: Exchange, *, wanted: TableSettings) -> Iterator[SourceRow]:
    """Yield the Materials Project's crystals; one without a sound crystal comes as an empty row, which is counted as unreadable."""
    from matsmith.knowledge.project_structures import project_crystals

    for found in project_crystals(
        exchange,
        elements=wanted.elements,
        atoms_max=wanted.max_atoms,
        above_hull_ev_per_atom=wanted.above_hull_ev_per_atom,
        limit=wanted.limit,
    ):
        yield SourceRow(found.id, properties=found.properties, crystal=found.crystal)


def crystal_at(table: CrystalTable, row: int) -> Crystal:
    """One crystal of a table."""
    numbers, frac = table.atoms_of(row)
    kinds: list[int] = numbers.tolist()
    return Crystal(
        lattice=table.lattice[row].astype(float).tolist(),
        species=tuple(SYMBOLS[number - 1] for number in kinds),
        positions=frac.astype(float).tolist(),
    )


def without_duplicates(
    table: CrystalTable, *, report: Callable[[str, int, int], None] | None = None
) -> tuple[CrystalTable, int]:
    """Return the table with each crystal once, the one of which most is known, and how many were left out."""
    by_formula: dict[str, list[int]] = {}
    for row, formula in enumerate(table.formulas):
        by_formula.setdefault(formula, []).append(row)
    known = np.sum([np.isfinite(values) for values in table.properties.values()], axis=0)
    dropped: set[int] = set()
    several = [rows for rows in by_formula.values() if len(rows) > 1]
    for done, rows in enumerate(several, start=1):
        ordered = sorted(rows, key=lambda row: (-int(known[row]), row))
        seen: set[int] = set()
        for row, group in zip(ordered, merge([crystal_at(table, row) for row in ordered]), strict=True):
            if group in seen:
                dropped.add(row)
            seen.add(group)
        if report is not None:
            report("comparing formulas", done, len(several))
    keep = np.array([row for row in range(len(table)) if row not in dropped], dtype=np.int64)
    return table.select(keep), len(dropped)


def _with_moduli(
    table: CrystalTable,
    moduli: Moduli,
    *,
    settings: Settings,
    kept: Path,
    report: Callable[[str, int, int], None] | None,
) -> CrystalTable:
    """Fill in the bulk moduli that the sources do not tell: by static energies where asked for, then by the composition model."""
    values = table.properties.get(BULK, np.full(len(table), np.nan, np.float32)).copy()
    if moduli == "static":
        _fill_static(table, values, settings=settings, kept=kept, report=report)
    missing = np.flatnonzero(~np.isfinite(values))
    if moduli != "none" and len(missing):
        values[missing] = composition_moduli([table.formulas[row] for row in missing.tolist()])
    return replace(table, properties=table.properties | {BULK: values})


def _fill_static(
    table: CrystalTable,
    values: NDArray[np.float32],
    *,
    settings: Settings,
    kept: Path,
    report: Callable[[str, int, int], None] | None,
) -> None:
    from matsmith.models.potentials.interface import CrystalArrays
    from matsmith.tools.potential import default_potential

    potential = default_potential(settings)
    held = read_lines(kept, key="crystal")
    todo: list[tuple[int, str, CrystalArrays]] = []
    for row in np.flatnonzero(~np.isfinite(values)).tolist():
        numbers, frac = table.atoms_of(row)
        arrays = CrystalArrays(
            numbers=numbers, frac_coords=frac.astype(float), lattice_angstrom=table.lattice[row].astype(float)
        )
        digest = hashlib.sha256(numbers.tobytes() + frac.tobytes() + table.lattice[row].tobytes()).hexdigest()
        line = held.get((digest,))
        if line is None:
            todo.append((row, digest, arrays))
        elif line["gpa"] is not None:
            values[row] = line["gpa"]
    kept.parent.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(todo), _GROUP):
        group = todo[start : start + _GROUP]
        found = static_moduli([arrays for _, _, arrays in group], potential=potential)
        for (row, digest, _), gpa in zip(group, found, strict=True):
            # As it is kept: a build that goes on gives what one in a single go gives.
            told = round(gpa, 3) if np.isfinite(gpa) else None
            append_line(kept, {"crystal": digest, "gpa": told})
            values[row] = np.nan if told is None else told
        if report is not None:
            report("bulk moduli", start + len(group), len(todo))


def check_sources(sources: Sequence[str]) -> None:
    """Raise `DataError` at once for a source that is not there, before hours go into the others."""
    for source in sources:
        if source not in (SHIPPED, PROJECT):
            path = find_source(source)
            if path.is_dir() and not is_work(path) and next(path.rglob("*.cif"), None) is None:
                raise DataError(
                    f"There is no .cif file in {path}.", hint="Name a folder with CIFs or a CSV file."
                )
