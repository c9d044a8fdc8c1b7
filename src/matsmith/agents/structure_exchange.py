"""Crystals in the forms that other programs know: pymatgen, ASE, files; in both directions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError, UsageError

if TYPE_CHECKING:
    from ase import Atoms

_TAKEN = "Give a path, a matsmith Crystal, a pymatgen Structure or ASE Atoms."


def atoms_of(crystal: Crystal) -> Atoms:
    """ASE atoms of a crystal, periodic in all directions; lengths in Å. `UsageError` where ASE is not installed.

    >>> salt = Crystal(
    ...     lattice=((0, 2.8, 2.8), (2.8, 0, 2.8), (2.8, 2.8, 0)), species=("Na", "Cl"), positions=((0, 0, 0), (0.5, 0.5, 0.5))
    ... )
    >>> atoms_of(salt).get_chemical_formula(), bool(atoms_of(salt).pbc.all())
    ('ClNa', True)
    """
    try:
        from ase import Atoms
    except ImportError as error:
        raise UsageError("ASE is not installed.", hint="Run `pip install ase`.") from error
    return Atoms(
        symbols=list(crystal.species),
        cell=[list(vector) for vector in crystal.lattice],
        scaled_positions=[list(place) for place in crystal.positions],
        pbc=True,
    )


def crystal_of_any(structure: Any) -> Crystal:
    """Take a crystal in any form that people hold one in. Raises `StructureError` that says why one cannot be computed.

    >>> crystal_of_any(42)
    Traceback (most recent call last):
    matsmith.core.errors.StructureError: A number is no structure. Give a path, a matsmith Crystal, a pymatgen Structure or ASE Atoms.
    """
    if isinstance(structure, Crystal):
        return structure
    if isinstance(structure, str | Path):
        from matsmith.tools.structure_files import read_structure

        return read_structure(Path(structure).expanduser())
    try:
        taken = _from_library(structure)
    except ValidationError as error:
        raise StructureError(
            f"The structure is not sound: {error.errors()[0]['msg']}.", hint="Check its cell and its atoms."
        ) from error
    if taken is None:
        kind = (
            "A number" if isinstance(structure, int | float) else f"An object of {type(structure).__name__}"
        )
        raise StructureError(f"{kind} is no structure.", hint=_TAKEN)
    return taken


def _from_library(structure: Any) -> Crystal | None:
    """A crystal from an object of pymatgen or ASE, told by what it can do, so that neither is imported in vain."""
    if hasattr(structure, "frac_coords") and hasattr(structure, "lattice"):
        return Crystal.from_pymatgen(structure)
    if hasattr(structure, "get_scaled_positions") and hasattr(structure, "pbc"):
        if not all(bool(each) for each in structure.pbc):
            raise StructureError(
                "The atoms are not periodic in all three directions.",
                hint="Give a crystal: set its cell and pbc=True.",
            )
        rows: Any = structure.get_scaled_positions(wrap=False).tolist()
        return Crystal(
            lattice=structure.cell.tolist(),
            species=tuple(structure.get_chemical_symbols()),
            positions=tuple(tuple(row) for row in rows),
        )
    return None
