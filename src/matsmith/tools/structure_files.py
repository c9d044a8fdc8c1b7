"""Reading crystals from files: CIF and POSCAR, or whatever else pymatgen reads; what is none is refused by name.

Every refusal is an `UnreadableStructure` with a code. What passes is whole: ordered, of elements that exist, in a cell with
a volume, of a size that tools can take. Partly occupied sites pass `read_disordered` alone, which the tool `orderings` uses.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.elements import is_element
from matsmith.core.errors import StructureError
from matsmith.tools.cif_size import atoms_described, rows_of_atoms

if TYPE_CHECKING:
    from pymatgen.core import Structure

FileCode = Literal[
    "no_file",
    "too_large",
    "unreadable",
    "empty",
    "disordered",
    "occupancy",
    "no_element",
    "bad_cell",
    "bad_position",
]
# A file beyond this is no crystal that any tool here could take (a CIF of 10,000 atoms has about 1 MB).
_LARGEST_FILE_BYTES = 20_000_000
_MOST_ATOMS = 5000
_MOST_OPERATIONS = 192  # of any space group, centring included
_LONGEST_ANGSTROM = 1000.0
_SHORTEST_ANGSTROM = 0.5
_FARTHEST_CELLS = 1000.0
_SMALLEST_ANGLE_DEGREES = 5.0
_SUFFIXES = frozenset({".cif", ".vasp", ".poscar", ".contcar"})
_VASP_NAMES = ("POSCAR", "CONTCAR")


class UnreadableStructure(StructureError):
    """A file holds no crystal that can be computed; `code` says why."""

    def __init__(self, code: FileCode, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.code = code


def is_structure_file(path: Path) -> bool:
    """Whether a file's name is that of a CIF or POSCAR.

    >>> is_structure_file(Path("a/MgO.cif")), is_structure_file(Path("CONTCAR_2")), is_structure_file(Path("notes.txt"))
    (True, True, False)
    """
    return path.suffix.lower() in _SUFFIXES or path.name.upper().startswith(_VASP_NAMES)


def read_structure(path: Path) -> Crystal:
    """Read a crystal from a CIF, POSCAR or any file that pymatgen reads. Raises `UnreadableStructure` that says why not."""
    structure = _sound(path)
    _refuse_disorder(structure, path)
    try:
        return Crystal.from_pymatgen(structure)
    except ValidationError as error:
        raise UnreadableStructure(
            "bad_cell", f"{path} holds no sound crystal: {error.errors()[0]['msg']}.", hint="Check its cell."
        ) from error


def read_disordered(path: Path) -> Structure:
    """Read a crystal whose sites may be partly occupied; everything else is as `read_structure` wants it."""
    return _sound(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a structure file, by which records know it. Raises `UnreadableStructure` where there is none."""
    _check_file(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UnreadableStructure(
            "no_file",
            f"{str(path)!r} is neither a file nor the id of a candidate or record.",
            hint="Give the path of a CIF or POSCAR file.",
        )
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise UnreadableStructure(
            "too_large",
            f"{path} is too large for a crystal ({path.stat().st_size / 1e6:.0f} MB).",
            hint="Give a file of one crystal.",
        )


def _sound(path: Path) -> Structure:
    _check_file(path)
    structure = _parsed(path)
    _check(structure, path)
    return structure


def _parsed(path: Path) -> Structure:
    from pymatgen.core import Structure

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix.lower() in (".poscar", ".contcar"):  # names that pymatgen does not know
                return Structure.from_str(path.read_text(encoding="utf-8"), fmt="poscar")
            if path.suffix.lower() == ".cif":
                _refuse_many(rows_of_atoms(path.read_text(encoding="utf-8", errors="replace")), path)
                _check_as_written(path)
            return Structure.from_file(path)
    except UnreadableStructure:
        raise
    except RecursionError as error:
        raise UnreadableStructure(
            "unreadable", f"{path} is nested too deeply to be a crystal.", hint="Check the file."
        ) from error
    except Exception as error:  # pymatgen's readers raise whatever their parsers meet
        text = " ".join(str(error).split())[:200].rstrip(".! ")
        raise UnreadableStructure(
            "unreadable",
            f"{path} cannot be read as a crystal: {text or type(error).__name__}.",
            hint="Check that it is a complete CIF or POSCAR.",
        ) from error


def _check_as_written(path: Path) -> None:
    """Refuse what pymatgen would quietly mend: it drops atoms of no stated occupancy and folds impossible angles."""
    from pymatgen.io.cif import CifFile, str2float

    blocks: list[Any] = list(CifFile.from_file(path).data.values())
    found = next((each for each in blocks if "_atom_site_fract_x" in each.data), None)
    if found is None:
        return
    block: dict[str, Any] = found.data
    for key in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        text = block.get(f"_cell_{key}")
        value = None if text is None else float(str2float(text))
        if value is not None and not 0.0 < value < (180.0 if key.startswith("angle") else math.inf):
            raise UnreadableStructure(
                "bad_cell", f"{path} has a cell {key.replace('_', ' ')} of {text}.", hint="Check its cell."
            )
    for axis in "xyz":
        if any(text in ("", ".", "?") for text in _column(block, f"_atom_site_fract_{axis}")):
            raise UnreadableStructure(
                "bad_position", f"{path} leaves the {axis} of an atom open.", hint="State every coordinate."
            )
    for text in _column(block, "_atom_site_occupancy"):
        if text in ("", ".", "?"):
            raise UnreadableStructure(
                "occupancy",
                f"{path} leaves the occupancy of a site open ({text}).",
                hint="State it: 1 for a site that is always occupied.",
            )
        if not float(str2float(text)) > 0.0:
            raise UnreadableStructure(
                "occupancy",
                f"{path} has a site of occupancy {text}.",
                hint="Take it out, or state its share.",
            )
    _refuse_large_cell(path, found)


def _refuse_large_cell(path: Path, found: Any) -> None:
    """Refuse a cell of too many atoms, of which most come from symmetry; places that are no numbers are told by the parser."""
    from pymatgen.io.cif import CifParser, str2float

    columns = [_column(found.data, f"_atom_site_fract_{axis}") for axis in "xyz"]
    if _MOST_OPERATIONS * len(columns[0]) <= _MOST_ATOMS or len({len(column) for column in columns}) != 1:
        return
    fractions = np.array([[float(str2float(text)) for text in column] for column in columns]).T
    if not np.isfinite(fractions).all():
        return
    operations: list[Any] = CifParser(path).get_symops(found)
    _refuse_many(atoms_described(fractions, [each.affine_matrix for each in operations]), path)


def _refuse_many(count: int, path: Path) -> None:
    if count > _MOST_ATOMS:
        raise UnreadableStructure(
            "too_large", f"{path} holds {count} atoms.", hint=f"At most {_MOST_ATOMS} can be computed."
        )


def _column(block: dict[str, Any], key: str) -> list[str]:
    """The values of a column of the atoms, of which there may be one alone."""
    found = block.get(key)
    if found is None:
        return []
    return (
        [str(text).strip() for text in cast("list[Any]", found)]
        if isinstance(found, list)
        else [str(found).strip()]
    )


def _check(structure: Structure, path: Path) -> None:
    sites: list[Any] = list(structure)
    if not sites:
        raise UnreadableStructure("empty", f"{path} holds no atoms.", hint="Check its list of atoms.")
    _refuse_many(len(sites), path)
    _check_cell(structure, path)
    for site in sites:
        if not all(math.isfinite(float(x)) for x in site.frac_coords):
            raise UnreadableStructure(
                "bad_position", f"{path} places an atom nowhere.", hint="Check its coordinates."
            )
        if max(abs(float(x)) for x in site.frac_coords) > _FARTHEST_CELLS:
            raise UnreadableStructure(
                "bad_position",
                f"{path} places an atom thousands of cells away.",
                hint="Check its coordinates.",
            )
    for site in sites:
        for species in site.species:
            symbol = str(species.symbol)
            if not is_element(symbol):
                raise UnreadableStructure(
                    "no_element",
                    f"{path} holds {symbol!r}, which is no element.",
                    hint="Name its elements.",
                )


def _refuse_disorder(structure: Structure, path: Path) -> None:
    shared = next((str(site.species) for site in structure if not site.is_ordered), None)
    if shared is not None:
        raise UnreadableStructure(
            "disordered",
            f"{path} has partially occupied sites, such as {shared}.",
            hint=f"Order it first: `matsmith tool orderings file={path}` gives a record whose id tools take as a structure.",
        )


def _check_cell(structure: Structure, path: Path) -> None:
    lattice = structure.lattice
    lengths = [float(length) for length in lattice.abc]
    angles = [float(angle) for angle in lattice.angles]
    numbers = [*lengths, *angles, float(structure.volume)]
    problem = None
    if not all(math.isfinite(number) for number in numbers):
        problem = "lengths or angles that are no numbers"
    elif min(lengths) < _SHORTEST_ANGSTROM:
        problem = f"an edge of {min(lengths):.3g} Å"
    elif max(lengths) > _LONGEST_ANGSTROM:
        problem = f"an edge of {max(lengths):.3g} Å"
    elif min(min(angle, 180.0 - angle) for angle in angles) < _SMALLEST_ANGLE_DEGREES:
        problem = (
            f"angles of {', '.join(f'{angle:.3g}' for angle in angles)} degrees, which leave it next to flat"
        )
    elif not float(structure.volume) > 0.5:
        problem = f"a volume of {float(structure.volume):.3g} Å³"
    if problem is not None:
        raise UnreadableStructure(
            "bad_cell",
            f"{path} has a cell with {problem}.",
            hint="Check its cell, which is given in Å and degrees.",
        )
