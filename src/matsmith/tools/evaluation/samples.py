"""What a generator wrote, read as samples: CIF and POSCAR files, archives of them, extended XYZ, tables of crystals.

A sample that cannot be read is a sample all the same: it keeps its place, says why, and counts as a miss in every share. Where a `manifest.jsonl`
stands in the folder (as `matsmith generate` writes it), the samples are the files that it names, with what was asked of each.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue, ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.tools.structure_files import UnreadableStructure, is_structure_file, read_structure

if TYPE_CHECKING:
    from matsmith.models.diffusion.data_format import CrystalTable

MANIFEST = "manifest.jsonl"
_XYZ = frozenset({".extxyz", ".xyz"})
_LARGEST_ENTRY_BYTES = 20_000_000
_MOST_SAMPLES = 200_000
_SMALLEST_CELL_ANGSTROM3 = 1e-3
_KINDS = "CIF, POSCAR, .extxyz, .zip of CIFs or .npz table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One crystal that a generator made; `crystal` is None where `problem` says why it cannot be read.

    `asked` is what was wanted of it, by its line of the manifest. `reference` names the known crystal that it predicts.
    """

    name: str
    crystal: Crystal | None = None
    problem: str = ""
    asked: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    reference: str = ""


def read_samples(path: Path, *, leave_out: Path | None = None, first: int | None = None) -> list[Sample]:
    """Read a folder or a file of samples, in the order of names, only the `first` ones if told; what lies under `leave_out` is none.

    Of a folder that holds both the archive of CIFs and the extended XYZ file of one run of a generator, as MatterGen writes them, the archive
    is read. Raises `UsageError` where there is no sample at all, `DataError` for a manifest or a table that cannot be read.
    """
    if path.is_file():
        found = list(islice(_of_file(path, name=path.name), first))
    elif path.is_dir():
        manifest = path / MANIFEST
        stream = _of_manifest(manifest) if manifest.is_file() else _of_folder(path, leave_out=leave_out)
        found = list(islice(stream, first))
    else:
        raise UsageError(
            f"There is no {str(path)!r}.", hint=f"Give a folder of crystals, or one file: {_KINDS}."
        )
    if not found:
        raise UsageError(f"{path} holds no crystal.", hint=f"It takes {_KINDS}.")
    return found


def _of_folder(folder: Path, *, leave_out: Path | None) -> Iterator[Sample]:
    barred = None if leave_out is None else leave_out.resolve()
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not (barred is not None and barred in file.resolve().parents)
    ]
    archived = {file.parent for file in files if file.suffix == ".zip" and _crystals_in(file)}
    for file in files:
        twice = file.suffix.lower() in _XYZ and file.parent in archived
        if not twice:
            yield from _of_file(file, name=str(file.relative_to(folder)))


def _of_file(file: Path, *, name: str) -> Iterator[Sample]:
    """The samples of one file; none where its kind holds no crystals."""
    suffix = file.suffix.lower()
    if suffix == ".zip":
        yield from _of_archive(file, name=name)
    elif suffix in _XYZ:
        yield from _of_xyz(file, name=name)
    elif suffix == ".npz":
        from matsmith.models.diffusion.data_format import load_table

        yield from of_table(load_table(file), name=name)
    elif is_structure_file(file):
        yield _of_structure_file(file, name=name)


def _of_structure_file(file: Path, *, name: str) -> Sample:
    try:
        return Sample(name=name, crystal=read_structure(file))
    except UnreadableStructure as error:
        return Sample(name=name, problem=f"{error.code}: {error.message.replace(str(file), name)}")
    except OSError as error:
        return Sample(name=name, problem=f"unreadable: {error.strerror or error}")


def _of_manifest(manifest: Path) -> Iterator[Sample]:
    """The files that a manifest names; a line that is cut off at the end belongs to a generator that was stopped."""
    folder = manifest.parent.resolve()
    lines = manifest.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            entry: Any = json.loads(line)
            name = str(entry["file"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            raise DataError(
                f"Line {number} of {manifest} names no file.",
                hint=f"Correct it, or take {MANIFEST} away to have every file of the folder read.",
            ) from error
        file = (folder / name).resolve()
        if folder not in file.parents:
            yield Sample(name=name, problem="unreadable: it lies outside of the folder")
            continue
        asked = {str(key): value for key, value in entry.items() if key != "file"}
        read = _of_structure_file(file, name=name)
        yield Sample(
            name=name,
            crystal=read.crystal,
            problem=read.problem,
            asked=asked,
            reference=str(entry.get("reference") or ""),
        )


def _crystals_in(archive: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if is_structure_file(Path(entry.filename))]
    except (zipfile.BadZipFile, OSError):
        return []
    return sorted(entries, key=lambda entry: _natural(entry.filename))


def _natural(name: str) -> tuple[str | int, ...]:
    """Order `gen_10` after `gen_9`: digits as numbers, at even places, so that text and numbers never meet."""
    import re

    return tuple(
        int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name.lower()))
    )


