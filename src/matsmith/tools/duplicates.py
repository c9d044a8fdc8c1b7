"""Crystals that are one and the same, though described by other cells, or strained a little.

Equal canonical hashes settle most cases. The rest is compared by pymatgen's StructureMatcher, only within one formula and
one range of volume, against one crystal of each group: many crystals cost little more than few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matsmith.core.crystal import Crystal
from matsmith.knowledge.formulas import reduced_key

_VOLUME_RATIO = 1.10
"""Crystals of one formula whose volumes per atom differ by more than 10 % are different phases: a relaxation to the same
minimum leaves far less, and the matcher scales volumes away."""
_SITE_TOLERANCE, _LENGTH_TOLERANCE, _ANGLE_TOLERANCE_DEGREES = 0.2, 0.1, 4.0


def merge(crystals: Sequence[Crystal]) -> list[int]:
    """Return the group of each crystal, numbered from 0 in the order in which groups appear; equal numbers are duplicates."""
    groups: list[int] = []
    by_hash: dict[str, int] = {}
    # Formula -> (group, volume per atom, structure) of the first crystal of each group.
    first: dict[str, list[tuple[int, float, Any]]] = {}
    for crystal in crystals:
        found = by_hash.get(crystal.canonical_hash)
        if found is None:
            heads = first.setdefault(reduced_key(crystal.amounts), [])
            volume = crystal.volume_angstrom3 / len(crystal.species)
            structure: Any = crystal.to_pymatgen().get_primitive_structure()
            found = _same_as(structure, volume=volume, heads=heads)
            if found is None:
                found = max(groups, default=-1) + 1
                heads.append((found, volume, structure))
            by_hash[crystal.canonical_hash] = found
        groups.append(found)
    return groups


def _same_as(structure: Any, *, volume: float, heads: list[tuple[int, float, Any]]) -> int | None:
    """Return the group of the head that a structure equals, or None."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(
        ltol=_LENGTH_TOLERANCE,
        stol=_SITE_TOLERANCE,
        angle_tol=_ANGLE_TOLERANCE_DEGREES,
        primitive_cell=False,
    )
    for group, other_volume, other in heads:
        close = max(volume, other_volume) / min(volume, other_volume) <= _VOLUME_RATIO
        if close and len(structure) == len(other) and matcher.fit(structure, other):
            return group
    return None
