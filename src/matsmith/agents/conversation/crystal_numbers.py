"""The numbers that a crystal's cell holds: edges, angles, volume and counts of atoms, as given and of the conventional cell."""

from __future__ import annotations

from math import acos, degrees, hypot
from typing import Any

from matsmith.core.crystal import Crystal, Vector
from matsmith.core.elements import SYMBOLS
from matsmith.core.space_group import spglib_or_none

Rows = tuple[Vector, Vector, Vector]
_TOLERANCE_ANGSTROM = 0.05  # that of the tool symmetry


def edges_and_angles(lattice: Rows) -> tuple[list[float], list[float]]:
    """Edges a, b, c in angstrom and angles alpha, beta, gamma in degrees of lattice vectors (rows, angstrom)."""
    edges = [hypot(*row) for row in lattice]

    def angle(i: int, j: int) -> float:
        dot = sum(x * y for x, y in zip(lattice[i], lattice[j], strict=True))
        return degrees(acos(max(-1.0, min(1.0, dot / edges[i] / edges[j]))))

    return edges, [angle(1, 2), angle(0, 2), angle(0, 1)]


def conventional_lattice(crystal: Crystal) -> Rows | None:
    """Lattice vectors (rows, angstrom) of the conventional cell, whose edges are the lattice parameters; None where the cell is that one, or has no symmetry."""
    numbers = [SYMBOLS.index(symbol) + 1 for symbol in crystal.species]
    cell: Any = (crystal.lattice, crystal.positions, numbers)
    found: Any = spglib_or_none(
        "standardize_cell",
        cell,
        tolerance_angstrom=_TOLERANCE_ANGSTROM,
        to_primitive=False,
        no_idealize=False,
    )
    if found is None:
        return None
    a, b, c = ((float(row[0]), float(row[1]), float(row[2])) for row in found[0])
    given, standard = edges_and_angles(crystal.lattice), edges_and_angles((a, b, c))
    same = all(
        abs(one - other) < 5e-4
        for mine, others in zip(given, standard, strict=True)
        for one, other in zip(mine, others, strict=True)
    )
    return None if same else (a, b, c)


def cell_facts(crystal: Crystal) -> dict[str, Any]:
    """A cell in short for a model: what it holds, its edges and angles, and those of the conventional cell where that is another."""
    facts: dict[str, Any] = {"formula": crystal.formula, "atoms": len(crystal.species)}
    facts |= _sides(crystal.lattice)
    conventional = conventional_lattice(crystal)
    return facts if conventional is None else facts | {"conventional_cell": _sides(conventional)}


def _sides(lattice: Rows) -> dict[str, list[float]]:
    edges, angles = edges_and_angles(lattice)
    return {
        "a_b_c_angstrom": [round(edge, 4) for edge in edges],
        "angles_degrees": [round(angle, 2) for angle in angles],
    }


def numbers_of(crystal: Crystal) -> list[tuple[float, str]]:
    """What may be said of a cell: values with their units as letters, "" for counts."""
    conventional = conventional_lattice(crystal)
    sides = [edges_and_angles(lattice) for lattice in (crystal.lattice, conventional) if lattice is not None]
    counts = [len(crystal.species), *crystal.amounts.values()]
    return [
        *((edge, "angstrom") for edges, _ in sides for edge in edges),
        *((angle, "deg") for _, angles in sides for angle in angles),
        (crystal.volume_angstrom3, "angstrom3"),
        *((float(count), "") for count in counts),
    ]
