"""Bonds and angles of many periodic crystals at once, as flat arrays.

A bond is kept once, as (i, j, image) with the vector r_i - r_j - image·lattice. Bonds no longer than the angle cutoff stand
first in a batch, and give two directed bonds each: e is the bond seen from i, e + n_short the same bond seen from j. An angle is an ordered pair
of different directed bonds with one centre.

The neighbour list of a crystal is built with a skin and stays valid, for any strain and any shift of its atoms, until a
bound on the singular values of the deformation and on the non-affine displacements says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.optimization.neighbors import find_points_in_spheres

from matsmith.core.elements import SYMBOLS
from matsmith.models.potentials.interface import CrystalArrays, FloatArray, IntArray, Refusal

MIN_VOLUME_PER_ATOM_ANGSTROM3 = 2.0
MAX_BONDS_PER_ATOM = 250  # undirected, within 6 Å; diamond has 80
SHORT_BOND_ANGSTROM = 3.0
MAX_ANGLES_PER_ATOM = 3000  # ordered pairs, within 3 Å; diamond has 756
OVERLAP_FRACTION = 0.6
EVERY_ELEMENT = frozenset(range(1, len(SYMBOLS) + 1))
MAX_VOLUME_PER_ATOM_ANGSTROM3 = (
    2000.0  # caesium, the loosest element, has 115; a molecule in a large box more
)
MIN_PLANE_SPACING_ANGSTROM = 0.25  # of the cell's own faces; below it the search for neighbours takes minutes


@dataclass(slots=True, eq=False)
class NeighbourList:
    """Candidate pairs of one crystal within cutoff + skin, each pair once, and where the atoms stood then."""

    i: IntArray
    j: IntArray
    image: FloatArray
    frac_coords: FloatArray
    lattice_angstrom: FloatArray
    reach_angstrom: float
    n_bonds: int = 0
    n_angles: int = 0

    def covers(self, crystal: CrystalArrays, *, cutoff_angstrom: float) -> bool:
        """Whether no pair within the cutoff can be missing from the list.

        With r' = r0·F + u, |r'| >= s_min(F)·|r0| - 2·max|u|, so that a pair outside the reach at the start is outside
        the cutoff now while (cutoff + 2·max|u|) / s_min(F) <= reach.
        """
        if crystal.lattice_angstrom is self.lattice_angstrom and crystal.frac_coords is self.frac_coords:
            return True
        deformation = np.linalg.solve(self.lattice_angstrom, crystal.lattice_angstrom)
        smallest = float(np.linalg.svd(deformation, compute_uv=False)[-1])
        shift = (crystal.frac_coords - self.frac_coords) @ crystal.lattice_angstrom
        furthest = float(np.sqrt((shift**2).sum(axis=1).max()))
        return smallest > 0 and (cutoff_angstrom + 2 * furthest) / smallest <= self.reach_angstrom


def find_neighbours(crystal: CrystalArrays, *, reach_angstrom: float) -> NeighbourList:
    """All pairs within the reach, each once; of an atom and its own image, the lexically positive one."""
    # Searched with all atoms in one cell: the search divides the space between the outermost ones, however far they stand.
    home = np.floor(crystal.frac_coords)
    positions = np.ascontiguousarray((crystal.frac_coords - home) @ crystal.lattice_angstrom)
    i, j, image, _ = find_points_in_spheres(
        positions,
        positions,
        r=reach_angstrom,
        pbc=np.ones(3, dtype=np.int64),
        lattice=np.ascontiguousarray(crystal.lattice_angstrom),
        tol=1e-8,
    )
    sign = image[:, 0] * 1e8 + image[:, 1] * 1e4 + image[:, 2]
    half = (i < j) | ((i == j) & (sign > 0))
    return NeighbourList(
        i=np.asarray(i[half], dtype=np.int64),
        j=np.asarray(j[half], dtype=np.int64),
        image=np.asarray(image[half] + home[i[half]] - home[j[half]], dtype=np.float64),
        frac_coords=crystal.frac_coords,
        lattice_angstrom=crystal.lattice_angstrom,
        reach_angstrom=reach_angstrom,
    )


def check_cell(crystal: CrystalArrays, *, covered: frozenset[int]) -> Refusal | None:
    """What can be refused before any neighbour is searched for."""
    if crystal.n_atoms == 0:
        return Refusal("malformed", "the structure has no atoms.")
    if not (np.isfinite(crystal.frac_coords).all() and np.isfinite(crystal.lattice_angstrom).all()):
        return Refusal("malformed", "a coordinate or a lattice vector is not a finite number.")
    unknown = sorted({int(z) for z in crystal.numbers} - covered)
    if unknown:
        names = ", ".join(SYMBOLS[z - 1] if 1 <= z <= len(SYMBOLS) else f"number {z}" for z in unknown)
        return Refusal("not_covered", f"the potential was not trained on {names}.")
    volume = crystal.volume_angstrom3 / crystal.n_atoms
    if volume < MIN_VOLUME_PER_ATOM_ANGSTROM3:
        return Refusal("collapsed", f"{volume:.3g} Å³ per atom is denser than any solid.")
    if volume > MAX_VOLUME_PER_ATOM_ANGSTROM3:
        return Refusal("isolated_atoms", f"{volume:.3g} Å³ per atom: the cell is all but empty.")
    # The faces of a cell stand one over the lengths of its reciprocal vectors apart.
    spacing = 1.0 / float(np.linalg.norm(np.linalg.inv(crystal.lattice_angstrom), axis=0).max())
    if spacing < MIN_PLANE_SPACING_ANGSTROM:
        return Refusal(
            "malformed", f"two faces of the cell stand {spacing:.2g} Å apart: give its reduced (Niggli) cell."
        )
    return None


def check_neighbours(
    crystal: CrystalArrays, neighbours: NeighbourList, *, radii_angstrom: FloatArray
) -> Refusal | None:
    """What is refused of one crystal once its neighbours are known: overlaps, a collapsed cell, isolated atoms."""
    vectors = (
        crystal.frac_coords[neighbours.i] - crystal.frac_coords[neighbours.j] - neighbours.image
    ) @ crystal.lattice_angstrom
    length = np.sqrt(np.einsum("bk,bk->b", vectors, vectors))
    found = _refusals(
        numbers=crystal.numbers,
        atom_owner=np.zeros(crystal.n_atoms, dtype=np.int64),
        n_atoms=np.array([crystal.n_atoms], dtype=np.int64),
        i=neighbours.i,
        j=neighbours.j,
        owner=np.zeros(len(length), dtype=np.int64),
        length=length,
        short=length < SHORT_BOND_ANGSTROM,
        radii=radii_angstrom,
    )
    return found.get(0)


def empty_layers(crystal: CrystalArrays, *, thickness_angstrom: float) -> int:
    """Along how many of the three lattice directions a layer of this thickness holds no atom.

    1 is a slab between vacuum, 3 a molecule in a box; 0 is a crystal.
    """
    inverse = np.linalg.inv(crystal.lattice_angstrom)
    spacing = 1.0 / np.linalg.norm(inverse, axis=0)
    count = 0
    for axis in range(3):
        places = np.sort(np.mod(crystal.frac_coords[:, axis], 1.0))
        gaps = np.diff(places, append=places[0] + 1.0)
        count += bool(gaps.max() * spacing[axis] > thickness_angstrom)
    return count


@dataclass(slots=True, eq=False)
class GraphBatch:
    """Bonds and angles of several crystals, numbered through.

    Shapes: n atoms, b bonds of which the first `n_short` are short, a angles. `bond_i`, `bond_j` (b,), `vector_angstrom` (b, 3),
    `bond_owner` (b,) and `atom_owner` (n,) the crystal; `first`, `second` (a,) directed bonds, `centre` (2·n_short,) their atoms.
    """

    numbers: IntArray
    atom_owner: IntArray
    n_atoms: IntArray
    volume_angstrom3: FloatArray
    bond_i: IntArray
    bond_j: IntArray
    bond_owner: IntArray
    vector_angstrom: FloatArray
    n_short: int
    centre: IntArray
    first: IntArray
    second: IntArray


def assemble(
    crystals: Sequence[CrystalArrays],
    neighbours: Sequence[NeighbourList],
    *,
    cutoff_angstrom: float,
    angle_cutoff_angstrom: float,
    radii_angstrom: FloatArray,
) -> tuple[GraphBatch, dict[int, Refusal]]:
    """One batch from several crystals; those with overlapping, isolated or absurdly many atoms are left out and reported.

    A crystal left out keeps its place with no bonds and no angles, so the numbering of the rest does not change.
    """
    count = np.array([c.n_atoms for c in crystals], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    numbers = np.concatenate([c.numbers for c in crystals])
    atom_owner = np.repeat(np.arange(len(crystals)), count)
    lattice = np.stack([c.lattice_angstrom for c in crystals])
    positions = np.concatenate([c.frac_coords @ c.lattice_angstrom for c in crystals])

    pairs = np.array([len(n.i) for n in neighbours], dtype=np.int64)
    owner = np.repeat(np.arange(len(crystals)), pairs)
    i = np.concatenate([n.i for n in neighbours]) + start[owner]
    j = np.concatenate([n.j for n in neighbours]) + start[owner]
    shift = np.concatenate([n.image @ c.lattice_angstrom for n, c in zip(neighbours, crystals, strict=True)])
    vector = positions[i] - positions[j] - shift
    length = np.sqrt(np.einsum("bk,bk->b", vector, vector))

    near = np.flatnonzero(length < cutoff_angstrom)
    short = length[near] < angle_cutoff_angstrom
    refusals = _refusals(
        numbers=numbers,
        atom_owner=atom_owner,
        n_atoms=count,
        i=i[near],
        j=j[near],
        owner=owner[near],
        length=length[near],
        short=short,
        radii=radii_angstrom,
    )
    if refusals:
        kept = ~np.isin(owner[near], list(refusals))
        near, short = near[kept], short[kept]
    near = np.concatenate([near[short], near[~short]])
    n_short = int(short.sum())
    i, j, owner, vector = i[near], j[near], owner[near], vector[near]

    centre = np.concatenate([i[:n_short], j[:n_short]])
    first, second = angle_pairs(centre, n_atoms=len(numbers))
    bonds = np.bincount(owner, minlength=len(crystals))
    angles = np.bincount(atom_owner[centre[first]], minlength=len(crystals))
    for index, held in enumerate(neighbours):
        held.n_bonds, held.n_angles = int(bonds[index]), int(angles[index])
    batch = GraphBatch(
        numbers=numbers,
        atom_owner=atom_owner,
        n_atoms=count,
        volume_angstrom3=np.abs(np.linalg.det(lattice)),
        bond_i=i,
        bond_j=j,
        bond_owner=owner,
        vector_angstrom=vector,
        n_short=n_short,
        centre=centre,
        first=first,
        second=second,
    )
    return batch, refusals


def angle_pairs(centre: IntArray, *, n_atoms: int) -> tuple[IntArray, IntArray]:
    """Ordered pairs of different directed bonds that share a centre, grouped by centre, then by the first bond.

    >>> first, second = angle_pairs(np.array([0, 1, 0]), n_atoms=2)
    >>> [(int(a), int(b)) for a, b in zip(first, second)]
    [(0, 2), (2, 0)]
    """
    order = np.argsort(centre, kind="stable")
    degree = np.bincount(centre, minlength=n_atoms)
    begin = np.cumsum(degree) - degree
    of_bond = degree[centre[order]]
    first = np.repeat(np.arange(len(centre)), of_bond)
    within = np.arange(len(first)) - np.repeat(np.cumsum(of_bond) - of_bond, of_bond)
    second = np.repeat(begin[centre[order]], of_bond) + within
    different = first != second
    return order[first[different]], order[second[different]]


def _refusals(
    *,
    numbers: IntArray,
    atom_owner: IntArray,
    n_atoms: IntArray,
    i: IntArray,
    j: IntArray,
    owner: IntArray,
    length: FloatArray,
    short: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    radii: FloatArray,
) -> dict[int, Refusal]:
    found: dict[int, Refusal] = {}
    allowed = OVERLAP_FRACTION * (radii[numbers[i]] + radii[numbers[j]])
    for bond in np.flatnonzero(length < allowed):
        text = f"two atoms stand {length[bond]:.3f} Å apart, under {allowed[bond]:.3f} Å (0.6 of their covalent radii)."
        found.setdefault(int(owner[bond]), Refusal("overlap", text))
    total = len(n_atoms)
    bonds = np.bincount(owner, minlength=total) / n_atoms
    degree = np.bincount(i, minlength=len(numbers)) + np.bincount(j, minlength=len(numbers))
    near = np.bincount(i[short], minlength=len(numbers)) + np.bincount(j[short], minlength=len(numbers))
    angles = np.bincount(atom_owner, weights=near * (near - 1), minlength=total) / n_atoms
    for index in np.flatnonzero((bonds > MAX_BONDS_PER_ATOM) | (angles > MAX_ANGLES_PER_ATOM)):
        text = f"{bonds[index]:.0f} bonds and {angles[index]:.0f} angles per atom: the cell has collapsed."
        found.setdefault(int(index), Refusal("collapsed", text))
    for index in np.unique(atom_owner[degree == 0]):
        found.setdefault(int(index), Refusal("isolated_atoms", "an atom has no neighbour within the cutoff."))
    return found
