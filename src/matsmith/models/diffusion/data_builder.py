"""Builds the table of crystals that training reads, from CSV files with a CIF column, a folder of CIFs, or crystals at hand.

CSV columns are those of Perov-5, Carbon-24 and MP-20 (Xie et al. 2022, CDVAE), of Alex-MP-20 (Zeni et al. 2025, MatterGen) and of tables like
them: `cif`, `material_id` and any of the properties in `COLUMNS`. A name without a folder is looked for in the data folder (`MATSMITH_DATA`) too.
Cells are Niggli-reduced; crystals that are unreadable, disordered or too large are skipped and counted. Splits are by reduced formula, see
`data_format.split_of`. `matsmith data crystals` is the command.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.core.orphans import end_with_parent
from matsmith.core.space_group import crystal_system, spglib_or_none, system_number
from matsmith.models.diffusion.data_blocks import KeptBlocks
from matsmith.models.diffusion.data_format import CrystalTable, formula_key, join_tables, split_of

if TYPE_CHECKING:
    from matsmith.core.crystal import Crystal

COLUMNS = {
    "heat_ref": "formation_energy_ev_per_atom",
    "formation_energy_per_atom": "formation_energy_ev_per_atom",
    "ind_gap": "band_gap_ev",
    "band_gap": "band_gap_ev",
    "dft_band_gap": "band_gap_ev",
    "dir_gap": "direct_band_gap_ev",
    "energy_per_atom": "energy_ev_per_atom",
    "e_above_hull": "energy_above_hull_ev_per_atom",
    "energy_above_hull": "energy_above_hull_ev_per_atom",
    "dft_bulk_modulus": "bulk_modulus_gpa",
}
"""Property columns that are read, and what they are called in the table."""
_SYMMETRY_TOLERANCE_A = 0.1
_BLOCK = 2000


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One crystal as it was found: its name, the text of its CIF or itself, and its properties by their names in the table."""

    name: str
    cif: str = ""
    properties: dict[str, float] = field(default_factory=dict[str, float])
    crystal: Crystal | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReadCrystal:
    """One crystal read: numbers (n,), frac (n, 3), lattice (3, 3) in Å; or the reason why it was not."""

    row: SourceRow
    numbers: NDArray[np.int64]
    frac: NDArray[np.float64]
    lattice: NDArray[np.float64]
    problem: str = ""
    derived: dict[str, float] = field(default_factory=dict[str, float])
    kind: str = ""


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def rows_of_csv(path: Path) -> Iterator[SourceRow]:
    """Yield the rows of a CSV file with a `cif` column, gzipped or not. Raises `DataError` when there is no such column."""
    csv.field_size_limit(10_000_000)
    try:
        with (
            gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8", newline="") as stream,
        ):
            reader = csv.DictReader(stream)
            if "cif" not in (reader.fieldnames or ()):
                raise DataError(
                    f"{path.name} has no column called cif.", hint="One column must hold the CIF texts."
                )
            for index, line in enumerate(reader):
                found = {COLUMNS[key]: _number(value) for key, value in line.items() if key in COLUMNS}
                yield SourceRow(line.get("material_id") or f"row-{index}", line["cif"] or "", found)
    except (OSError, EOFError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} cannot be read.", hint="It must be a CSV file, gzipped or not."
        ) from error


def rows_of_folder(path: Path) -> Iterator[SourceRow]:
    """Yield the CIF files of a folder and its subfolders, by name. Raises `DataError` when there is none."""
    files = sorted(path.rglob("*.cif"))
    if not files:
        raise DataError(f"There is no .cif file in {path}.", hint="Name a folder with CIFs or a CSV file.")
    for file in files:
        yield SourceRow(file.stem, file.read_text(encoding="utf-8", errors="replace"))


def find_source(name: str) -> Path:
    """Return the path of a source, looked for here and in the data folder. Raises `DataError` when it is in neither."""
    here = Path(name)
    if here.exists():
        return here
    from matsmith.core.settings import load_settings

    there = load_settings().data_dir / name
    if there.exists():
        return there
    raise DataError(
        f"There is no {name}, here or in {there.parent}.", hint="Set MATSMITH_DATA or give a full path."
    )


def structure_type(
    numbers: NDArray[np.int64], *, frac: NDArray[Any], lattice: NDArray[Any]
) -> tuple[int, str] | None:
    """Return the space group and the kind of structure: the group's number, then the sizes of each element's orbits in the primitive cell.

    The elements' names do not matter, and neither does the choice of origin; two types with the same orbits share a kind. None where spglib finds no
    symmetry.

    >>> cell = np.eye(3) * 4.12
    >>> structure_type(np.array([55, 17]), frac=np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), lattice=cell)
    (221, '221_1_1')
    """
    cell = (np.asarray(lattice, np.float64), np.asarray(frac, np.float64), numbers)
    found: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=_SYMMETRY_TOLERANCE_A)
    if found is None:
        return None
    orbits: dict[int, dict[int, set[int]]] = {}
    for number, orbit, atom in zip(
        numbers.tolist(), found.crystallographic_orbits, found.mapping_to_primitive, strict=True
    ):
        orbits.setdefault(number, {}).setdefault(int(orbit), set()).add(int(atom))
    sizes = sorted(sorted(len(atoms) for atoms in each.values()) for each in orbits.values())
    group = int(found.number)
    return group, "_".join([str(group), *("+".join(map(str, each)) for each in sizes)])


