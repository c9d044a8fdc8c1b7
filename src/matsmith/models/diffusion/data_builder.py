"""Builds the table of crystals that training reads, from CSV files with a CIF column or from a folder of CIFs.

    python -m matsmith.models.diffusion.data_builder --source perov_5_val.csv.gz --out perov5.npz
    python -m matsmith.models.diffusion.data_builder --source my_cifs/ --out mine.npz --symmetry

CSV columns are those of Perov-5, Carbon-24 and MP-20 (Xie et al. 2022, CDVAE) and of tables like them: `cif`, `material_id` and any of the properties
in `COLUMNS`. A name without a folder is looked for in the data folder (`MATSMITH_DATA`) too. Cells are Niggli-reduced; crystals that are
unreadable, disordered or too large are skipped and counted. Splits are by reduced formula, see `data_format.split_of`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError, MatsmithError, UsageError
from matsmith.models.diffusion.data_format import CrystalTable, formula_key, save_table, split_of

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
CRYSTAL_SYSTEMS = (
    "triclinic",
    "monoclinic",
    "orthorhombic",
    "tetragonal",
    "trigonal",
    "hexagonal",
    "cubic",
)
_SYMMETRY_TOLERANCE_A = 0.1


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One crystal as it was found: its name, the text of its CIF and its properties by their names in the table."""

    name: str
    cif: str
    properties: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, eq=False)
class ReadCrystal:
    """One crystal read: numbers (n,), frac (n, 3), lattice (3, 3) in Å; or the reason why it was not."""

    row: SourceRow
    numbers: NDArray[np.int64]
    frac: NDArray[np.float64]
    lattice: NDArray[np.float64]
    problem: str = ""
    derived: dict[str, float] = field(default_factory=dict[str, float])


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


def read_crystal(row: SourceRow, *, max_atoms: int, symmetry: bool) -> ReadCrystal:
    """Read and reduce one crystal; a crystal that cannot be used comes back with its problem in words."""
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    nothing = np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((3, 3))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crystal = Structure.from_str(row.cif, fmt="cif")
            if not crystal.is_ordered:
                return ReadCrystal(row, *nothing, problem="disordered")
            crystal.remove_oxidation_states()
            primitive = crystal.get_primitive_structure() if len(crystal) > max_atoms else crystal
            if len(primitive) > max_atoms:
                return ReadCrystal(row, *nothing, problem=f"more than {max_atoms} atoms")
            reduced = primitive.get_reduced_structure("niggli")
            derived = {"density_g_cm3": float(reduced.density)}
            if symmetry:
                system = SpacegroupAnalyzer(reduced, symprec=_SYMMETRY_TOLERANCE_A).get_crystal_system()
                derived["crystal_system"] = float(CRYSTAL_SYSTEMS.index(system))
    except (ValueError, KeyError, IndexError, TypeError, ArithmeticError, AssertionError):
        return ReadCrystal(row, *nothing, problem="unreadable")
    numbers = np.array([site.specie.Z for site in reduced], np.int64)
    return ReadCrystal(row, numbers, reduced.frac_coords, reduced.lattice.matrix, derived=derived)


def build_table(
    rows: Iterable[SourceRow],
    *,
    max_atoms: int = 20,
    symmetry: bool = False,
    workers: int = 1,
    quiet: bool = True,
) -> tuple[CrystalTable, Counter[str]]:
    """Read crystals into a table; return it and how many were skipped for which reason.

    Raises `DataError` when none is left.
    """
    read = partial(read_crystal, max_atoms=max_atoms, symmetry=symmetry)
    kept: list[ReadCrystal] = []
    skipped: Counter[str] = Counter()

    def take(found: Iterable[ReadCrystal]) -> None:
        for crystal in found:
            if crystal.problem:
                skipped[crystal.problem] += 1
            else:
                kept.append(crystal)
            total = len(kept) + skipped.total()
            if not quiet and total % 500 == 0:
                print(f"{total} read, {skipped.total()} skipped", file=sys.stderr, flush=True)

    if workers > 1:
        source = iter(rows)
        with ProcessPoolExecutor(workers) as pool:
            while block := list(islice(source, 2000)):
                take(pool.map(read, block, chunksize=50))
    else:
        take(map(read, rows))
    if not kept:
        told = ", ".join(f"{count} {problem}" for problem, count in skipped.items()) or "the source is empty"
        raise DataError(f"No crystal could be used: {told}.", hint="Check the source or raise --max-atoms.")
    formulas = [formula_key(crystal.numbers) for crystal in kept]
    merged = [crystal.row.properties | crystal.derived for crystal in kept]
    names = sorted({name for values in merged for name in values})
    table = CrystalTable(
        counts=np.array([len(crystal.numbers) for crystal in kept], np.int64),
        numbers=np.concatenate([crystal.numbers for crystal in kept]),
        frac=np.mod(np.concatenate([crystal.frac for crystal in kept]), 1.0).astype(np.float32),
        lattice=np.stack([crystal.lattice for crystal in kept]).astype(np.float32),
        formulas=formulas,
        names=[crystal.row.name for crystal in kept],
        split=np.array([split_of(formula) for formula in formulas], np.uint8),
        properties={name: np.array([v.get(name, np.nan) for v in merged], np.float32) for name in names},
    )
    return table, skipped


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m matsmith.models.diffusion.data_builder",
        description="Build a table of crystals. Example: --source perov_5_val.csv.gz --out perov5.npz",
    )
    parser.add_argument("--source", required=True, help="CSV file with a cif column, or a folder of CIFs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--max-atoms", type=int, default=20)
    parser.add_argument("--symmetry", action="store_true", help="find crystal systems, to condition on them")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(argv)
    try:
        if given.max_atoms < 1 or given.workers < 1:
            raise UsageError("--max-atoms and --workers must be above zero.", hint="20 and 1 are usual.")
        source = find_source(given.source)
        rows = rows_of_folder(source) if source.is_dir() else rows_of_csv(source)
        table, skipped = build_table(
            rows, max_atoms=given.max_atoms, symmetry=given.symmetry, workers=given.workers, quiet=False
        )
        save_table(table, given.out)
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    told = ", ".join(f"{count} {problem}" for problem, count in skipped.items())
    shares = [int((table.split == part).sum()) for part in range(3)]
    print(
        f"{len(table)} crystals of {len(set(table.formulas))} formulas in {given.out}: {shares[0]} to train on, "
        f"{shares[1]} to validate, {shares[2]} to test{'; skipped: ' + told if told else ''}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
