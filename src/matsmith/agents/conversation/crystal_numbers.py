"""The numbers that a crystal's cell holds: edges, angles, volume and counts of atoms."""

from __future__ import annotations

from math import acos, degrees, hypot

from matsmith.core.crystal import Crystal


def edges_and_angles(crystal: Crystal) -> tuple[list[float], list[float]]:
    """Edges a, b, c in angstrom and angles alpha, beta, gamma in degrees."""
    edges = [hypot(*row) for row in crystal.lattice]

    def angle(i: int, j: int) -> float:
        dot = sum(x * y for x, y in zip(crystal.lattice[i], crystal.lattice[j], strict=True))
        return degrees(acos(max(-1.0, min(1.0, dot / edges[i] / edges[j]))))

    return edges, [angle(1, 2), angle(0, 2), angle(0, 1)]


def numbers_of(crystal: Crystal) -> list[tuple[float, str]]:
    """What may be said of a cell: values with their units as letters, "" for counts."""
    edges, angles = edges_and_angles(crystal)
    counts = [len(crystal.species), *crystal.amounts.values()]
    return [
        *((edge, "angstrom") for edge in edges),
        *((angle, "deg") for angle in angles),
        (crystal.volume_angstrom3, "angstrom3"),
        *((float(count), "") for count in counts),
    ]