def read_crystal(row: SourceRow, *, max_atoms: int, symmetry: bool) -> ReadCrystal:
    """Read and reduce one crystal; a crystal that cannot be used comes back with its problem in words."""
    from pymatgen.core import Structure

    nothing = np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((3, 3))
    bare = replace(row, cif="", crystal=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crystal = (
                Structure.from_str(row.cif, fmt="cif") if row.crystal is None else row.crystal.to_pymatgen()
            )
            if not crystal.is_ordered:
                return ReadCrystal(bare, *nothing, problem="disordered")
            crystal.remove_oxidation_states()
            primitive = crystal.get_primitive_structure() if len(crystal) > max_atoms else crystal
            if len(primitive) > max_atoms:
                return ReadCrystal(bare, *nothing, problem=f"more than {max_atoms} atoms")
            reduced = primitive.get_reduced_structure("niggli")
    except (ValueError, KeyError, IndexError, TypeError, ArithmeticError, AssertionError):
        return ReadCrystal(bare, *nothing, problem="unreadable")
    numbers = np.array([site.specie.Z for site in reduced], np.int64)
    frac, lattice = reduced.frac_coords, reduced.lattice.matrix
    derived = {"density_g_cm3": float(reduced.density)}
    kind = ""
    if symmetry:
        found = structure_type(numbers, frac=frac, lattice=lattice)
        if found is None:
            return ReadCrystal(bare, *nothing, problem="atoms overlap")
        group, kind = found
        system = system_number(crystal_system(group))
        derived |= {"space_group": float(group), "crystal_system": float(system)}
    return ReadCrystal(bare, numbers, frac, lattice, derived=derived, kind=kind)


def build_table(
    rows: Iterable[SourceRow],
    *,
    max_atoms: int = 20,
    symmetry: bool = False,
    workers: int = 1,
    quiet: bool = True,
    kept: KeptBlocks | None = None,
) -> tuple[CrystalTable, Counter[str]]:
    """Read crystals into a table; return it and how many were skipped for which reason.

    With `kept` each block that is read is kept, and a later call with the same rows reads on from there. Raises `DataError` when no crystal is left.
    """
    read = partial(read_crystal, max_atoms=max_atoms, symmetry=symmetry)
    tables: list[CrystalTable] = []
    skipped: Counter[str] = Counter()
    source = iter(rows)
    pool = ProcessPoolExecutor(workers, initializer=end_with_parent) if workers > 1 else None
    try:
        for number in count():
            block = list(islice(source, _BLOCK))
            if not block:
                break
            held = None if kept is None else kept.get(number)
            if held is None:
                found = list(pool.map(read, block, chunksize=50) if pool else map(read, block))
                held = _table_of(found), Counter(one.problem for one in found if one.problem)
                if kept is not None:
                    kept.put(number, *held)
            if held[0] is not None:
                tables.append(held[0])
            skipped.update(held[1])
            if not quiet:
                total = sum(map(len, tables)) + skipped.total()
                print(f"{total} read, {skipped.total()} skipped", file=sys.stderr, flush=True)
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    if not tables:
        told = (
            ", ".join(f"{amount} {problem}" for problem, amount in skipped.items()) or "the source is empty"
        )
        raise DataError(f"No crystal could be used: {told}.", hint="Check the source or raise --max-atoms.")
    return join_tables(tables), skipped


def _table_of(found: Sequence[ReadCrystal]) -> CrystalTable | None:
    """A table of those that could be read; None when there is none."""
    kept = [crystal for crystal in found if not crystal.problem]
    if not kept:
        return None
    formulas = [formula_key(crystal.numbers) for crystal in kept]
    merged = [crystal.derived | crystal.row.properties for crystal in kept]
    names = sorted({name for values in merged for name in values})
    return CrystalTable(
        counts=np.array([len(crystal.numbers) for crystal in kept], np.int64),
        numbers=np.concatenate([crystal.numbers for crystal in kept]),
        frac=np.mod(np.concatenate([crystal.frac for crystal in kept]), 1.0).astype(np.float32),
        lattice=np.stack([crystal.lattice for crystal in kept]).astype(np.float32),
        formulas=formulas,
        names=[crystal.row.name for crystal in kept],
        split=np.array([split_of(formula) for formula in formulas], np.uint8),
        properties={name: np.array([v.get(name, np.nan) for v in merged], np.float32) for name in names},
        types=[crystal.kind for crystal in kept] if any(crystal.kind for crystal in kept) else [],
    )