def _of_archive(archive: Path, *, name: str) -> Iterator[Sample]:
    """Crystals of a zip file. Entries are read one by one under names of our own, so that no path of the archive is used."""
    entries = _crystals_in(archive)
    if not entries:
        return
    if len(entries) > _MOST_SAMPLES:
        raise UsageError(f"{name} holds {len(entries)} crystals.", hint=f"At most {_MOST_SAMPLES} are read.")
    with zipfile.ZipFile(archive) as opened, tempfile.TemporaryDirectory() as scratch:
        for entry in entries:
            told = f"{name}/{entry.filename}"
            if entry.file_size > _LARGEST_ENTRY_BYTES:
                yield Sample(name=told, problem=f"too_large: {entry.file_size / 1e6:.0f} MB")
                continue
            kind = Path(entry.filename).suffix.lower()
            file = Path(scratch) / f"entry{kind if kind in ('.cif', '.vasp', '.contcar') else '.poscar'}"
            try:
                with opened.open(entry) as source:
                    file.write_bytes(source.read(_LARGEST_ENTRY_BYTES + 1))
            except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
                yield Sample(name=told, problem=f"unreadable: {error}")
                continue
            yield _of_structure_file(file, name=told)


def _of_xyz(file: Path, *, name: str) -> Iterator[Sample]:
    """Frames of an extended XYZ file; the frame that cannot be read ends it, for nobody knows where the next one begins."""
    import ase.io

    library: Any = ase.io
    frames: Iterator[Any] = library.iread(file, index=":", format="extxyz")
    count = 0
    while count < _MOST_SAMPLES:
        told = f"{name}#{count}"
        try:
            frame = next(frames, None)
        except Exception as error:  # noqa: BLE001 - ase's readers raise whatever their parsers meet; told in the sample
            yield Sample(name=told, problem=f"unreadable: {' '.join(str(error).split())[:200]}")
            return
        if frame is None:
            return
        cell = np.array(frame.cell.array, dtype=np.float64)
        if not abs(float(np.linalg.det(cell))) > _SMALLEST_CELL_ANGSTROM3:
            yield Sample(name=told, problem="bad_cell: it has no cell of three dimensions")
        else:
            symbols: list[str] = list(frame.get_chemical_symbols())
            positions = np.array(frame.positions, dtype=np.float64) @ np.linalg.inv(cell)
            yield made_of(name=told, lattice=cell, species=symbols, positions=positions)
        count += 1


def of_table(table: CrystalTable, *, name: str) -> Iterator[Sample]:
    """The crystals of a table; a property `reference` says which row of another table each one predicts, NaN that it predicts none."""
    starts = table.starts
    reference = table.properties.get("reference")
    for row in range(len(table)):
        atoms = slice(int(starts[row]), int(starts[row] + table.counts[row]))
        sample = made_of(
            name=f"{name}#{row}",
            lattice=table.lattice[row],
            species=[SYMBOLS[number - 1] for number in table.numbers[atoms].tolist()],
            positions=table.frac[atoms],
        )
        told = "" if reference is None or not np.isfinite(reference[row]) else str(int(reference[row]))
        yield Sample(name=sample.name, crystal=sample.crystal, problem=sample.problem, reference=told)


def made_of(*, name: str, lattice: Any, species: list[str], positions: Any) -> Sample:
    """A sample of arrays: lattice (3, 3) in Å, fractional positions (n, 3)."""
    try:
        crystal = Crystal(
            lattice=tuple(tuple(float(x) for x in row) for row in lattice),  # pyright: ignore[reportArgumentType]
            species=tuple(species),
            positions=tuple(tuple(float(x) for x in row) for row in positions),  # pyright: ignore[reportArgumentType]
        )
    except (ValidationError, ValueError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        return Sample(name=name, problem=f"bad_cell: {first}")
    return Sample(name=name, crystal=crystal)
