"""Crystal systems by the numbers of their space groups, and spglib behind one answer: what it finds, or None.

Whether spglib returns None or raises where it finds no symmetry is a switch of the whole process
(`spglib.error.OLD_ERROR_HANDLING`), and importing phonopy turns it. Everything here asks through `spglib_or_none`, so
that an answer does not depend on what was imported before.
"""

from collections.abc import Mapping
from typing import Any, Literal

CRYSTAL_SYSTEMS: Mapping[str, tuple[int, int]] = {
    "triclinic": (1, 2),
    "monoclinic": (3, 15),
    "orthorhombic": (16, 74),
    "tetragonal": (75, 142),
    "trigonal": (143, 167),
    "hexagonal": (168, 194),
    "cubic": (195, 230),
}
"""Crystal systems with their first and last space group (International Tables for Crystallography, volume A); tables of crystals number them in this order."""

LAST_GROUP = 230


def crystal_system(space_group: int) -> str:
    """Crystal system of a space-group number, from 1 to 230.

    >>> crystal_system(225), crystal_system(166)
    ('cubic', 'trigonal')
    """
    return next(name for name, (_, last) in CRYSTAL_SYSTEMS.items() if space_group <= last)


def system_number(name: str) -> int:
    """The place of a crystal system in their order, from 0. Raises `ValueError` for what is none.

    >>> system_number("triclinic"), system_number("cubic")
    (0, 6)
    """
    return list(CRYSTAL_SYSTEMS).index(name)


SpglibCall = Literal["get_symmetry_dataset", "get_symmetry", "find_primitive", "standardize_cell"]


def spglib_or_none(call: SpglibCall, cell: Any, *, tolerance_angstrom: float, **options: bool) -> Any:
    """What spglib finds for a cell (lattice rows, fractional positions, numbers), or None where it finds no symmetry.

    >>> cubic = ([[4, 0, 0], [0, 4, 0], [0, 0, 4]], [[0, 0, 0]], [8])
    >>> int(spglib_or_none("get_symmetry_dataset", cubic, tolerance_angstrom=0.01).number)
    221
    >>> overlapping = ([[4, 0, 0], [0, 4, 0], [0, 0, 4]], [[0, 0, 0], [0.001, 0, 0]], [8, 8])
    >>> spglib_or_none("get_symmetry_dataset", overlapping, tolerance_angstrom=0.05) is None
    True
    """
    import spglib
    import spglib.error

    try:
        return getattr(spglib, call)(cell, symprec=tolerance_angstrom, **options)
    except spglib.error.SpglibError:
        return None
