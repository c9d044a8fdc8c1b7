"""Crystals of a training set in one file: a compact .npz of plain arrays, read without pickle.

Arrays, for m crystals with a atoms in all: counts (m,) int16; numbers (a,) uint8; frac (a, 3) float32; lattice (m, 3, 3) float32 in Å;
formulas and names (m,) text, UTF-8 with line feeds between; split (m,) uint8 (0 train, 1 validation, 2 test); and a float32 (m,) array per
property with NaN where unknown, its name carrying its unit, such as `density_g_cm3`. `header` is JSON text with format and version.
Tables made with symmetry also hold types (m,) text: the kind of structure of each crystal, see `data_builder.structure_type`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError
from matsmith.models.diffusion.element_code import N_ELEMENTS

FORMAT, VERSION = "matsmith-crystals", 1
SPLITS = ("train", "validation", "test")
_PROPERTY = "property."
LOWEST = "lowest_polymorph"
"""Property that is 1 for the crystal of lowest energy of its formula and 0 for the others: what structure prediction aims at."""
_ENERGIES = ("energy_above_hull_ev_per_atom", "formation_energy_ev_per_atom", "energy_ev_per_atom")
_BUILD = "Build it anew with `matsmith data crystals`."


@dataclass(frozen=True, slots=True, eq=False)
class CrystalTable:
    """Crystals as flat arrays; see the head of this file for shapes and units. `properties` maps a name to (m,) values."""

    counts: NDArray[np.int64]
    numbers: NDArray[np.int64]
    frac: NDArray[np.float32]
    lattice: NDArray[np.float32]
    formulas: list[str]
    names: list[str]
    split: NDArray[np.uint8]
    properties: dict[str, NDArray[np.float32]]
    types: list[str] = field(default_factory=list[str])

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Index (m,) of each crystal's first atom."""
        return np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)

    def in_split(self, name: str) -> NDArray[np.int64]:
        """Return the indices of the crystals of one split. Raises `DataError` for a split that does not exist."""
        if name not in SPLITS:
            raise DataError(f"There is no split {name!r}.", hint=f"Take one of {', '.join(SPLITS)}.")
        return np.flatnonzero(self.split == SPLITS.index(name))

    def atoms_of(self, index: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return numbers (n,) and fractional coordinates (n, 3) of one crystal."""
        begin = int(self.counts[:index].sum())
        end = begin + int(self.counts[index])
        return self.numbers[begin:end], self.frac[begin:end]

    def select(self, indices: NDArray[np.int64]) -> CrystalTable:
        """Return the crystals of the given indices, in their order."""
        starts = self.starts
        ends = starts + self.counts
        atoms = [np.arange(int(starts[i]), int(ends[i]), dtype=np.int64) for i in indices]
        rows: NDArray[np.int64] = np.concatenate(atoms) if atoms else np.zeros(0, np.int64)
        return CrystalTable(
            counts=self.counts[indices],
            numbers=self.numbers[rows],
            frac=self.frac[rows],
            lattice=self.lattice[indices],
            formulas=[self.formulas[int(i)] for i in indices],
            names=[self.names[int(i)] for i in indices],
            split=self.split[indices],
            properties={name: values[indices] for name, values in self.properties.items()},
            types=[self.types[int(i)] for i in indices] if self.types else [],
        )


def formula_key(numbers: NDArray[np.int64]) -> str:
    """Return the reduced formula of atomic numbers (n,), elements in alphabetical order.

    >>> formula_key(np.array([8, 8, 22, 22, 8, 8]))
    'O2Ti'
    """
    kinds, counts = np.unique(numbers, return_counts=True)
    divisor = math.gcd(*counts.tolist())
    parts = sorted((SYMBOLS[int(k) - 1], int(c) // divisor) for k, c in zip(kinds, counts, strict=True))
    return "".join(f"{symbol}{amount if amount > 1 else ''}" for symbol, amount in parts)


def split_of(reduced_formula: str, *, validation: float = 0.1, test: float = 0.1, salt: str = "0") -> int:
    """Return 0, 1 or 2 (train, validation, test) for a reduced formula, by its hash: all polymorphs fall together.

    The same formula falls in the same split of every data set, so sets can be joined without a leak.
    """
    digest = hashlib.sha256(f"{salt}:{reduced_formula}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return 2 if place < test else 1 if place < test + validation else 0


def join_tables(tables: Sequence[CrystalTable]) -> CrystalTable:
    """Put tables behind each other; a property that one lacks is unknown there. Raises `DataError` when there is none."""
    if not tables:
        raise DataError("There is no table to join.", hint="Name at least one source.")
    names = sorted({name for table in tables for name in table.properties})
    typed = any(table.types for table in tables)
    return CrystalTable(
        counts=np.concatenate([table.counts for table in tables]),
        numbers=np.concatenate([table.numbers for table in tables]),
        frac=np.concatenate([table.frac for table in tables]),
        lattice=np.concatenate([table.lattice for table in tables]),
        formulas=[formula for table in tables for formula in table.formulas],
        names=[name for table in tables for name in table.names],
        split=np.concatenate([table.split for table in tables]),
        properties={
            name: np.concatenate(
                [table.properties.get(name, np.full(len(table), np.nan, np.float32)) for table in tables]
            )
            for name in names
        },
        types=[kind for table in tables for kind in table.types or [""] * len(table)] if typed else [],
    )


def split_by_type(table: CrystalTable) -> CrystalTable:
    """Return the table split by kind of structure in place of formula: what is tested on has a structure never trained on.

    Raises `DataError` for a table without kinds of structures.
    """
    if not all(table.types) or len(table.types) != len(table):
        raise DataError(
            "The table does not tell the kinds of its structures.", hint="Build it with their symmetry."
        )
    split = np.array([split_of(kind, salt="type") for kind in table.types], np.uint8)
    return replace(table, split=split)


def mark_lowest(table: CrystalTable) -> CrystalTable:
    """Return the table with `LOWEST`: of each formula the crystal of lowest energy, where none is known the first."""
    energies = np.full(len(table), np.inf)
    for name in reversed(_ENERGIES):
        values = table.properties.get(name)
        if values is not None:
            energies = np.where(np.isfinite(values), values, energies)
    best: dict[str, int] = {}
    for row, formula in enumerate(table.formulas):
        held = best.setdefault(formula, row)
        if energies[row] < energies[held]:
            best[formula] = row
    marks = np.zeros(len(table), np.float32)
    marks[list(best.values())] = 1
    return replace(table, properties=table.properties | {LOWEST: marks})


def _text(lines: list[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(line.replace("\n", " ") for line in lines).encode(), np.uint8)


def save_table(table: CrystalTable, path: Path) -> None:
    """Write a table; the file appears whole or not at all."""
    header = json.dumps({"format": FORMAT, "version": VERSION, "crystals": len(table)})
    arrays: dict[str, NDArray[Any]] = {
        "header": np.frombuffer(header.encode(), np.uint8),
        "counts": table.counts.astype(np.int16),
        "numbers": table.numbers.astype(np.uint8),
        "frac": table.frac.astype(np.float32),
        "lattice": table.lattice.astype(np.float32),
        "formulas": _text(table.formulas),
        "names": _text(table.names),
        "split": table.split.astype(np.uint8),
    }
    if table.types:
        arrays["types"] = _text(table.types)
    arrays |= {_PROPERTY + name: values.astype(np.float32) for name, values in table.properties.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _check(table: CrystalTable, path: Path) -> None:
    """Refuse a table whose arrays do not fit together or whose numbers cannot be crystals."""
    m, atoms = len(table.counts), int(table.counts.sum())
    shapes = {
        "numbers": table.numbers.shape == (atoms,),
        "frac": table.frac.shape == (atoms, 3),
        "lattice": table.lattice.shape == (m, 3, 3),
        "formulas": len(table.formulas) == m,
        "names": len(table.names) == m,
        "split": table.split.shape == (m,),
    }
    shapes["types"] = len(table.types) in (0, m)
    shapes |= {name: values.shape == (m,) for name, values in table.properties.items()}
    wrong = [name for name, right in shapes.items() if not right]
    if wrong:
        raise DataError(f"{path.name}: the array {wrong[0]} does not fit the others.", hint=_BUILD)
    if m == 0 or table.counts.min() < 1:
        raise DataError(f"{path.name}: there is no crystal in it, or one without atoms.", hint=_BUILD)
    sane = (
        bool(np.isfinite(table.frac).all() and np.isfinite(table.lattice).all())
        and 1 <= int(table.numbers.min()) <= int(table.numbers.max()) <= N_ELEMENTS
        and bool((np.abs(np.linalg.det(table.lattice.astype(np.float64))) > 1e-3).all())
        and int(table.split.max()) < len(SPLITS)
    )
    if not sane:
        raise DataError(f"{path.name}: it holds numbers that no crystal has.", hint=_BUILD)


def load_table(path: Path) -> CrystalTable:
    """Read a table. Raises `DataError` when the file is missing, damaged, foreign or of another version."""
    if not path.is_file():
        raise DataError(f"There is no file {path}.", hint=_BUILD)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header: Any = json.loads(arrays["header"].tobytes())
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise DataError(f"{path.name} is of another format or version.", hint=_BUILD)
        table = CrystalTable(
            counts=arrays["counts"].astype(np.int64),
            numbers=arrays["numbers"].astype(np.int64),
            frac=arrays["frac"].astype(np.float32),
            lattice=arrays["lattice"].astype(np.float32),
            formulas=arrays["formulas"].tobytes().decode().split("\n"),
            names=arrays["names"].tobytes().decode().split("\n"),
            split=arrays["split"].astype(np.uint8),
            properties={
                name.removeprefix(_PROPERTY): values.astype(np.float32)
                for name, values in arrays.items()
                if name.startswith(_PROPERTY)
            },
            types=arrays["types"].tobytes().decode().split("\n") if "types" in arrays else [],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} is damaged or is no table of crystals.", hint=_BUILD) from error
    _check(table, path)
    return table


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
