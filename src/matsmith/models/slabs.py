"""Slabs of one plane with two equal faces, of the bulk's composition and without a dipole; why there are none otherwise.

A stack of charged layers that repeats with a dipole (P. W. Tasker, J. Phys. C 12, 4977 (1979), type 3) has a surface energy that
grows with its thickness: such planes exist only reconstructed or charged, and are refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

Plane = tuple[int, int, int]
SlabProblem = Literal["polar", "not_stoichiometric", "asymmetric", "too_large"]
VACUUM_ANGSTROM = 13.0
_MOST_TERMINATIONS = 4
_SAME_ANGSTROM = 0.01


@dataclass(frozen=True, kw_only=True)
class CleanSlab:
    """One termination of a plane: a cell with vacuum along its third vector, and the area of one of its two faces in Å²."""

    plane: Plane
    termination: int
    structure: Structure
    area_angstrom2: float


def conventional_cell(structure: Structure) -> Structure:
    """The conventional cell, in whose axes Miller indices are meant."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return SpacegroupAnalyzer(structure, symprec=_SAME_ANGSTROM).get_conventional_standard_structure()


def distinct_planes(conventional: Structure, *, max_index: int) -> list[Plane]:
    """The planes that symmetry tells apart, up to the largest index, the simplest first."""
    from pymatgen.core.surface import get_symmetrically_distinct_miller_indices

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: list[Any] = list(get_symmetrically_distinct_miller_indices(conventional, max_index))
    planes = [(int(plane[0]), int(plane[1]), int(plane[2])) for plane in found]
    return sorted(planes, key=lambda plane: (sum(abs(n) for n in plane), [-n for n in plane]))


def clean_slabs(
    conventional: Structure,
    plane: Plane,
    *,
    charges: Mapping[str, float] | None,
    thickness_angstrom: float,
    max_atoms: int,
) -> list[CleanSlab] | SlabProblem:
    """The terminations of a plane at least so thick, or why none can be computed.

    `charges` are those of the elements where the crystal is ionic; without them no dipole is looked for.
    """
    from pymatgen.core.surface import SlabGenerator

    decorated = conventional.copy()
    if charges is not None:
        decorated.add_oxidation_state_by_element(dict(charges))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slabs: list[Any] = SlabGenerator(
            decorated,
            plane,
            min_slab_size=thickness_angstrom,
            min_vacuum_size=VACUUM_ANGSTROM,
            center_slab=True,
            lll_reduce=False,
            primitive=True,
            max_normal_search=max(abs(n) for n in plane) + 1,
        ).get_slabs()
    found: list[CleanSlab] = []
    problems: list[SlabProblem] = []
    formula = conventional.composition.reduced_formula
    for number, slab in enumerate(slabs):
        problem: SlabProblem | None = None
        if len(slab) > max_atoms:
            problem = "too_large"
        elif slab.composition.remove_charges().reduced_formula != formula:
            problem = "not_stoichiometric"
        elif charges is not None and slab.is_polar():
            problem = "polar"
        elif not slab.is_symmetric():
            problem = "asymmetric"
        if problem is not None:
            problems.append(problem)
            continue
        rows = np.array(slab.lattice.matrix)
        found.append(
            CleanSlab(
                plane=plane,
                termination=number,
                structure=_plain(slab),
                area_angstrom2=float(np.linalg.norm(np.cross(rows[0], rows[1]))),
            )
        )
    if found:
        return found[:_MOST_TERMINATIONS]
    for worst in ("polar", "too_large", "asymmetric", "not_stoichiometric"):
        if worst in problems:
            return worst
    return "asymmetric"


def _plain(slab: Any) -> Structure:
    from pymatgen.core import Structure

    return Structure(slab.lattice, [str(site.specie.symbol) for site in slab], slab.frac_coords)
