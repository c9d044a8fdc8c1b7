"""Cells that show the occupancies of a crystal with partly occupied sites, and the entropy of its disorder.

Sites that symmetry makes one and that share their atoms alike are one sublattice; a supercell shows it when the shares become
whole numbers of atoms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.space_group import spglib_or_none
from matsmith.models.potentials.interface import IntArray
from matsmith.models.site_orderings import Sublattice
from matsmith.models.supercells import image_distance_angstrom, site_marks, starts

if TYPE_CHECKING:
    from pymatgen.core import Structure

EXACT = 0.02
"""Occupancies that are shown to within this are shown."""
_WHOLE = 0.999
_SYMMETRY_ANGSTROM = 0.02
_LARGEST_MULTIPLE = 6
_ENOUGH_ARRANGEMENTS = 60


@dataclass(frozen=True, kw_only=True)
class DisorderedCell:
    """A supercell with one element on each site, what its sublattices hold, and how far the occupancies are rounded."""

    frame: Structure
    sublattices: list[Sublattice]
    deviation: float

    @property
    def ways(self) -> int:
        """In how many ways the sublattices can be filled."""
        return math.prod(each.arrangements for each in self.sublattices)


def mixing_entropy_per_site(shares: Sequence[float]) -> float:
    """Ideal entropy of mixing on one site in units of k, what is missing to one being vacant.

    >>> round(mixing_entropy_per_site([0.5, 0.5]), 4), mixing_entropy_per_site([1.0])
    (0.6931, 0.0)
    """
    vacant = 1.0 - sum(shares)
    held = [share for share in (*shares, vacant) if share > 1e-9]
    return abs(-sum(share * math.log(share) for share in held))


def mixing_entropy_per_atom(structure: Structure) -> float:
    """Ideal entropy of mixing of a disordered crystal in units of k, per atom."""
    atoms = sum(float(site.species.num_atoms) for site in structure)
    return sum(mixing_entropy_per_site(list(_shares(site).values())) for site in structure) / atoms


def supercells(structure: Structure, *, max_atoms: int) -> list[DisorderedCell]:
    """Cells that show the occupancies: of each shape the smallest, and the first with enough arrangements.

    Where none shows them exactly, the one that comes nearest; none where none is small enough.
    """
    primitive = _elements_only(structure).get_primitive_structure()
    groups = _shared_groups(primitive)
    exact: list[DisorderedCell] = []
    nearest: DisorderedCell | None = None
    for start in starts(primitive):
        best: tuple[float, int] = (math.inf, 0)
        for matrix in _multiples(primitive, start, max_atoms=max_atoms):
            cell = _built(primitive, groups, matrix)
            if nearest is None or cell.deviation < nearest.deviation - 1e-9:
                nearest = cell
            if cell.deviation <= EXACT and (best[0] > EXACT or cell.ways > 2 * best[1]):
                exact.append(cell)
                best = (cell.deviation, cell.ways)
            if best[1] >= _ENOUGH_ARRANGEMENTS:
                break
    # The deviation may differ below the tolerance: only the best stay, or compositions would be compared.
    if exact:
        least = min(cell.deviation for cell in exact)
        return [cell for cell in exact if cell.deviation <= least + 1e-9]
    return [] if nearest is None else [nearest]


def _elements_only(structure: Structure) -> Structure:
    """Without oxidation states; sites that are next to full count as full."""
    from pymatgen.core import Structure

    species: list[dict[str, float]] = []
    for site in structure:
        held: dict[str, float] = {}
        for each, share in site.species.items():
            symbol = str(each.symbol)
            held[symbol] = held.get(symbol, 0.0) + float(share)
        total = sum(held.values())
        if total > _WHOLE:
            held = {symbol: share / total for symbol, share in held.items()}
        species.append(held)
    return Structure(structure.lattice, species, structure.frac_coords)


def _shared_groups(primitive: Structure) -> list[tuple[list[int], dict[str, float]]]:
    """Sites that symmetry makes one and that share their atoms alike, with the shares of their elements."""
    kinds: dict[str, int] = {}
    numbers = [kinds.setdefault(str(sorted(_shares(site).items())), len(kinds) + 1) for site in primitive]
    cell: Any = (primitive.lattice.matrix, primitive.frac_coords, numbers)
    dataset: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    orbits = list(range(len(primitive))) if dataset is None else [int(k) for k in dataset.equivalent_atoms]
    groups: dict[int, list[int]] = {}
    for index, site in enumerate(primitive):
        if len(_shares(site)) > 1 or sum(_shares(site).values()) < _WHOLE:
            groups.setdefault(orbits[index], []).append(index)
    return [(sites, _shares(primitive[sites[0]])) for sites in groups.values()]


def _shares(site: Any) -> dict[str, float]:
    return {str(each.symbol): round(float(share), 5) for each, share in site.species.items()}


def _rounded(shares: Mapping[str, float], sites: int) -> dict[str, int]:
    """Whole numbers of the elements on so many sites, together no more than there are: the largest rests go up."""
    exact = {symbol: share * sites for symbol, share in shares.items()}
    counts = {symbol: math.floor(value + 1e-6) for symbol, value in exact.items()}
    total = min(sites, round(sum(exact.values())))
    for symbol in sorted(exact, key=lambda s: (counts[s] - exact[s], s)):
        if sum(counts.values()) < total:
            counts[symbol] += 1
    return counts


def _multiples(primitive: Structure, start: IntArray, *, max_atoms: int) -> list[IntArray]:
    """Integer matrices of supercells of one shape, the smallest first, and of one size the most compact."""
    rows = np.array(primitive.lattice.matrix)
    found: list[tuple[int, float, IntArray]] = []
    for repeats in product(range(1, _LARGEST_MULTIPLE + 1), repeat=3):
        matrix = start * np.array(repeats, dtype=np.int64)[:, None]
        atoms = len(primitive) * round(abs(float(np.linalg.det(matrix))))
        if atoms <= max_atoms:
            found.append((atoms, -image_distance_angstrom(matrix @ rows), matrix))
    ordered = sorted(found, key=lambda each: each[:2])
    compact: dict[int, IntArray] = {}
    for atoms, _, matrix in ordered:
        compact.setdefault(atoms, matrix)
    return list(compact.values())


def _built(
    primitive: Structure, groups: list[tuple[list[int], dict[str, float]]], matrix: IntArray
) -> DisorderedCell:
    whole = primitive.copy()
    whole.add_site_property("group", [_group_of(index, groups) for index in range(len(primitive))])
    whole.make_supercell(matrix.tolist())
    marks = site_marks(whole, "group")
    whole.remove_site_property("group")
    sublattices: list[Sublattice] = []
    deviation = 0.0
    for number, (_, shares) in enumerate(groups):
        sites = tuple(index for index, mark in enumerate(marks) if mark == number)
        rounded = _rounded(shares, len(sites))
        counts = {symbol: count for symbol, count in rounded.items() if count}
        deviation = max(deviation, *(abs(shares[s] - count / len(sites)) for s, count in rounded.items()))
        sublattices.append(Sublattice(sites=sites, counts=counts))
        for index in sites:
            whole.replace(index, next(iter(sorted(shares))))
    return DisorderedCell(frame=whole, sublattices=sublattices, deviation=deviation)


def _group_of(index: int, groups: list[tuple[list[int], dict[str, float]]]) -> int:
    return next((number for number, (sites, _) in enumerate(groups) if index in sites), -1)
