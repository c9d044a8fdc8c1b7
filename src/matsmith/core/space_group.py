"""spglib behind one answer: what it finds, or None.

Whether spglib returns None or raises where it finds no symmetry is a switch of the whole process
(`spglib.error.OLD_ERROR_HANDLING`), and importing phonopy turns it. Everything here asks through `spglib_or_none`, so
that an answer does not depend on what was imported before.
"""

from typing import Any, Literal

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
